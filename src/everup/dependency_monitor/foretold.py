"""Predictions and strains as findings: of services that still pass their check.

Flows in: predictions, what is remembered. Flows out: a Finding for each service that may deserve
an incident. Called by `relate`, which asks here only where a service has no symptom of its own.

A prediction becomes a finding from `prediction_acts_above` on, and stays one until it has fallen
well below, so that a value at the edge is one story. What runs out explains itself: no dependency
does.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.assessment import Finding, OwnHealth, Prediction, Predictions, Strain
from everup.model.kinds import LEAKS, ONLY_TOLD, Cause, Condition
from everup.model.settings import Settings
from everup.model.state import StackState

STILL_WELL = frozenset({Condition.HEALTHY, Condition.DEGRADED})
LETS_GO_BELOW = 0.2
"""So much below the level from which it is acted upon, a prediction is let go."""


def foretell(
    predictions: Predictions, own: OwnHealth, state: StackState, settings: Settings
) -> Mapping[str, Finding]:
    """Service → its finding. Pressure that is there goes before what is foretold, the likeliest of
    it first and of equals what a restart would end; both before slowness, which they may explain,
    and all before a date."""
    found: dict[str, Finding] = {}
    for cause in (Cause.CERTIFICATE_EXPIRES, Cause.SLOW):
        for strain in predictions.strains:
            if strain.cause is cause:
                _add(found, own, strain.service, _of_strain(strain, own))
    acted_upon = [
        p
        for p in predictions.items
        if p.cause not in ONLY_TOLD and is_acted_upon(p, state, settings)
    ]
    for prediction in sorted(acted_upon, key=lambda p: (p.probability, p.cause in LEAKS)):
        _add(found, own, prediction.service, _of_prediction(prediction, own, state))
    for strain in predictions.strains:
        if strain.cause is Cause.MEMORY_PRESSURE:
            _add(found, own, strain.service, _of_strain(strain, own))
    return found


def is_acted_upon(prediction: Prediction, state: StackState, settings: Settings) -> bool:
    """Likely enough, or so once and not let go of yet."""
    least = settings.prediction_acts_above
    made = state.predictions.get(prediction.service)
    if made is not None and made.cause is prediction.cause:
        least -= LETS_GO_BELOW
    return prediction.probability >= least


def _add(found: dict[str, Finding], own: OwnHealth, name: str, finding: Finding) -> None:
    health = own.services.get(name)
    if health is not None and health.condition in STILL_WELL:
        found[name] = finding


def _of_strain(strain: Strain, own: OwnHealth) -> Finding:
    return Finding(
        strain.service,
        strain.cause,
        strain.reason,
        strain.since_s,
        own.score(strain.service),
        instances=(strain.instance,) if strain.instance else (),
    )


def _of_prediction(prediction: Prediction, own: OwnHealth, state: StackState) -> Finding:
    made = state.predictions.get(prediction.service)
    is_made = made is not None and made.cause is prediction.cause
    since_s = made.made_at_s if made is not None and is_made else prediction.made_at_s
    left_s = prediction.likely_s - prediction.made_at_s
    when = f"at its limit in about {_spoken(left_s)}"
    if prediction.cause is Cause.ABOUT_TO_FAIL:
        when = f"within {_spoken(prediction.horizon_s)}"
    return Finding(
        prediction.service,
        prediction.cause,
        f"{prediction.evidence[0]}; {when}",
        since_s,
        own.score(prediction.service),
        confidence=prediction.probability,
        instances=(prediction.instance,) if prediction.instance else (),
    )


def _spoken(span_s: float) -> str:
    return f"{span_s:.0f} s" if span_s < 120.0 else f"{span_s / 60.0:.0f} min"
