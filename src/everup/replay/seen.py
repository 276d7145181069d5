"""From a row of a recording back to an observation, as a look would have made it.

Flows in: rows, one after the other, and what is remembered of deaths. Flows out: Observations. The
recording holds one value per service and signal, so its instances are made equal to each other;
what is not recorded (a process's state, what a check said, the host) is unknown. Between two rows a
probe is taken to have gone on answering like the later one, at its own pace.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from everup.loop.readings import fold_probe
from everup.model.history import INDEX, FloatArray, Signal
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.load import Load
from everup.model.observation import (
    Exit,
    Instance,
    InstanceObservation,
    MonitorObservation,
    Observation,
    ProbeReading,
    ProbeResult,
    ServiceObservation,
)
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState

INSTANCES_MOST = 1000
NOBODY: Mapping[str, Exit] = MappingProxyType({})
NEW_LIFE_S = 1.0
"""An age tells of another start when it moves the start by more than this."""


class _Life:
    """One service, from row to row."""

    def __init__(self) -> None:
        self.number = 0
        self.is_up = False
        self.was_seen = False
        self.started_at_s = UNKNOWN
        self.ended_at_s = UNKNOWN
        self.readings: list[ProbeReading] = []
        self.row_s = UNKNOWN


class Eyes:
    """Of one stack over one recording."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lives = {name: _Life() for name in stack.services}
        self._last_s = UNKNOWN

    def forget(self) -> None:
        """Everup began anew: it has seen nothing yet."""
        self._last_s = UNKNOWN
        for life in self._lives.values():
            life.readings, life.row_s = [], UNKNOWN

    def observation(
        self,
        at_s: float,
        columns: Mapping[str, FloatArray],
        state: StackState,
        fault: str = "",
        died: Mapping[str, Exit] = NOBODY,
    ) -> Observation:
        """`columns`: service → its signals in this row. `fault`: it could not trust its eyes.
        `died`: service → the death of one of its instances, which the row does not know of."""
        gap_s = at_s - self._last_s if is_known(self._last_s) else 0.0
        self._last_s = at_s
        services = {
            name: self._service(spec, at_s, columns.get(name), state, died.get(name))
            for name, spec in self._stack.services.items()
        }
        stale = tuple(n for n in columns if n in services and not services[n].is_known)
        monitor = MonitorObservation((fault,) if fault else (), stale, gap_s)
        return Observation(at_s, services, monitor)

    def _service(
        self,
        spec: ServiceSpec,
        at_s: float,
        row: FloatArray | None,
        state: StackState,
        death: Exit | None,
    ) -> ServiceObservation:
        up = UNKNOWN if row is None else float(row[INDEX[Signal.INSTANCES_UP]])
        if row is None or not math.isfinite(up):
            return ServiceObservation(spec.name, is_known=False)
        values = {s: float(row[index]) for s, index in INDEX.items()}
        life, count = self._lives[spec.name], min(INSTANCES_MOST, max(0, round(up)))
        if death is not None:
            count, values[Signal.AGE_S] = max(0, count - 1), UNKNOWN
        self._follow(life, count, at_s, values[Signal.AGE_S])
        ended: tuple[InstanceObservation, ...] = ()
        if death is not None or not count:
            exit = death or self._exit(spec.name, life, at_s, state)
            ended = (_ended(spec.name, count, life, at_s, exit),)
        load = _load(at_s, values)
        if not count:
            return ServiceObservation(spec.name, ended, load=load)
        readings = self._probed(spec, life, count, at_s, values)
        life.row_s = at_s
        running = (
            _instance(spec, life, number, at_s, values, reading)
            for number, reading in enumerate(readings)
        )
        return ServiceObservation(spec.name, (*running, *ended), load=load)

    def _follow(self, life: _Life, count: int, at_s: float, age_s: float) -> None:
        """Is it another life than in the row before?"""
        started_s = at_s - age_s if math.isfinite(age_s) else UNKNOWN
        if count and is_known(started_s):
            is_other = not abs(started_s - life.started_at_s) <= NEW_LIFE_S + 1e-6 * age_s
        elif count:
            is_other = not life.is_up
            came_up_s = at_s if life.was_seen else UNKNOWN
            started_s = came_up_s if is_other else life.started_at_s
        else:
            is_other = False
        if is_other:
            life.number += 1
            life.started_at_s = started_s
            life.readings, life.row_s = [], UNKNOWN
        if life.is_up and not count:
            life.ended_at_s = at_s
        life.is_up, life.was_seen = count > 0, True

    def _exit(self, name: str, life: _Life, at_s: float, state: StackState) -> Exit:
        """As the journal tells of its death; else it ended, and nobody knows how."""
        known = state.service(name).exits
        if known and not known[-1].at_s < life.started_at_s:
            return known[-1]
        return Exit(life.ended_at_s if is_known(life.ended_at_s) else at_s)

    def _probed(
        self,
        spec: ServiceSpec,
        life: _Life,
        count: int,
        at_s: float,
        values: dict[Signal, float],
    ) -> list[ProbeReading | None]:
        share = values[Signal.PROBE_OK]
        if not math.isfinite(share):
            if spec.probe is None:
                return [None] * count
            return self._padded(life, count)
        passing = round(min(1.0, max(0.0, share)) * count)
        interval_s = spec.probe.interval_s if spec.probe is not None else 5.0
        answers = 1
        if is_known(life.row_s) and interval_s > 0:
            answers = max(1, int((at_s - life.row_s) / interval_s))
        found: list[ProbeReading | None] = []
        for number, known in enumerate(self._padded(life, count)):
            verdict = ProbeVerdict.PASS if number < passing else ProbeVerdict.FAIL
            reading = _answered(known, verdict, at_s, values[Signal.LATENCY_S], answers)
            ratio = values[Signal.ERROR_RATIO]
            if math.isfinite(ratio):
                reading = replace(reading, error_ratio=ratio)
            found.append(reading)
        life.readings = [r for r in found if r is not None]
        return found

    def _padded(self, life: _Life, count: int) -> list[ProbeReading | None]:
        known: list[ProbeReading | None] = [*life.readings[:count]]
        return known + [None] * (count - len(known))


