"""Failures against which predictions are held: `met(...) -> failures of this look`. Pure.

Flows in: what incidents this look opens or changes, deaths, the ring of the recent past, open
predictions. Flows out: a Failure for each service that failed, with the prediction that named it
or what was visible before. Called by `accounting`. docs/accuracy.md says which failures count.

A service fails when an incident opens on it as a root for something that is no forewarning, when
one that was opened for a forewarning turns into such, or when an instance dies and nobody asked it
to. Failures of one service within the horizon of the one before are the same failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from everup.loop.history_ring import HistoryRing
from everup.model import entries as e
from everup.model.accuracy import Failure, SignalBefore
from everup.model.anomaly import Anomaly
from everup.model.assessment import Finding
from everup.model.history import SIGNALS, Signal
from everup.model.kinds import FORETOLD, UNKNOWN, Cause, Purpose, is_known
from everup.model.observation import Exit, Observation
from everup.model.prediction import MadePrediction, PredictionEnding
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState

ANOMALIES_S, ANOMALIES_MOST = 3600.0, 3
VISIBLE_S = 300.0
"""So long before a failure what was visible is kept."""
NO_FAILURE = FORETOLD | {Cause.STOPPED_ON_PURPOSE, Cause.REQUESTED}
MEANT_CODES = frozenset({None, 0, 130, 143, -2, -15})
"""Exit codes of what somebody may have asked to end: such a death alone is no failure."""
NAMED_IT = frozenset({PredictionEnding.HIT, PredictionEnding.AVERTED})


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is looked at."""

    stack: Stack
    observation: Observation
    findings: Mapping[str, Finding]
    ring: HistoryRing
    state: StackState
    settings: Settings


@dataclass(frozen=True, slots=True)
class _Trouble:
    service: str
    cause: Cause
    began_s: float
    incident_id: str = ""


def met(seen: Seen, entries: Iterable[e.Entry], before: Mapping[str, float]) -> list[Failure]:
    """Failures of this look. `before`: service → the highest probability foretold for it lately."""
    found: dict[str, Failure] = {}
    troubles = [*_by_incident(seen, entries), *_by_death(seen)]
    if not troubles:
        return []
    failed_s = {f.service: f.at_s for f in seen.state.accounts.latest}  # the latest one wins
    for trouble in troubles:
        spec = seen.stack.services.get(trouble.service)
        if spec is None or spec.is_one_shot or trouble.service in found:
            continue
        if seen.state.service(trouble.service).purpose is Purpose.STOPPED:
            continue
        last_s = failed_s.get(trouble.service, UNKNOWN)
        if trouble.began_s - last_s <= seen.settings.prediction_horizon_s:  # never so for NaN
            continue
        found[trouble.service] = _judged(seen, trouble, before.get(trouble.service, 0.0))
    return list(found.values())


def _by_incident(seen: Seen, entries: Iterable[e.Entry]) -> Iterator[_Trouble]:
    now_s = seen.observation.at_s
    for entry in entries:
        if isinstance(entry, e.IncidentOpened) and entry.cause not in NO_FAILURE:
            began_s = entry.seen_at_s if is_known(entry.seen_at_s) else now_s
            yield _Trouble(entry.service, entry.cause, began_s, entry.incident_id)
        if isinstance(entry, e.IncidentChanged) and entry.cause not in NO_FAILURE:
            known = seen.state.incidents.get(entry.incident_id)
            if known is not None and known.cause in FORETOLD:
                finding = seen.findings.get(known.service)
                began_s = now_s if finding is None else finding.since_s
                began_s = began_s if is_known(began_s) else now_s
                yield _Trouble(known.service, entry.cause, began_s, known.id)


def _by_death(seen: Seen) -> Iterator[_Trouble]:
    """Also of what the engine's own policy has started again before anybody looked."""
    for name, service in seen.observation.services.items():
        for death in service.exits:
            if is_failure(death):
                yield _Trouble(name, Cause.CRASH, death.at_s)


def is_failure(death: Exit) -> bool:
    """Did it end in a way that nobody asks for?"""
    if death.asked:
        return False
    return death.is_out_of_memory or (death.was_witnessed and death.code not in MEANT_CODES)


