"""What will fail soon, and what is strained: `predict(...) -> Predictions`. Pure.

Flows in: the stack, the observation, the ring of the recent past, what is remembered. Flows out: at
most one prediction, and one trend, per service and cause (`limits`: memory, disk, open files,
connections, accept queue; `creep`: answers that take longer; `certificates`), and strains: memory
that stays near its limit, latency far beyond the service's own usual. Called by `loop.foresight`
after each new sample; most services are ruled out at a glance over all of them at once.

A disk that several services write to is foretold once, of the one that can free space, else of the
first by name. The probability is a prior: see `prior`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from everup.model.assessment import Prediction, Predictions, Strain, Trend
from everup.model.disk import fullest
from everup.model.history import Signal
from everup.model.kinds import UNKNOWN, Cause, InstanceState, is_known
from everup.model.levels import amounts, level
from everup.model.observation import InstanceObservation, Observation
from everup.model.settings import Settings
from everup.model.stack import FREE_SPACE_HOOK, ServiceSpec, Stack
from everup.model.state import StackState
from everup.predictive_monitor.certificates import certificates
from everup.predictive_monitor.creep import creeping
from everup.predictive_monitor.limits import LIMITS, Limit
from everup.predictive_monitor.lines import WORTH_SAYING, line_begins_s
from everup.predictive_monitor.past import Past
from everup.predictive_monitor.prior import MODEL_VERSION, PRIOR_MOST, prior
from everup.predictive_monitor.strains import SLOW_SHARE, lasting_since, usual_of
from everup.predictive_monitor.trend import Climb, climb

__all__ = ["MODEL_VERSION", "PRIOR_MOST", "moving", "predict", "prior"]

GLANCE_RISE = 0.03
"""Only what rose by this much of its limit is looked at; near its end, half of what is left."""
SAME_LIMIT = 0.01
LOOKED_AT_MOST = 100
"""Series that are taken apart in one look, the fullest first."""


def predict(
    stack: Stack, observation: Observation, past: Past, state: StackState, settings: Settings
) -> Predictions:
    """Predictions, strains and trends of all services."""
    items, strains, trends = certificates(observation, settings)
    for limit, name in moving(past):
        found = _trend(limit, stack.services[name], observation, past, state, settings)
        if found is not None:
            trend, foretold = found
            trends.append(trend)
            items += [foretold] if foretold is not None else []
    for trend, slow in creeping(stack, observation, past, state, settings):
        trends.append(trend)
        items += [slow] if slow is not None else []
    for name in _above(past, Signal.MEMORY_RATIO, settings.cache_clear_memory_above):
        strain = _pressure(stack.services[name], observation, past, settings)
        if strain is not None:
            strains.append(strain)
    for name in _above(past, Signal.LATENCY_S, SLOW_SHARE * settings.probe_timeout_s / 4):
        strain = _slow(stack.services[name], observation, past, settings)
        if strain is not None:
            strains.append(strain)
    return Predictions(
        tuple(_once_per_disk(items, stack, observation)), tuple(strains), tuple(trends)
    )


def moving(past: Past) -> list[tuple[Limit, str]]:
    """What deserves a closer look: not low, and risen. The fullest first."""
    found: list[tuple[float, int, str]] = []
    for place, limit in enumerate(LIMITS):
        _, values = past.matrix(limit.signal)
        if len(values) < 2:
            return []
        latest = values[-1]
        if not np.any(latest >= limit.glance_level):
            continue
        risen = latest - np.fmin.reduce(values, axis=0)
        least = np.minimum(GLANCE_RISE, (1.0 - latest) / 2.0) if place else GLANCE_RISE
        is_up = (latest >= limit.glance_level) & (risen >= least) & (risen > 0.0)
        found += [(-float(latest[i]), place, past.services[i]) for i in np.flatnonzero(is_up)]
    return [(LIMITS[place], name) for _, place, name in sorted(found)[:LOOKED_AT_MOST]]


def _above(past: Past, signal: Signal, least: float) -> list[str]:
    _, values = past.matrix(signal)
    if not len(values):
        return []
    latest = values[-1]
    found = np.flatnonzero(latest > least)
    order = found[np.argsort(-latest[found], kind="stable")][:LOOKED_AT_MOST]
    return [past.services[index] for index in order]


def _trend(
    limit: Limit,
    spec: ServiceSpec,
    observation: Observation,
    past: Past,
    state: StackState,
    settings: Settings,
) -> tuple[Trend, Prediction | None] | None:
    """The line of one signal of one service, and what it foretells within the horizon."""
    worst = _nearest(observation, spec.name, limit.cause)
    if worst is None:
        return None
    begins_s = line_begins_s(observation, spec.name, state, is_its_own=limit.is_its_own)
    if limit.cause is Cause.LEAK:
        begins_s = max(begins_s, _limit_changed_s(past, spec.name))
    times, raw = past.series(spec.name, limit.signal, since_s=begins_s)
    values = raw.astype(np.float64)
    line = climb(times, values, span_least_s=settings.trend_least_s)
    if line is None or not is_known(float(values[-1])):
        return None
    now_s, now = observation.at_s, float(values[-1])
    earliest, likely, latest = (now_s + each for each in line.seconds_to(1.0))
    trend = Trend(
        spec.name, limit.cause, now, line.per_s, now_s - line.span_s, line.points,
        earliest, likely, latest, worst.instance.name,
    )  # fmt: skip
    probability = prior(line, now, settings.prediction_horizon_s, limit.most)
    if probability < WORTH_SAYING:
        return trend, None
    return trend, Prediction(
        service=spec.name,
        cause=limit.cause,
        probability=probability,
        earliest_s=earliest,
        likely_s=likely,
        evidence=_evidence(limit, line, now, worst),
        model_version=MODEL_VERSION,
        made_at_s=now_s,
        latest_s=latest if np.isfinite(latest) else UNKNOWN,
        horizon_s=settings.prediction_horizon_s,
        level=now,
        instance=worst.instance.name,
    )


def _evidence(limit: Limit, line: Climb, now: float, worst: InstanceObservation) -> tuple[str, ...]:
    a_minute = 60.0 * line.per_s
    low, high = 60.0 * line.per_s_least, 60.0 * line.per_s_most
    said = [
        f"{limit.noun} at {now:.0%} of its limit{amounts(limit.cause, worst)}, {a_minute:.1%} more "
        f"a minute ({low:.1%} to {high:.1%}), over {line.span_s:.0f} s and {line.points} samples",
        "it climbed in every quarter of that time",
    ]
    if line.headway > 0.0:
        said.append(f"it also falls by itself, but its floor climbs; peaks {line.headway:.0%} more")
    if line.late_ratio < 0.6:
        said.append(f"lately at {line.late_ratio:.0%} of that pace: it may level off")
    return tuple(said)


def _limit_changed_s(past: Past, service: str) -> float:
    """Since when its memory limit is what it is now: a share of another one is no part of the line.
    What is used, by how full that is, tells the limit."""
    times, ratios = past.series(service, Signal.MEMORY_RATIO)
    _, used = past.series(service, Signal.MEMORY_BYTES)
    known = np.flatnonzero((ratios > 0.0) & (used > 0.0))
    if len(known) < 2:
        return float("-inf")
    limits = used[known].astype(np.float64) / ratios[known]
    others = np.flatnonzero(np.abs(limits / limits[-1] - 1.0) > SAME_LIMIT)
    return float(times[known[others[-1] + 1]]) if len(others) else float("-inf")


def _nearest(observation: Observation, service: str, cause: Cause) -> InstanceObservation | None:
    """The running instance that is nearest to its limit."""
    seen = observation.services.get(service)
    known = [
        (level(cause, i), i)
        for i in (seen.instances if seen is not None and seen.is_known else ())
        if i.instance.state is InstanceState.RUNNING and is_known(level(cause, i))
    ]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def _once_per_disk(
    items: Sequence[Prediction], stack: Stack, observation: Observation
) -> list[Prediction]:
    """Of a disk that several write to, one stands for all, and says who the others are."""
    by_device: dict[str, list[Prediction]] = {}
    for item in items:
        if item.cause is Cause.DISK_FILLING and (device := _device(observation, item)):
            by_device.setdefault(device, []).append(item)
    instead: Mapping[int, Prediction | None] = {}
    for shared in by_device.values():
        first = min(
            shared,
            key=lambda p: (FREE_SPACE_HOOK not in stack.services[p.service].hooks, p.service),
        )
        others = sorted({p.service for p in shared} - {first.service})
        said = f"the same disk is used by {', '.join(others)}"
        instead = {**instead, **{id(p): None for p in shared}}
        evidence = (*first.evidence, said) if others else first.evidence
        instead = {**instead, id(first): replace(first, evidence=evidence)}
    kept = (instead.get(id(item), item) for item in items)
    return [item for item in kept if item is not None]


def _device(observation: Observation, item: Prediction) -> str:
    seen = observation.services.get(item.service)
    for one in seen.instances if seen is not None else ():
        if one.instance.name == item.instance:
            layer = one.instance.resources.layer
            disk = fullest([d for d in (one.instance.disk, layer) if d is not None])
            return "" if disk is None else disk.device
    return ""


def _pressure(
    spec: ServiceSpec, observation: Observation, past: Past, settings: Settings
) -> Strain | None:
    worst = _nearest(observation, spec.name, Cause.MEMORY_PRESSURE)
    least = settings.cache_clear_memory_above
    if worst is None or not worst.memory_ratio > least:
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
        worst.memory_ratio,
        worst.instance.name,
        min(1.0, worst.memory_ratio),
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
