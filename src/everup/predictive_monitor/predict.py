"""What will fail soon, and what is strained: `predict(...) -> Predictions`. Pure.

Flows in: the stack, the observation, the ring of the recent past, what is remembered. Flows out: at
most one prediction per service (memory that climbs to its limit), and strains: memory that stays
near its limit, latency far beyond the service's own usual. Called by `loop.foresight` after each
new sample; most services are ruled out at a glance over all of them at once.

The probability is a prior, and its model says so (`trend-prior-1`): no outcomes were learned from.
It is 0.95 at most, times five doubts, each 0-1: how much of the interval lies within the horizon;
how far the line was seen to climb, against how far it is drawn on from there; how high the level
is, since what grows at a low level often levels off or is collected; how steady the line is;
whether it levels off already. A level under 0.43 of the limit cannot reach the 0.7 from which a
prediction is acted upon, one above 0.65 is not doubted for its level.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from everup.model.assessment import Prediction, Predictions, Strain
from everup.model.history import FloatArray, Signal, TimeArray
from everup.model.kinds import UNKNOWN, Cause, InstanceState, is_known
from everup.model.observation import InstanceObservation, Observation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState
from everup.predictive_monitor.strains import SLOW_SHARE, lasting_since, usual_of
from everup.predictive_monitor.trend import Climb, climb

MODEL_VERSION = "trend-prior-1"
PRIOR_MOST = 0.95
WORTH_SAYING = 0.05
SEEN_OF_AHEAD = 0.5  # a line is drawn on for twice as far as it was seen, without a doubt
LEVEL_LOW, LEVEL_HIGH = 0.25, 0.65  # of the limit: half a doubt there, none here
GLANCE_LEVEL, GLANCE_RISE = 0.25, 0.03
"""Only memory above this share of its limit, which rose by this much, is looked at."""
LOOKED_AT_MOST = 100
"""Services whose series are taken apart in one look, the fullest and slowest first."""


class Past(Protocol):
    """The ring of the recent past, as far as it is read here."""

    @property
    def services(self) -> tuple[str, ...]:
        """In the order of the matrix."""
        ...

    def matrix(self, signal: Signal) -> tuple[TimeArray, FloatArray]:
        """Times, and values as `[time, service]`."""
        ...

    def series(
        self, service: str, signal: Signal, *, since_s: float = ...
    ) -> tuple[TimeArray, FloatArray]:
        """Times and values of one service."""
        ...


def predict(
    stack: Stack, observation: Observation, past: Past, state: StackState, settings: Settings
) -> Predictions:
    """Predictions and strains of all services."""
    items: list[Prediction] = []
    strains: list[Strain] = []
    for name in rising(past):
        found = _leak(stack.services[name], observation, past, state, settings)
        if found is not None:
            items.append(found)
    for name in _above(past, Signal.MEMORY_RATIO, settings.cache_clear_memory_above):
        strain = _pressure(stack.services[name], observation, past, settings)
        if strain is not None:
            strains.append(strain)
    for name in _above(past, Signal.LATENCY_S, SLOW_SHARE * settings.probe_timeout_s / 4):
        strain = _slow(stack.services[name], observation, past, settings)
        if strain is not None:
            strains.append(strain)
    return Predictions(tuple(items), tuple(strains))


def rising(past: Past) -> list[str]:
    """Services whose memory deserves a closer look: not low, and risen. The fullest first."""
    _, values = past.matrix(Signal.MEMORY_RATIO)
    if len(values) < 2:
        return []
    latest = values[-1]
    risen = latest - np.fmin.reduce(values, axis=0)
    found = np.flatnonzero((latest >= GLANCE_LEVEL) & (risen >= GLANCE_RISE))
    return _fullest(past, latest, found)


def _above(past: Past, signal: Signal, least: float) -> list[str]:
    _, values = past.matrix(signal)
    if not len(values):
        return []
    return _fullest(past, values[-1], np.flatnonzero(values[-1] > least))


def _fullest(
    past: Past, latest: FloatArray, found: np.ndarray[tuple[int], np.dtype[np.intp]]
) -> list[str]:
    order = found[np.argsort(-latest[found], kind="stable")][:LOOKED_AT_MOST]
    return [past.services[index] for index in order]


def _leak(
    spec: ServiceSpec, observation: Observation, past: Past, state: StackState, settings: Settings
) -> Prediction | None:
    fullest = _fullest_instance(observation, spec.name)
    if fullest is None:
        return None
    since_s = line_begins_s(observation, spec.name, state)
    times, values = past.series(spec.name, Signal.MEMORY_RATIO, since_s=since_s)
    line = climb(times, values.astype(np.float64), span_least_s=settings.trend_least_s)
    if line is None or not is_known(float(values[-1])):
        return None
    now_s = observation.at_s
    level = float(values[-1])
    earliest, likely, latest = line.seconds_to(1.0)
    probability = prior(line, level, settings.prediction_horizon_s)
    if probability < WORTH_SAYING:
        return None
    return Prediction(
        service=spec.name,
        cause=Cause.LEAK,
        probability=probability,
        earliest_s=now_s + earliest,
        likely_s=now_s + likely,
        evidence=_evidence(line, level, settings.time_scale),
        model_version=MODEL_VERSION,
        made_at_s=now_s,
        latest_s=now_s + latest if np.isfinite(latest) else UNKNOWN,
        horizon_s=settings.prediction_horizon_s,
        level=level,
        instance=fullest.instance.name,
    )


def prior(line: Climb, level: float, horizon_s: float) -> float:
    """The probability that the limit is met within the horizon; see the top of this file."""
    earliest, likely, latest = line.seconds_to(1.0)
    if earliest >= horizon_s:
        return 0.0
    # The likely time halves the interval: half of the chance lies before it, half after.
    if horizon_s <= likely:
        within = 0.5 * (horizon_s - earliest) / max(1e-9, likely - earliest)
    elif np.isinf(latest) or latest <= likely:
        within = 1.0
    else:
        within = 0.5 + 0.5 * min(1.0, (horizon_s - likely) / (latest - likely))
    high = min(1.0, max(0.0, (level - LEVEL_LOW) / (LEVEL_HIGH - LEVEL_LOW)))
    levels_off = min(1.0, max(0.0, line.late_ratio / 0.6))
    seen, ahead = line.per_s * line.span_s, max(0.0, 1.0 - line.headway - line.level)
    drawn_on = min(1.0, seen / max(1e-9, SEEN_OF_AHEAD * ahead))
    doubts = within * drawn_on * (0.5 + 0.5 * high) * (0.5 + 0.5 * line.steadiness) * levels_off
    return float(PRIOR_MOST * doubts)


def _evidence(line: Climb, level: float, time_scale: float) -> tuple[str, ...]:
    a_minute = 60.0 * line.per_s
    low, high = 60.0 * line.per_s_least, 60.0 * line.per_s_most
    said = [
        f"memory at {level:.0%} of its limit, {a_minute:.1%} more a minute "
        f"({low:.1%} to {high:.1%}), over {line.span_s:.0f} s and {line.points} samples",
        "it climbed in every quarter of that time",
    ]
    if line.headway > 0.0:
        said.append(f"it also falls by itself, but its floor climbs; peaks {line.headway:.0%} more")
    if line.late_ratio < 0.6:
        said.append(f"lately at {line.late_ratio:.0%} of that pace: it may level off")
    return tuple(said)


def line_begins_s(observation: Observation, service: str, state: StackState) -> float:
    """A new life, and each action of ours that helped, begins a new line."""
    seen = observation.services.get(service)
    starts = [i.instance.started_at_s for i in (seen.instances if seen is not None else ())]
    starts += [p.ended_at_s for p in state.service(service).past if p.has_passed]
    return max((s for s in starts if is_known(s)), default=float("-inf"))


def _fullest_instance(observation: Observation, service: str) -> InstanceObservation | None:
    seen = observation.services.get(service)
    known = [
        i
        for i in (seen.instances if seen is not None and seen.is_known else ())
        if i.instance.state is InstanceState.RUNNING and is_known(i.memory_ratio)
    ]
    return max(known, key=lambda i: i.memory_ratio, default=None)


def _pressure(
    spec: ServiceSpec, observation: Observation, past: Past, settings: Settings
) -> Strain | None:
    fullest = _fullest_instance(observation, spec.name)
    least = settings.cache_clear_memory_above
    if fullest is None or not fullest.memory_ratio > least:
        return None
    times, values = past.series(spec.name, Signal.MEMORY_RATIO)
    since_s = lasting_since(times, values.astype(np.float64), least)
    if since_s is None or observation.at_s - since_s < settings.memory_pressure_lasts_s:
        return None
    text = f"memory has been above {least:.0%} of its limit for {observation.at_s - since_s:.0f} s"
    return Strain(
        spec.name,
        Cause.MEMORY_PRESSURE,
        text,
        since_s,
        fullest.memory_ratio,
        fullest.instance.name,
        min(1.0, fullest.memory_ratio),
    )


def _slow(
    spec: ServiceSpec, observation: Observation, past: Past, settings: Settings
) -> Strain | None:
    """All answers for `slow_lasts_s` are far beyond what is usual here, and are answers still."""
    if spec.probe is None or observation.host.pressure_ratio >= settings.host_pressure_ratio:
        return None
    times, raw = past.series(spec.name, Signal.LATENCY_S)
    values = raw.astype(np.float64)
    usual = usual_of(times, values, before_s=observation.at_s - settings.slow_lasts_s)
    if usual is None:
        return None
    limit = usual.limit(spec.probe.timeout_s)
    since_s = lasting_since(times, values, limit)
    if since_s is None or observation.at_s - since_s < settings.slow_lasts_s:
        return None
    latest = float(values[-1])
    text = (
        f"answers take {latest:.2f} s, {latest / usual.median:.0f} times its usual "
        f"{1000 * usual.median:.0f} ms, for {observation.at_s - since_s:.0f} s"
    )
    share = min(1.0, latest / spec.probe.timeout_s)
    return Strain(spec.name, Cause.SLOW, text, since_s, latest, share=share)