def _judged(seen: Seen, trouble: _Trouble, probability: float) -> Failure:
    service, began_s, settings = trouble.service, trouble.began_s, seen.settings
    horizon_s = settings.prediction_horizon_s
    well_s = well_for_s(seen.ring, service, began_s)
    made = _named_by(seen.state, service, began_s, horizon_s)
    return Failure(
        at_s=began_s,
        service=service,
        cause=trouble.cause,
        incident_id=trouble.incident_id,
        prediction_id="" if made is None else made.id,
        lead_s=UNKNOWN if made is None else began_s - made.made_at_s,
        probability=probability if made is None else max(probability, made.probability),
        well_s=well_s,
        visible=visible(seen.ring, service, began_s, VISIBLE_S * settings.time_scale),
        left_out=_left_out(seen, trouble, well_s),
        horizon_s=horizon_s,
        anomalies=_anomalies(seen, service, began_s),
    )


def _anomalies(seen: Seen, service: str, began_s: float) -> tuple[str, ...]:
    """What was noticed of it not long before, the latest first."""
    since_s = began_s - ANOMALIES_S * seen.settings.time_scale
    found = [
        one
        for one in reversed(seen.state.anomalies)
        if one.service == service and since_s <= one.at_s < began_s
    ]
    return tuple(_in_words(one, began_s) for one in found[:ANOMALIES_MOST])


def _in_words(anomaly: Anomaly, before_s: float) -> str:
    signals = dict.fromkeys(reason.signal for reason in anomaly.reasons if reason.signal)
    what = ", ".join(signals) or "all signals together"
    return f"{what} unusual {(before_s - anomaly.at_s) / 60.0:.0f} min before"


def _named_by(
    state: StackState, service: str, began_s: float, horizon_s: float
) -> MadePrediction | None:
    """The open prediction, or one that was settled by a limit or an action short of this."""
    made = state.predictions.get(service)
    if made is not None and made.made_at_s < began_s:
        return made
    for past in reversed(state.past_predictions):
        is_near = 0.0 < began_s - past.made_at_s <= horizon_s
        if past.service == service and past.ending in NAMED_IT and is_near:
            return past
    return None


def _left_out(seen: Seen, trouble: _Trouble, well_s: float) -> str:
    """Why no look could have foreseen it, or ""."""
    if trouble.cause is Cause.DEPENDENCY_DOWN:
        return "what it needs had failed"
    if trouble.cause is Cause.BAD_DEPLOY:
        return "a change explains it"
    changed_s = seen.observation.changes.get(trouble.service, UNKNOWN)
    if trouble.began_s - changed_s <= seen.settings.prediction_horizon_s:  # never so for NaN
        return "somebody had just changed it"
    past = seen.state.service(trouble.service).past
    if past and trouble.began_s - past[-1].ended_at_s < seen.settings.trend_least_s:
        return "something had just been done to it"
    if not well_s >= seen.settings.trend_least_s:
        return "it had not run well for long enough"
    return ""


def well_for_s(ring: HistoryRing, service: str, before_s: float) -> float:
    """For how long it ran and passed its probe without a break, before that moment, as far as the
    ring goes back; 0 when it did not."""
    times, up = ring.series(service, Signal.INSTANCES_UP)
    _, passing = ring.series(service, Signal.PROBE_OK)
    earlier = times < before_s
    times, up, passing = times[earlier], up[earlier], passing[earlier]
    is_well = (up > 0) & ~(passing <= 0)  # what has no probe is NaN, and runs well
    broken = np.flatnonzero(~is_well)
    # The sample at the very end may have met the failure already, before it was confirmed.
    if len(broken) and broken[-1] == len(times) - 1:
        broken = broken[:-1]
    first = int(broken[-1]) + 1 if len(broken) else 0
    return float(before_s - times[first]) if first < len(times) else 0.0


def visible(
    ring: HistoryRing, service: str, before_s: float, for_s: float
) -> tuple[SignalBefore, ...]:
    """What each signal did in the time before."""
    found = []
    for signal in SIGNALS:
        times, values = ring.series(service, signal, since_s=before_s - for_s)
        known = values[(times < before_s) & np.isfinite(values)]
        if len(known):
            numbers = (known[0], known[-1], known.min(), known.max())
            found.append(SignalBefore(signal, *(float(round(float(n), 6)) for n in numbers)))
    return tuple(found)
