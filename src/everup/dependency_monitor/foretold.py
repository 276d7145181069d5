"""Predictions and strains as findings: of services that still pass their check.

Flows in: predictions, what is remembered. Flows out: a Finding for each service that may deserve
an incident. Called by `relate`, which asks here only where a service has no symptom of its own.

A prediction becomes a finding from `prediction_acts_above` on, and stays one until it has fallen
well below, so that a value at the edge is one story. Memory explains itself: no dependency does.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.assessment import Finding, OwnHealth, Prediction, Predictions, Strain
from everup.model.kinds import Cause, Condition
from everup.model.settings import Settings
from everup.model.state import StackState

STILL_WELL = frozenset({Condition.HEALTHY, Condition.DEGRADED})
LETS_GO_BELOW = 0.2
"""So much below the level from which it is acted upon, a prediction is let go."""


def foretell(
    predictions: Predictions, own: OwnHealth, state: StackState, settings: Settings
) -> Mapping[str, Finding]:
    """Service → its finding. Pressure that is there goes before a leak that is foretold, and both
    before slowness, which they may explain."""
    found: dict[str, Finding] = {}
    for strain in predictions.strains:
        if strain.cause is Cause.SLOW:
            _add(found, own, strain.service, _of_strain(strain, own))
    for prediction in predictions.items:
        if is_acted_upon(prediction, state, settings):
            _add(found, own, prediction.service, _of_prediction(prediction, own, state))
    for strain in predictions.strains:
        if strain.cause is Cause.MEMORY_PRESSURE:
            _add(found, own, strain.service, _of_strain(strain, own))
    return found


def is_acted_upon(prediction: Prediction, state: StackState, settings: Settings) -> bool:
    """Likely enough, or so once and not let go of yet."""
    least = settings.prediction_acts_above
    if prediction.service in state.predictions:
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
    since_s = prediction.made_at_s if made is None else made.made_at_s
    left_s = prediction.likely_s - prediction.made_at_s
    return Finding(
        prediction.service,
        prediction.cause,
        f"{prediction.evidence[0]}; at its limit in about {_spoken(left_s)}",
        since_s,
        own.score(prediction.service),
        confidence=prediction.probability,
        instances=(prediction.instance,) if prediction.instance else (),
    )


def _spoken(span_s: float) -> str:
    return f"{span_s:.0f} s" if span_s < 120.0 else f"{span_s / 60.0:.0f} min"
