"""What looks saw of a service since the last step, as one StepSight.

Flows in: each look. Flows out: means of what is asked and used, the most of memory. Called by
`scaler`. What was not seen in any look of a step is unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from everup.auto_scaler.scaler import StepSight, Unit
from everup.auto_scaler.start_up import StartUp
from everup.loop.look import Look
from everup.loop.sample import VALUE_MOST
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.stack import ServiceSpec

if TYPE_CHECKING:
    from everup.loop.control import Control


class Mean:
    """Of what was known."""

    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """NaN says nothing."""
        if abs(value) <= VALUE_MOST:
            self._sum += value
            self._count += 1

    @property
    def value(self) -> float:
        """NaN: nothing was known."""
        return self._sum / self._count if self._count else UNKNOWN


class _Step:
    """Of one service, since the last step."""

    __slots__ = ("cores", "errors", "latency", "memory", "queue", "ratio", "requests", "waiting")

    def __init__(self) -> None:
        self.requests, self.latency, self.errors = Mean(), Mean(), Mean()
        self.waiting, self.queue, self.cores = Mean(), Mean(), Mean()
        self.memory = self.ratio = UNKNOWN


class StepSights:
    """Of one stack."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}
        self._deaths_told_s: dict[str, float] = {}

    def see(self, look: Look) -> None:
        """One more look."""
        for name, seen in look.observation.services.items():
            if not seen.is_known:
                continue
            step = self._steps.get(name)
            if step is None:
                step = self._steps[name] = _Step()
            _add(step, seen)

    def take(self, spec: ServiceSpec, look: Look, control: Control) -> StepSight | None:
        """The step that ends with this look; None: nothing of it was ever seen."""
        seen = look.observation.services.get(spec.name)
        step = self._steps.pop(spec.name, None)
        if seen is None or not seen.is_known or step is None or not seen.instances:
            return None
        running = [one for one in seen.instances if _runs(one)]
        requests, cores = step.requests.value, step.cores.value
        unit, demand = Unit.NOTHING, UNKNOWN
        if is_known(requests):
            unit, demand = Unit.REQUESTS, requests
        elif seen.load is None and is_known(cores):
            unit, demand = Unit.CORES, cores * len(running)
        limits = [one.instance.memory_limit_bytes for one in running]
        return StepSight(
            at_s=look.at_s,
            instances=len(seen.instances),
            ready=sum(1 for one in running if _works(one)),
            demand=demand,
            unit=unit,
            latency_s=step.latency.value,
            errors_ratio=step.errors.value,
            waiting=step.waiting.value,
            queue=step.queue.value,
            cpu_cores=cores,
            cpus=_least([one.instance.cpus for one in running]),
            memory_ratio=step.ratio,
            memory_bytes=step.memory,
            memory_limit_bytes=_least(limits),
            out_of_memory=self._deaths(spec.name, seen),
            version=control.state.service(spec.name).version,
            starts_s=_starts_s(spec, control),
        )

    def _deaths(self, name: str, seen: ServiceObservation) -> int:
        since_s = self._deaths_told_s.get(name, -math.inf)
        died = [one.at_s for one in seen.exits if one.is_out_of_memory and one.at_s > since_s]
        if died:
            self._deaths_told_s[name] = max(died)
        return len(died)


def _add(step: _Step, seen: ServiceObservation) -> None:
    load = seen.load
    running = [one for one in seen.instances if _runs(one)]
    if load is not None:
        step.requests.add(load.requests_per_s)
        step.latency.add(_latency_s(load.latency_s, load.sessions, load.requests_per_s))
        if load.requests_per_s > 0:
            step.errors.add(min(1.0, load.failures_per_s / load.requests_per_s))
        step.waiting.add(load.waiting / max(1, len(running)))
        step.queue.add(load.queue)
    cores = Mean()
    for one in running:
        cores.add(one.cpu_ratio)
        step.memory = _more(step.memory, one.instance.memory_bytes)
        step.ratio = _more(step.ratio, one.memory_ratio)
    step.cores.add(cores.value)


def _more(known: float, value: float) -> float:
    """The larger one, of what can be."""
    is_one = 0.0 <= value <= VALUE_MOST
    return value if is_one and not value <= known else known


def _latency_s(told_s: float, sessions: float, rate: float) -> float:
    """A router's mean of its latest thousand answers comes late: what is under way now, over how
    much comes, says the same at once (Little, 1961). It counts where it is clearly more."""
    if rate > 0 and sessions > FEW_SESSIONS:
        now_s = sessions / rate
        if now_s > CLEARLY * told_s:
            return now_s
    return told_s


FEW_SESSIONS = 4.0
CLEARLY = 1.5


def _runs(one: InstanceObservation) -> bool:
    return one.instance.state is InstanceState.RUNNING


def _works(one: InstanceObservation) -> bool:
    return one.probe is None or one.probe.verdict is ProbeVerdict.PASS


def _least(values: list[float]) -> float:
    """Where none is known, there is none."""
    known = [value for value in values if is_known(value)]
    return min(known, default=math.inf if values else UNKNOWN)


def _starts_s(spec: ServiceSpec, control: Control) -> float:
    """From the order until it is proven to be well: starting, and the window of its proof."""
    settings = control.settings
    fallback_s = spec.start_period_s or settings.start_period_unknown_s
    known = control.state.service(spec.name).startups_s
    return StartUp(fallback_s, known).quantile() + settings.verify_window_s
