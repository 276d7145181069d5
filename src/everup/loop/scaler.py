"""What each service should have of instances and of each instance's limits, followed beside the
looks, and proposed.

Flows in: looks, the history of earlier lives. Flows out: decisions for the gate, ScalingDecided
entries, opinions for whoever shows them. Called by `decide` and `record`; the pure parts are
`auto_scaler`'s. What was learned is not written down: a new life lives through the past once more,
as far as history goes, a little at a time between looks; until then what is new decides, by the
plain rules.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from everup.auto_scaler import Ask, Change, change
from everup.auto_scaler.scaler import Allowed, Opinion, ServiceScaler, StepSight
from everup.loop import scaling
from everup.loop.look import Decision, Look
from everup.loop.scaler_may import allowed, leakers
from everup.loop.scaler_past import live_through, new_scaler
from everup.loop.scaler_sight import StepSights
from everup.loop.scaler_waits import why_size_waits, why_wait
from everup.loop.why_not import SizeWish
from everup.model.decision import Allowed as Go
from everup.model.decision import Expectation, Proposal, proposal_key
from everup.model.entries import Entry, ScalingDecided
from everup.model.evidence import Failed, Passed, Pending, Verification
from everup.model.kinds import (
    UNKNOWN,
    ActionKind,
    Cause,
    InstanceState,
    Origin,
    ProbeVerdict,
    is_known,
)
from everup.model.load import Load
from everup.model.observation import ServiceObservation
from everup.model.scaling import NO_FASTER, Amount, ScalingChoice, ScalingChosen
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import InFlight
from everup.safety import judge
from everup.safety.context import Context

if TYPE_CHECKING:
    from everup.loop.control import Control
    from everup.loop.ports import History

ASIDE_SERVICES_MOST = 30
"""More are followed in a thread: a thousand take most of a second, which no look may wait for."""
LATENCY_BEFORE, DEMAND_BEFORE = "latency_before_s", "demand_before"
BETTER = 0.9
MORE_ASKED = 1.1
DAY_S = 86_400.0


class Scaler:
    """Of one stack. `opinions`: service → what is thought of it, as of the latest step."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self._stack, self._settings = stack, settings
        self._scalers: dict[str, ServiceScaler] = {}
        self._sights = StepSights()
        self._step = -1
        self.opinions: Mapping[str, Opinion] = {}
        self.waiting: dict[str, str] = {}
        """Service → why what should be is not proposed now."""
        self.decided: Counter[str] = Counter()
        """Who said them → choices of another size that were written down since the start."""
        self.again_s = UNKNOWN
        self.fault = ""
        self._written: dict[str, tuple[float, ScalingChoice]] | None = None
        self._aside: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._is_to_live = True

    @property
    def is_living_through(self) -> bool:
        """Is the past still being lived through?"""
        return self._life is not None and not self._life.done()

    def scaler(self, name: str) -> ServiceScaler | None:
        """What is known of this service; None before its first step."""
        return self._scalers.get(name)

    # --- following ------------------------------------------------------------------------------

    def follow(self, control: Control, look: Look) -> None:
        """Take the look in; at the end of a step all is thought over."""
        settings = self._settings
        self._sights.see(look)
        step = int(look.at_s // settings.scale_interval_s)
        if step == self._step or self._aside is not None:
            return
        missed = max(1, step - self._step) if self._step >= 0 else 1
        self._step = step
        work = self._work(control, look, missed)
        if len(work) > ASIDE_SERVICES_MOST:
            self._aside = asyncio.create_task(self._think_aside(control, work), name="sizes")
            return
        self._take(control, _thought(work))

    def _take(self, control: Control, thought: _Thought) -> None:
        """Of what went wrong nothing is scaled, and it holds up nobody else: neither what is to be
        healed nor other services."""
        self.opinions, self.fault = thought.opinions, ""
        for name, error in thought.errors.items():
            self.fault = f"the size of {name} could not be thought over: {error!r}"
            now_s = control.clock.now()
            control.mishaps.happened("sizes", error, now_s, stops_acting=False, can_end=False)

    def _work(self, control: Control, look: Look, missed: int) -> list[_Work]:
        found, leaking = [], leakers(control, look.at_s)
        for name, spec in self._stack.services.items():
            sight = self._sights.take(spec, look, control)
            if sight is None:
                continue
            scaler = self._scalers.get(name)
            if scaler is None:
                scaler = self._scalers[name] = new_scaler(spec, self._settings, look.at_s)
            may = allowed(control, look, spec, leaks=name in leaking)
            found.append(_Work(name, scaler, sight, may, missed))
        return found

    async def _think_aside(self, control: Control, work: list[_Work]) -> None:
        try:
            self._take(control, await asyncio.to_thread(_thought, work))
        finally:
            self._aside = None
        control.wake("sizes")

    # --- deciding -------------------------------------------------------------------------------

    def decide(
        self, control: Control, look: Look, context: Context, decided: Iterable[Decision]
    ) -> list[Decision]:
        """What should be, as proposals."""
        self.again_s = UNKNOWN
        if not self._settings.auto_scaling_enabled:
            self.opinions, self.waiting = {}, {}
            return []
        self.follow(control, look)
        if any(one.may_count for one in self.opinions.values()):
            self.again_s = (self._step + 1) * self._settings.scale_interval_s
        taken = {d.service for d in decided if isinstance(d.verdict, Go)}
        found: list[Decision] = []
        waiting: dict[str, str] = {}
        for name, opinion in self.opinions.items():
            if not opinion.choice.is_change:
                continue
            why = "something else is about to be done to it" if name in taken else ""
            why = why or why_wait(control, look, name, opinion.choice)
            if opinion.is_size_for_later:
                remembered, hand_s = control.state.service(name), self._settings.scale_hand_s
                why = why or why_size_waits(remembered, look.at_s, hand_s)
            if why:
                waiting[name] = why
                continue
            proposal = self._proposal(control, look, name, opinion)
            if isinstance(proposal, str):
                waiting[name] = proposal
                continue
            verdict = judge(proposal, context)
            if not isinstance(verdict, Go):
                waiting[name] = f"{verdict.check}: {verdict.reason}"
            found.append(Decision(name, proposal=proposal, verdict=verdict))
        self.waiting = waiting
        return found

    def _proposal(
        self, control: Control, look: Look, name: str, opinion: Opinion
    ) -> Proposal | str:
        """Or why it cannot be one."""
        stack, choice, spec = control.stack, opinion.choice, control.stack.services[name]
        seen = scaling.scale(stack, look.observation, look.assessment, control.state, name)
        if choice.instances_now != seen.instances:
            return f"there are {seen.instances} instances by now: it is thought over anew"
        kind, amount = _kind_of(choice, opinion)
        found = change(Ask(kind, amount, is_persons=False), spec, seen, stack, self._settings)
        if not isinstance(found, Change):
            return f"{found[0].name}: {found[0].text}"
        step = found.step
        if kind is ActionKind.SCALE_OUT and opinion.is_slow:
            before = {LATENCY_BEFORE: opinion.latency_s, DEMAND_BEFORE: opinion.demand}
            step = replace(step, parameters={**step.parameters, **before})
        expected = scaling.expected(found, stack, look.assessment, self._settings)
        if kind is not ActionKind.SCALE_IN:
            # what is short of instances may be unwell until they are there, and so may its users
            expected = replace(expected, score_least=0.0, dependents_before={})
        return Proposal(
            key=proposal_key(stack.name, name, Cause.DEMAND, (found.step,)),
            origin=Origin.SCALING,
            service=name,
            cause=Cause.DEMAND,
            steps=(step,),
            reason=f"{choice.text} (by {choice.by.replace('_', ' ')})",
            expectation=expected,
            on_running=seen.running > 0,
        )

    def wish(self, look: Look, name: str) -> SizeWish | None:
        """What it would change of this service now, and what stands against it."""
        opinion = self.opinions.get(name)
        if opinion is None or not opinion.choice.is_change:
            return None
        kind, _ = _kind_of(opinion.choice, opinion)
        for one in look.decisions:
            proposal = one.proposal
            is_ours = proposal is not None and proposal.origin is Origin.SCALING
            if is_ours and one.service == name and one.verdict is not None:
                return SizeWish(kind, one.verdict, opinion.choice.text)
        waits = self.waiting.get(name, "")
        return SizeWish(kind, waits, opinion.choice.text) if waits else None

    def word(self, look: Look, flight: InFlight) -> Verification | None:
        """What stands beside the proof of more instances. Where they were to make slow answers
        faster: two windows later these are as slow, and no more is asked. Where all answer, and
        even more are wanted for what is asked: their proof is that of the next ones. None: nothing.
        """
        if flight.origin is not Origin.SCALING or flight.step.kind is not ActionKind.SCALE_OUT:
            return None
        seen = look.observation.services.get(flight.step.target)
        load = None if seen is None else seen.load
        before_s = float(flight.step.parameters.get(LATENCY_BEFORE, UNKNOWN))
        if is_known(before_s) and not _is_more_asked(load, flight):
            return self._no_faster(look, flight, load, before_s)
        opinion, count = self.opinions.get(flight.step.target), flight.expectation.instances
        if seen is not None and opinion is not None and opinion.choice.instances > count:
            if _all_answer(seen, flight.expectation):
                return Passed(f"{count} instances, all of them answer, and more are wanted by now")
        return None

    def _no_faster(
        self, look: Look, flight: InFlight, load: Load | None, before_s: float
    ) -> Verification | None:
        windows_s = self._settings.scale_undo_windows * self._settings.verify_window_s
        if look.at_s < flight.done_at_s + windows_s:
            return Pending("answers to become faster")
        if load is None or not is_known(load.latency_s) or load.latency_s <= before_s * BETTER:
            return None
        if look.at_s < flight.done_at_s + flight.expectation.deadline_s:
            return Pending("answers to become faster")
        return Failed(
            f"answers of {flight.step.target} {NO_FASTER}: {before_s:.3g} s before,"
            f" {load.latency_s:.3g} s after"
        )

    def due(self, look: Look, known: Iterable[ScalingChosen]) -> list[Entry]:
        """What is to be written down: another size is right than was written before, and the last
        line about this service is a window old."""
        found: list[Entry] = []
        if self._written is None:
            self._written = {one.service: (one.at_s, one.choice) for one in known}
        for name, opinion in self.opinions.items():
            choice, written = opinion.choice, self._written.get(name)
            if not choice.is_change:
                continue
            if written is not None:
                age_s = max(0.0, look.at_s - written[0])
                again_s = DAY_S * self._settings.time_scale
                is_same = _gist(written[1]) == _gist(choice)
                if age_s < (again_s if is_same else self._settings.scale_down_window_s):
                    continue
            self._written[name] = (look.at_s, choice)
            self.decided[choice.by] += 1
            found.append(ScalingDecided(look.at_s, name, choice))
        return found

    # --- the past -------------------------------------------------------------------------------

    def after_look(self, control: Control, history: History | None) -> None:
        """Live through the past, if that is still to be done."""
        if history is None or not self._is_to_live or not self._settings.auto_scaling_enabled:
            return
        self._is_to_live = False
        work = self._live(control, history)
        self._life = asyncio.create_task(work, name="sizes of the past")

    async def _live(self, control: Control, history: History) -> None:
        now_s = control.clock.now()
        try:
            found = await live_through(self._stack, self._settings, history, now_s)
        except Exception as error:  # noqa: BLE001 - whatever the past holds, this life goes on
            self.fault = f"the past could not be read, demand is learned anew: {error!r}"
            return
        # What was seen meanwhile is with those that go: these have a hole of so many steps.
        missed = self._step - int(now_s // self._settings.scale_interval_s)
        for name, scaler in found.items():
            scaler.skip(missed)
            self._scalers[name] = scaler
        self.fault = ""

    async def close(self) -> None:
        """End what is under way."""
        for task in (self._life, self._aside):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


class _Work:
    """One service of one step."""

    def __init__(
        self, name: str, scaler: ServiceScaler, sight: StepSight, may: Allowed, missed: int
    ) -> None:
        self.name, self._scaler, self._sight = name, scaler, sight
        self._may, self._missed = may, missed

    def opinion(self, steps_seen: int) -> Opinion:
        """Steps that nobody saw are told as such."""
        self._scaler.skip(self._missed - steps_seen)
        for _ in range(min(steps_seen, self._missed)):
            self._scaler.follow(self._sight, self._may)
        return self._scaler.think(self._sight, self._may)


STEPS_OF_A_LOOK = 4
"""A look stands for the steps before it, as many as lie between two looks when nothing is wrong."""


@dataclass(slots=True)
class _Thought:
    """Of each service an opinion, or what went wrong."""

    opinions: dict[str, Opinion] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


def _thought(work: Iterable[_Work]) -> _Thought:
    found = _Thought()
    for one in work:
        try:
            found.opinions[one.name] = one.opinion(STEPS_OF_A_LOOK)
        except Exception as error:  # noqa: BLE001 - others do not wait for it
            found.errors[one.name] = error
    return found


def _is_more_asked(load: Load | None, flight: InFlight) -> bool:
    """By now, or nobody knows how much is."""
    before = float(flight.step.parameters.get(DEMAND_BEFORE, UNKNOWN))
    return load is not None and not load.requests_per_s <= before * MORE_ASKED


def _all_answer(seen: ServiceObservation, expected: Expectation) -> bool:
    """As many as there should be, each with good answers in a row; who cannot be asked has none."""
    found = [one.probe for one in seen.instances if one.instance.state is InstanceState.RUNNING]
    return len(found) == len(seen.instances) == expected.instances and all(
        probe is not None
        and probe.verdict is ProbeVerdict.PASS
        and probe.successes_in_a_row >= expected.probes
        for probe in found
    )


def _kind_of(choice: ScalingChoice, opinion: Opinion) -> tuple[ActionKind, Amount]:
    if choice.instances != choice.instances_now:
        is_more = choice.instances > choice.instances_now
        kind = ActionKind.SCALE_OUT if is_more else ActionKind.SCALE_IN
        return kind, Amount(instances=choice.instances)
    if is_known(choice.memory_bytes):
        is_more = choice.memory_bytes > opinion.advice.memory_now_bytes
        amount = Amount(memory_bytes=float(math.ceil(choice.memory_bytes)))
    else:
        is_more = choice.cpus > opinion.advice.cpu_now_cores
        amount = Amount(cpus=round(choice.cpus, 3))
    return (ActionKind.SCALE_UP if is_more else ActionKind.SCALE_DOWN), amount


def _gist(choice: ScalingChoice) -> tuple[object, ...]:
    return choice.instances, choice.by == "size", is_known(choice.memory_bytes)
