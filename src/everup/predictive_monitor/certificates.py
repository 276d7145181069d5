"""Certificates that end: a date, and no line. `certificates(...)`. Pure.

Flows in: what was seen of the answers that came over TLS. Flows out: for each service the end that
comes first, as a trend from `TOLD_OF_S` before it; as a strain, of which a person is told, from
`certificate_told_s` before it; and as a prediction within the horizon. Called by `predict`.

Nothing is done about it: whoever renews certificates is somebody else, and a restart renews none.
"""

from __future__ import annotations

from everup.model.assessment import Prediction, Strain, Trend
from everup.model.kinds import Cause, InstanceState
from everup.model.observation import InstanceObservation, Observation
from everup.model.settings import Settings
from everup.predictive_monitor.prior import MODEL_VERSION, PRIOR_MOST

TOLD_OF_S = 30.0 * 86_400.0
DAY_S = 86_400.0

Found = tuple[list[Prediction], list[Strain], list[Trend]]


def certificates(observation: Observation, settings: Settings) -> Found:
    """Of all services that showed one which ends soon."""
    items, strains, trends = list[Prediction](), list[Strain](), list[Trend]()
    for name, seen in observation.services.items():
        first: InstanceObservation | None = None
        for one in seen.instances:
            if one.instance.state is not InstanceState.RUNNING or not _ends_s(one) > 0.0:
                continue
            if first is None or _ends_s(one) < _ends_s(first):
                first = one
        if first is not None and _ends_s(first) - observation.at_s <= TOLD_OF_S:
            _add(name, first, observation.at_s, settings, (items, strains, trends))
    return items, strains, trends


def _ends_s(one: InstanceObservation) -> float:
    return float("nan") if one.probe is None else one.probe.certificate_ends_s


def _add(
    name: str, one: InstanceObservation, now_s: float, settings: Settings, found: Found
) -> None:
    items, strains, trends = found
    cause, ends_s, instance = Cause.CERTIFICATE_EXPIRES, _ends_s(one), one.instance.name
    left_s = ends_s - now_s
    near = min(1.0, max(0.0, 1.0 - left_s / TOLD_OF_S))
    trends.append(
        Trend(name, cause, near, 1.0 / TOLD_OF_S, now_s, 1, ends_s, ends_s, ends_s, instance)
    )
    text = f"the certificate that it shows {_spoken(left_s)}"
    if left_s <= settings.certificate_told_s:
        since_s = min(now_s, ends_s - settings.certificate_told_s)
        strains.append(Strain(name, cause, text, since_s, near, instance))
    if left_s <= settings.prediction_horizon_s:
        items.append(
            Prediction(
                name, cause, PRIOR_MOST, ends_s, ends_s, (text,), MODEL_VERSION, now_s, ends_s,
                settings.prediction_horizon_s, instance=instance,
            )
        )  # fmt: skip


def _spoken(left_s: float) -> str:
    if left_s <= 0.0:
        return "has ended"
    if left_s < 2.0 * 3600.0:
        return f"ends in {left_s / 60.0:.0f} min"
    if left_s < 2.0 * DAY_S:
        return f"ends in {left_s / 3600.0:.0f} h"
    return f"ends in {left_s / DAY_S:.0f} days"
