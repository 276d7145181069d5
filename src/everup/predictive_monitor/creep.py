"""Answers that take longer and longer, towards the time-out of the check: `creeping(...)`. Pure.

Flows in: the stack, the observation, the ring, what is remembered. Flows out: a trend, and perhaps
a prediction, for each service whose answers creep. Called by `predict`, as for what runs out; the
line is `trend`'s, its probability `prior`'s.

Single answers are noise: the line is drawn through medians of five samples, and says nothing before
there are ten of them. A check that failed is no answer and no part of it; a minute of slow answers
that is over is none either, since the fall at its end would hide the creep that follows. Where the
machine itself is short of processors, every answer is late and none says anything of its service.
Fails: a slowness that came as a step, and stays, is no creep (`strains` tells of it); a rush
of requests that goes on for minutes looks like one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from everup.model.assessment import Prediction, Trend
from everup.model.history import Signal
from everup.model.kinds import UNKNOWN, Cause
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState
from everup.predictive_monitor.lines import WORTH_SAYING, line_begins_s
from everup.predictive_monitor.past import Past
from everup.predictive_monitor.prior import MODEL_VERSION, prior
from everup.predictive_monitor.steps import in_bursts
from everup.predictive_monitor.trend import TOGETHER, Climb, climb, medians

Floats = NDArray[np.float64]

GLANCE_SHARE = 0.2
"""Of the time-out; who is faster is not looked at."""
MOST = 0.9
"""The prior of a perfect line: load comes and goes."""
SERVICES_MOST = 100
"""That are looked at, those nearest to their time-out first."""


def creeping(
    stack: Stack, observation: Observation, past: Past, state: StackState, settings: Settings
) -> list[tuple[Trend, Prediction | None]]:
    """The line of each service that creeps, and what it foretells within the horizon."""
    if observation.host.pressure_ratio >= settings.host_pressure_ratio:
        return []
    _, values = past.matrix(Signal.LATENCY_S)
    if len(values) < 2 * TOGETHER:
        return []
    timeouts = np.array([_timeout_s(stack.services.get(name)) for name in past.services])
    with np.errstate(all="ignore"):
        shares = values[-TOGETHER:] / timeouts
        lately = np.sort(shares, axis=0)[TOGETHER // 2]  # NaN sorts last: over half must be known
    near = np.flatnonzero(lately >= GLANCE_SHARE)
    order = near[np.argsort(-lately[near], kind="stable")][:SERVICES_MOST]
    found = []
    for index in order:
        spec = stack.services[past.services[index]]
        line = _line(spec, observation, past, state, settings)
        if line is not None:
            found.append(_told(spec, line, observation, settings))
    return found


def _timeout_s(spec: ServiceSpec | None) -> float:
    return UNKNOWN if spec is None or spec.probe is None else spec.probe.timeout_s


def _line(
    spec: ServiceSpec, observation: Observation, past: Past, state: StackState, settings: Settings
) -> Climb | None:
    begins_s = line_begins_s(observation, spec.name, state)
    times, raw = past.series(spec.name, Signal.LATENCY_S, since_s=begins_s)
    times, values = medians(times, raw.astype(np.float64) / _timeout_s(spec))
    goes_on = ~in_bursts(values)
    return climb(times[goes_on], values[goes_on], span_least_s=settings.trend_least_s)


def _told(
    spec: ServiceSpec, line: Climb, observation: Observation, settings: Settings
) -> tuple[Trend, Prediction | None]:
    now_s, now = observation.at_s, line.level
    earliest, likely, latest = (now_s + each for each in line.seconds_to(1.0))
    trend = Trend(
        spec.name, Cause.SLOW, now, line.per_s, now_s - line.span_s, line.points,
        earliest, likely, latest,
    )  # fmt: skip
    probability = prior(line, now, settings.prediction_horizon_s, MOST)
    if probability < WORTH_SAYING:
        return trend, None
    timeout_s = _timeout_s(spec)
    said = (
        f"answers take {now * timeout_s:.2f} s of {timeout_s:g} s, {60 * line.per_s:.1%} of it "
        f"more a minute, over {line.span_s:.0f} s and {line.points} medians of {TOGETHER} samples",
        "they took longer in every quarter of that time",
    )
    return trend, Prediction(
        service=spec.name,
        cause=Cause.SLOW,
        probability=probability,
        earliest_s=earliest,
        likely_s=likely,
        evidence=said,
        model_version=MODEL_VERSION,
        made_at_s=now_s,
        latest_s=latest if np.isfinite(latest) else UNKNOWN,
        horizon_s=settings.prediction_horizon_s,
        level=now,
    )