def _load(at_s: float, values: Mapping[Signal, float]) -> Load | None:
    """What was asked of it, as far as it was kept: not by which instance."""
    found = Load(
        at_s,
        values[Signal.REQUESTS_PER_S],
        values[Signal.FAILURES_PER_S],
        values[Signal.ROUTED_LATENCY_S],
        values[Signal.SESSIONS],
        queue=values[Signal.WORK_QUEUE],
    )
    is_routed = is_known(found.requests_per_s) or is_known(found.sessions)
    sources = [*(["router"] * is_routed), *(["queue"] * is_known(found.queue))]
    return replace(found, source="+".join(sources)) if sources else None


def _answered(
    known: ProbeReading | None, verdict: ProbeVerdict, at_s: float, latency_s: float, answers: int
) -> ProbeReading:
    """The reading after as many answers as there were since the last row, all alike."""
    failed = verdict is ProbeVerdict.FAIL
    before = 0
    if known is not None:
        before = known.failures_in_a_row if failed else known.successes_in_a_row
    goes_on = before > 0
    latency_s = UNKNOWN if failed or not math.isfinite(latency_s) else latency_s
    result = ProbeResult(
        verdict, at_s, latency_s, in_a_row=before + answers if goes_on else 1, since_s=at_s
    )
    return fold_probe(known, result)


def _ended(name: str, number: int, life: _Life, at_s: float, exit: Exit) -> InstanceObservation:
    called = f"{name}-{number}"
    instance = Instance(name, called, f"{called}#{life.number}", InstanceState.EXITED, exit=exit)
    return InstanceObservation(instance, read_at_s=at_s)


def _instance(
    spec: ServiceSpec,
    life: _Life,
    number: int,
    at_s: float,
    values: dict[Signal, float],
    reading: ProbeReading | None,
) -> InstanceObservation:
    ratio, size = values[Signal.MEMORY_RATIO], values[Signal.MEMORY_BYTES]
    limit = size / ratio if ratio > 0 else spec.limits.memory_bytes
    name = f"{spec.name}-{number}"
    instance = Instance(
        spec.name,
        name,
        f"{name}#{life.number}",
        InstanceState.RUNNING,
        started_at_s=life.started_at_s,
        memory_bytes=size,
        memory_limit_bytes=limit,
    )
    return InstanceObservation(
        instance,
        reading,
        cpu_ratio=values[Signal.CPU_RATIO],
        memory_ratio=ratio,
        read_at_s=at_s,
    )
