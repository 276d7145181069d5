"""What looks saw of a service since the last step, as one StepSight.

Flows in: each look. Flows out: means of what is asked and used, the most of memory. Called by
`scaler`. What was not seen in any look of a step is unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from everup.auto_scaler.scaler import StepSight, Unit
from everup.auto_scaler.start_up import StartUp
from everup.loop.load_meter import WINDOW_INTERVALS
from everup.loop.look import Look
from everup.loop.sample import VALUE_MOST
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec

if TYPE_CHECKING:
    from everup.loop.control import Control


NEARLY = 0.5
"""Of an interval: readings come a little late."""


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

    __slots__ = (
        "cores",
        "errors",
        "latency",
        "memory",
        "queue",
        "ratio",
        "requests",
        "versions",
        "waiting",
    )

    def __init__(self) -> None:
        self.requests: dict[float, float] = {}  # time of the reading → rate over its intervals
        self.latency, self.errors = Mean(), Mean()
        self.waiting, self.queue, self.cores = Mean(), Mean(), Mean()
        self.memory = self.ratio = UNKNOWN
        self.versions: set[str] = set()


class StepSights:
    """Of one stack."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}
        self._deaths_told_s: dict[str, float] = {}
        self._counted: set[str] = set()  # whose requests, or queue, somebody counted in this life

    def see(self, look: Look) -> None:
        """One more look."""
        for name, seen in look.observation.services.items():
            if not seen.is_known:
                continue
            step = self._steps.get(name)
            if step is None:
                step = self._steps[name] = _Step()
            _add(step, seen)
            if seen.load is not None:
                self._counted.add(name)

    def take(self, spec: ServiceSpec, look: Look, control: Control) -> StepSight | None:
        """The step that ends with this look; None: nothing of it was ever seen."""
        seen = look.observation.services.get(spec.name)
        step = self._steps.pop(spec.name, None)
        if seen is None or not seen.is_known or step is None or not seen.instances:
            return None
        running = [one for one in seen.instances if _runs(one)]
        requests, cores = _demand(step.requests, control.settings), step.cores.value
        unit, demand = Unit.NOTHING, UNKNOWN
        if is_known(requests):
            unit, demand = Unit.REQUESTS, requests
        elif is_known(cores) and not self._is_counted(spec, seen, control):
            unit, demand = Unit.CORES, cores * len(running)
        limits = [one.instance.memory_limit_bytes for one in running or seen.instances]
        return StepSight(
            at_s=look.at_s,
            instances=len(seen.instances),
            ready=sum(1 for one in running if _works(one) and _is_given_work(one, seen)),
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
            out_of_memory=self._deaths(spec.name, seen, step),
            version=control.state.service(spec.name).version,
            starts_s=starts_s(spec, control),
        )

    def _is_counted(self, spec: ServiceSpec, seen: ServiceObservation, control: Control) -> bool:
        """Does anybody count what is asked of it? Where they cannot be read now demand is unknown:
        processors say little of it, and would have it shrink in a peak."""
        if seen.load is not None or spec.name in self._counted:
            return True
        if spec.scaling is not None and spec.scaling.queue is not None:
            return True
        return spec.route is not None and not control.traffic.no_router

    def _deaths(self, name: str, seen: ServiceObservation, step: _Step) -> int:
        """For lack of memory, at a limit that is known: while one version takes the place of
        another nobody can say at whose. What still has too little dies once more."""
        since_s = self._deaths_told_s.get(name, -math.inf)
        died = [one.at_s for one in seen.exits if one.is_out_of_memory and one.at_s > since_s]
        if died:
            self._deaths_told_s[name] = max(died)
        return len(died) if len(step.versions) < 2 else 0


def _add(step: _Step, seen: ServiceObservation) -> None:
    load = seen.load
    running = [one for one in seen.instances if _runs(one)]
    if load is not None:
        if is_known(load.requests_per_s):
            step.requests[load.at_s] = load.requests_per_s
        step.latency.add(load.latency_s)
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
    step.versions.update({one.instance.version for one in seen.instances} - {""})


def _demand(read: dict[float, float], settings: Settings) -> float:
    """The mean of the step, of readings that are about nothing else: each is over a few intervals,
    and one that reaches back before the step would have a rise seem to come later."""
    if not read:
        return UNKNOWN
    back_s = (WINDOW_INTERVALS - NEARLY) * settings.sample_interval_s
    since_s = max(read) - max(0.0, settings.scale_interval_s - back_s)
    kept = [rate for at_s, rate in read.items() if at_s >= since_s and rate <= VALUE_MOST]
    return sum(kept) / len(kept) if kept else UNKNOWN


def _more(known: float, value: float) -> float:
    """The larger one, of what can be."""
    is_one = 0.0 <= value <= VALUE_MOST
    return value if is_one and not value <= known else known


def _runs(one: InstanceObservation) -> bool:
    return one.instance.state is InstanceState.RUNNING


def _works(one: InstanceObservation) -> bool:
    return one.probe is None or one.probe.verdict is ProbeVerdict.PASS


def _is_given_work(one: InstanceObservation, seen: ServiceObservation) -> bool:
    """Has it a server, where a router tells whom it asks? By those without one the others seem to
    carry less than they do, and with each further one that the router does not know even less."""
    asked = {} if seen.load is None else seen.load.by_instance
    return not asked or one.instance.name in asked


def _least(values: list[float]) -> float:
    """Where none is known, there is none."""
    known = [value for value in values if is_known(value)]
    return min(known, default=math.inf if values else UNKNOWN)


def starts_s(spec: ServiceSpec, control: Control) -> float:
    """From the order until it is proven to be well: starting, and the window of its proof."""
    settings = control.settings
    fallback_s = spec.start_period_s or settings.start_period_unknown_s
    known = control.state.service(spec.name).startups_s
    return StartUp(fallback_s, known).quantile() + settings.verify_window_s
