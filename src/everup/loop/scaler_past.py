"""Demand and use of earlier lives, lived through once more: history → what was learned from it.

Flows in: blocks of history. Flows out: a ServiceScaler for each service that has a past. Called by
`scaler` beside the looks; it rests after each stretch, so that what is healed meanwhile has most of
the processor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from everup.auto_scaler.demand.past import DAY
from everup.auto_scaler.rules import rule_for
from everup.auto_scaler.scaler import Allowed, ServiceScaler, StepSight, Unit
from everup.loop.ports import History
from everup.model.axis import Axis
from everup.model.history import INDEX, FloatArray, Signal
from everup.model.kinds import UNKNOWN
from everup.model.settings import Settings
from everup.model.sizing import ScalingSpec
from everup.model.stack import ServiceSpec, Stack

DAYS = 8
STEPS_MOST = 500_000
"""Steps times services: what a start may cost, a minute or two of one processor."""
RESTS = 4.0
STRETCH = 20
"""Steps between two rests."""
WATCHED = (
    Signal.REQUESTS_PER_S,
    Signal.FAILURES_PER_S,
    Signal.ROUTED_LATENCY_S,
    Signal.WORK_QUEUE,
    Signal.CPU_RATIO,
    Signal.INSTANCES_UP,
    Signal.MEMORY_BYTES,
    Signal.MEMORY_RATIO,
)
AT = [INDEX[signal] for signal in WATCHED]


def new_scaler(spec: ServiceSpec, settings: Settings, at_s: float) -> ServiceScaler:
    """Of a service of which nothing is known yet."""
    return ServiceScaler(spec.scaling or ScalingSpec(), rule_for(spec), settings, at_s)


async def live_through(
    stack: Stack, settings: Settings, history: History, now_s: float
) -> Mapping[str, ServiceScaler]:
    """Of all services that were ever seen in it."""
    step_s = settings.scale_interval_s
    names = tuple(stack.services)
    steps_most = min(DAYS * DAY, STEPS_MOST // max(1, len(names)))
    until = int(now_s // step_s)
    since = until - steps_most
    found: dict[str, ServiceScaler] = {}
    gathered = _Gathering(len(names), step_s)
    last, stretch = since, 0
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    async for times_s, samples in history.blocks(since * step_s, until * step_s):
        for at_s, sample in zip(times_s.tolist(), samples[:, AT], strict=True):
            row = gathered.take(at_s, sample)
            if row is None:
                continue
            step, values = row
            for place, name in enumerate(names):
                _follow(found, stack, settings, name, step, last, values[:, place])
            last = step
            stretch += len(names)
            if stretch >= STRETCH:
                stretch = 0
                await asyncio.sleep(RESTS * (loop.time() - begun_s))
                begun_s = loop.time()
    for scaler in found.values():
        scaler.skip(until - last - 1)
    return found


def _follow(
    found: dict[str, ServiceScaler],
    stack: Stack,
    settings: Settings,
    name: str,
    step: int,
    last: int,
    values: NDArray[np.float64],
) -> None:
    known = dict(zip(WATCHED, values.tolist(), strict=True))
    instances = known[Signal.INSTANCES_UP]
    scaler = found.get(name)
    if scaler is None and not instances >= 1.0:
        return  # not seen yet
    spec = stack.services[name]
    at_s = (step + 1) * settings.scale_interval_s
    if scaler is None:
        scaler = found[name] = new_scaler(spec, settings, at_s)
    else:
        scaler.skip(step - last - 1)
    count = max(1, round(instances)) if instances == instances else 1
    least, most = (spec.min_instances, spec.max_instances) if spec.has_bounds else (count, count)
    axis = Axis.COUNT if spec.has_bounds else Axis.NONE
    sight = _sight(known, at_s, count, is_counted=_is_counted(spec, scaler))
    scaler.follow(sight, Allowed(axis, least, most, spec.limits))


def _is_counted(spec: ServiceSpec, scaler: ServiceScaler) -> bool:
    """As in `scaler_sight`: where somebody counts what is asked of it, the processors do not stand
    in for a moment in which nobody did, and what was learned of demand is not begun anew."""
    has_queue = spec.scaling is not None and spec.scaling.queue is not None
    return has_queue or spec.route is not None or scaler.unit is Unit.REQUESTS


def _sight(
    known: Mapping[Signal, float], at_s: float, count: int, *, is_counted: bool
) -> StepSight:
    requests, cores = known[Signal.REQUESTS_PER_S], known[Signal.CPU_RATIO]
    unit, demand = Unit.NOTHING, UNKNOWN
    if requests == requests:
        unit, demand = Unit.REQUESTS, requests
    elif cores == cores and not is_counted:
        unit, demand = Unit.CORES, cores * count
    ratio, memory = known[Signal.MEMORY_RATIO], known[Signal.MEMORY_BYTES]
    return StepSight(
        at_s=at_s,
        instances=count,
        ready=count,
        demand=demand,
        unit=unit,
        latency_s=known[Signal.ROUTED_LATENCY_S],
        errors_ratio=known[Signal.FAILURES_PER_S] / requests if requests > 0 else UNKNOWN,
        queue=known[Signal.WORK_QUEUE],
        cpu_cores=cores,
        memory_ratio=ratio,
        memory_bytes=memory,
        memory_limit_bytes=memory / ratio if ratio > 0 else UNKNOWN,
    )


class _Gathering:
    """Samples → means of steps, and the most of memory."""

    def __init__(self, services: int, step_s: float) -> None:
        self._step_s, self._step = step_s, -1
        self._shape = (len(WATCHED), services)
        self._begin()

    def _begin(self) -> None:
        self._sums, self._counts = np.zeros(self._shape), np.zeros(self._shape)
        self._most = np.full(self._shape, -np.inf)

    def take(self, at_s: float, sample: FloatArray) -> tuple[int, NDArray[np.float64]] | None:
        """(step, `[signal, service]`) of the step that ended before this sample."""
        step = int(at_s // self._step_s)
        done = None
        if step != self._step and self._step >= 0:
            done = (self._step, self._values())
            self._begin()
        self._step = step
        known = np.isfinite(sample)
        self._sums += np.where(known, sample, 0.0)
        self._counts += known
        self._most = np.maximum(self._most, np.where(known, sample, -np.inf))
        return done

    def _values(self) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.where(self._counts > 0, self._sums / self._counts, np.nan)
        for signal in (Signal.MEMORY_BYTES, Signal.MEMORY_RATIO):
            row = WATCHED.index(signal)
            found[row] = np.where(self._counts[row] > 0, self._most[row], np.nan)
        return np.asarray(found, dtype=np.float64)
