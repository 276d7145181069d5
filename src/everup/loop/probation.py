"""Probation: what was changed is watched closely, measured against before, and judged once.

Flows in: the entries and the look of this pass, the samplers' tape, the recent past and history.
Flows out: `ProbationBegan` with the change, be it of the number of instances, `RegressionSeen` when
it does worse, `ProbationEnded`.
Called by `observe` and `record`; the verdicts are `rollback_manager`'s, the state is the journal's.

History is read once for each probation, by a task that no look waits for. What an earlier life of
ours measured is lost with it: then what history kept, one sample each half minute, is the baseline.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from everup.loop.look import Look
from everup.model.entries import Entry, ProbationBegan, ProbationEnded, RegressionSeen, VersionSeen
from everup.model.errors import EverupError
from everup.model.history import Columns, Signal
from everup.model.kinds import UNKNOWN, Condition, InstanceState
from everup.model.probation import ProbationEnding
from everup.model.runtime import Capability
from everup.model.state import ServiceState
from everup.rollback_manager import probation as rules
from everup.rollback_manager.regression import DAY_S, DAYS_MOST, Bounds, regression, said
from everup.rollback_manager.samples import Samples, logs, samples

if TYPE_CHECKING:
    from everup.loop.control import Control

SOMEBODY = "somebody beside Everup"
LATENCY_LEAST_S = 0.010
"""A slowdown by less is no reason to go back, however certain: nobody notices."""
MEASURED_EACH_S = 10.0
READ_WITHIN_S = 20.0
OTHERS_LEAST, OTHERS_MOST = 3, 20
ANSWERS_LEAST = 10
BOUNDS = Bounds(least_s=LATENCY_LEAST_S)
UNWELL = frozenset(
    {
        Condition.UNHEALTHY,
        Condition.DOWN,
        Condition.STARTING,
        Condition.RECOVERING,
        Condition.PAUSED,
        Condition.STOPPED,
    }
)
NEEDED = (Capability.CAPTURE, Capability.RESTORE)


class Probations:
    """What a life of ours knows beyond the journal: numbers of the latest measurement."""

    def __init__(self) -> None:
        self._measured_s: dict[str, float] = {}
        self._whole_since_s: dict[str, float] = {}
        self._past: dict[str, tuple[float, Samples]] = {}
        self._reads: dict[str, asyncio.Task[None]] = {}
        self.numbers: dict[str, tuple[str, ...]] = {}

    def begun(self, control: Control, entries: Sequence[Entry]) -> list[ProbationBegan]:
        """For versions seen in this look, and numbers known since the last one: what begins."""
        if not all(map(control.runtime.manifest.can, NEEDED)):
            return []
        found: list[ProbationBegan] = []
        for seen in entries:
            if not isinstance(seen, VersionSeen) or not seen.before:
                continue
            remembered = control.state.service(seen.service)
            flight = control.state.in_flight.get(seen.service)
            where, by = "", SOMEBODY
            if flight is not None:
                where, by = rules.going_to(flight.step.kind, flight.step.parameters), flight.by
            spec = control.stack.services[seen.service]
            if not spec.is_one_shot and rules.begins(remembered, where, seen.version):
                now_s = control.clock.now()
                change = (seen.before, seen.version, seen.at_s)
                found.append(ProbationBegan(now_s, seen.service, *change, by))
        return found + self._renumbered(control, {one.service for one in found})

    def _renumbered(self, control: Control, begun: Collection[str]) -> list[ProbationBegan]:
        """Where somebody changed how many instances there are; level-triggered, so that a person's
        wish is watched from when it was proven."""
        if not control.runtime.manifest.can(Capability.SET_INSTANCES):
            return []
        found: list[ProbationBegan] = []
        for name, spec in control.stack.services.items():
            remembered = control.state.service(name)
            is_busy = name in begun or name in control.state.in_flight or spec.is_one_shot
            if is_busy or remembered.owed_undo is not None:
                continue
            if rules.begins_with_number(remembered):
                version, then = remembered.version, remembered.ways_back[-1].instances
                found.append(
                    ProbationBegan(
                        *(control.clock.now(), name, version, version),
                        *(remembered.recounted_at_s, remembered.recounted_by),
                        *(then, remembered.counted),
                    )
                )
        return found

    async def follow(self, control: Control, look: Look) -> list[Entry]:
        """Measure those that are on probation, and end what is over."""
        found: list[Entry] = []
        on = [n for n in control.stack.services if control.state.service(n).probation is not None]
        roots = control.state.by_root() if on else {}
        for name in on:
            remembered = control.state.service(name)
            is_open, end = name in roots, None
            if name not in control.state.in_flight:  # else it is not known yet what helps
                end = rules.end_of(remembered, look.at_s, control.settings, has_incident=is_open)
            if end is not None:
                probation = remembered.probation
                began_s = UNKNOWN if probation is None else probation.began_at_s
                evidence = self.numbers.pop(name, ())
                how = (end.ending, _why(control, name, end), evidence, began_s)
                found.append(ProbationEnded(look.at_s, name, *how))
                self._forget(name)
                continue
            if name in control.state.in_flight or not _is_whole(control, look, name):
                self._whole_since_s[name] = look.at_s
            found += self._measured(control, look, name)
        return found

    def _forget(self, name: str) -> None:
        self._measured_s.pop(name, None)
        self._whole_since_s.pop(name, None)
        self._past.pop(name, None)
        task = self._reads.pop(name, None)
        if task is not None:
            task.cancel()

    def _measured(self, control: Control, look: Look, name: str) -> list[Entry]:
        settings, remembered = control.settings, control.state.service(name)
        worse = remembered.worse
        if worse is not None and worse.version == remembered.runs_as:
            return []
        if name in control.state.in_flight:
            return []
        if look.observation.monitor.faults or control.state.monitor_fault:
            return []
        if look.observation.host.pressure_ratio >= settings.host_pressure_ratio:
            return []  # everybody is slow then, and nobody's change is the reason
        pause_s = MEASURED_EACH_S * settings.time_scale
        if look.at_s - self._measured_s.get(name, -math.inf) < pause_s:
            return []
        self._measured_s[name] = look.at_s
        changed_s = remembered.altered_at_s
        before, past = self._before(control, name, changed_s)
        answers = _with_cpu(control, name, control.samplers.tape.answers(name))
        answers = _as_many_as_then(remembered, answers)
        found = regression(
            before,
            answers,
            max(changed_s, self._whole_since_s.get(name, changed_s)),
            past=past,
            elsewhere=_elsewhere(control, name, changed_s),
            capacity=control.stack.services[name].limits.cpus,
            bounds=BOUNDS,
            time_scale=settings.time_scale,
        )
        self.numbers[name] = tuple(said(found)) or (found.held,)
        if not found.worse:
            return []
        numbers = "; ".join(said(replace(found, compared=found.worse)))
        text = f"it does worse since it was changed: {numbers}"
        return [RegressionSeen(look.at_s, name, remembered.runs_as, text)]

    def _before(
        self, control: Control, name: str, changed_s: float
    ) -> tuple[Samples, Samples | None]:
        """What it answered until the change, and on earlier days."""
        probation = control.state.service(name).probation
        first_s = changed_s if probation is None else min(changed_s, probation.began_at_s)
        taped = _with_cpu(control, name, control.samplers.tape.answers(name))
        taped = taped.between(-math.inf, first_s)
        kept = self._past.get(name)
        if kept is None or kept[0] != changed_s:
            self._read(control, name, changed_s)
            return taped, None
        span_s = first_s - float(taped.times_s[0]) if len(taped) else 0.0
        if span_s < BOUNDS.before_least_s * control.settings.time_scale:
            taped = kept[1].between(first_s - BOUNDS.before_most_s, first_s)
        return taped, kept[1]

    def _read(self, control: Control, name: str, changed_s: float) -> None:
        history, task = control.beside.rooms.history, self._reads.get(name)
        if history is None or (task is not None and not task.done()):
            return

        async def read() -> None:
            found: Columns | None = None
            since_s = changed_s - DAYS_MOST * DAY_S - BOUNDS.before_most_s
            wanted = (Signal.LATENCY_S, Signal.CPU_RATIO)
            try:
                async with asyncio.timeout(READ_WITHIN_S):
                    found = await history.read(name, since_s, changed_s, wanted)
            except (EverupError, OSError, TimeoutError) as error:
                control.beside.rooms.log.warning("history_not_read", service=name, text=str(error))
            self._past[name] = (changed_s, _as_samples(found))

        self._reads[name] = asyncio.create_task(read(), name=f"history of {name}")

    async def close(self) -> None:
        """End what reads."""
        tasks = list(self._reads.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _is_whole(control: Control, look: Look, name: str) -> bool:
    """Do all of its instances run, and is well what it needs, directly or not? Else it is slower
    for fewer hands, or for want of another, and no version is to blame."""
    seen = look.observation.services.get(name)
    if seen is None or not seen.instances:
        return False
    if any(i.instance.state is not InstanceState.RUNNING for i in seen.instances):
        return False
    own, needs, queue = look.assessment.own.services, {name}, [name]
    while queue:
        spec = control.stack.services.get(queue.pop())
        for edge in spec.depends_on if spec is not None else ():
            if edge.target not in needs:
                needs.add(edge.target)
                queue.append(edge.target)
    return not any(own[n].condition in UNWELL for n in needs - {name} if n in own)


def _why(control: Control, name: str, end: rules.End) -> str:
    if end.ending is not ProbationEnding.ROLLED_BACK:
        return end.reason
    others = rules.changed_with(name, control.stack, control.state)
    if not others:
        return end.reason
    back = " ".join(others)
    return f"{end.reason}; changed with it, and left: {', '.join(others)} (everup rollback {back})"


def _as_samples(columns: Columns | None) -> Samples:
    if columns is None:
        return samples([], [])
    latency, cpu = (columns.values[s] for s in (Signal.LATENCY_S, Signal.CPU_RATIO))
    return samples(columns.times_s, latency, cpu_ratio=cpu)


def _with_cpu(control: Control, name: str, answers: Samples) -> Samples:
    """What it used at the time of each answer, between the samples around it."""
    times_s, cpu = control.ring.series(name, Signal.CPU_RATIO)
    known = np.isfinite(cpu)
    if not len(answers) or not known.any():
        return answers
    meanwhile = np.interp(
        answers.times_s, times_s[known], cpu[known].astype(np.float64), left=math.nan
    )  # what it used before is not known, and not what it uses now
    return replace(answers, cpu_ratio=meanwhile)


def _as_many_as_then(remembered: ServiceState, answers: Samples) -> Samples:
    """What fewer instances have to carry more of each is no load from outside: since their number
    was changed, CPU counts as it would be with as many as there were."""
    if not remembered.has_other_number:
        return answers
    share = remembered.counted / remembered.ways_back[-1].instances
    since = np.where(answers.times_s >= remembered.recounted_at_s, share, 1.0)
    return replace(answers, cpu_ratio=answers.cpu_ratio * since)


def _elsewhere(control: Control, name: str, changed_s: float) -> float:
    """By what ratio others became slower at the same time: the usual one of those that nobody
    changed, or the worst of what this one needs, which may explain it."""
    state, needs = control.state, {e.target for e in control.stack.services[name].depends_on}
    scale = control.settings.time_scale
    pause_s, since_s = BOUNDS.warm_up_s * scale, changed_s - BOUNDS.before_most_s * scale
    others: list[float] = []
    needed = [1.0]
    names = sorted(control.stack.services, key=lambda other: (other not in needs, other))
    for other in names[: OTHERS_MOST + 1]:
        if other == name or state.service(other).probation is not None:
            continue
        answers = control.samplers.tape.answers(other)
        old = logs(answers.between(since_s, changed_s).latency_s)
        new = logs(answers.between(changed_s + pause_s, math.inf).latency_s)
        old, new = old[np.isfinite(old)], new[np.isfinite(new)]
        if min(len(old), len(new)) < ANSWERS_LEAST:
            continue
        ratio = math.exp(float(np.median(new)) - float(np.median(old)))
        (needed if other in needs else others).append(ratio)
    usual = float(np.median(others)) if len(others) >= OTHERS_LEAST else 1.0
    return max(1.0, usual, *needed)
