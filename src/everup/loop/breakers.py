"""The breakers of one stack: one on each critical dependency.

Flows in: who asks before a call, how calls ended, what looks saw of the targets, what a router
counted, the time. Flows out: answers, `BreakerTurned` for each turn, and what `traffic_break` is to
turn away. Every turn is `dependency_monitor.breaker`'s; here are only its memory, its clock and its
ids. Called by the API through `control`, and by its own task once a second.

What is told here opens a breaker and nothing else: no health score, no incident and no action comes
of it, since nobody can say that it is true.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from zlib import crc32

from everup.dependency_monitor import breaker as machine
from everup.dependency_monitor.answering import answering
from everup.dependency_monitor.breaker import Answering, Breaker
from everup.loop.ports import Clock, Ids
from everup.model.breaker import BreakerAnswer, BreakerState, BreakerView, CallOutcome, EdgeName
from everup.model.entries import BreakerTurned
from everup.model.errors import EverupError, GiveUp
from everup.model.kinds import UNKNOWN, Condition, InstanceState, ProbeVerdict
from everup.model.settings import Settings
from everup.model.stack import Dependency, Stack
from everup.model.state import StackState

if TYPE_CHECKING:
    from everup.loop.control import Control

PART = "breakers"
COMING = frozenset({Condition.STARTING, Condition.RECOVERING})


@dataclass(slots=True)
class Kept:
    """One breaker, with what is counted of it since the start."""

    edge: Dependency
    breaker: Breaker = field(default_factory=Breaker)
    calls: Counter[str] = field(default_factory=Counter)  # by outcome, and `turned_away`


class Breakers:
    """`enforced` and `not_enforced` are `traffic_break`'s to write."""

    def __init__(self, stack: Stack, settings: Settings, clock: Clock, ids: Ids) -> None:
        self._stack, self._settings, self._clock, self._ids = stack, settings, clock, ids
        self._terms = machine.terms(settings)
        self._kept: dict[EdgeName, Kept] = {
            EdgeName(name, edge.target): Kept(edge)
            for name, spec in stack.services.items()
            for edge in spec.depends_on
            if edge.is_critical and edge.target in stack.services
        }
        self._down_since_s: dict[str, float] = {}
        self.enforced: set[EdgeName] = set()
        self.failing: frozenset[EdgeName] = frozenset()
        self.not_enforced: dict[EdgeName, str] = {}

    @property
    def edges(self) -> Mapping[EdgeName, Dependency]:
        """Those that carry one."""
        return {name: kept.edge for name, kept in self._kept.items()}

    def remember(self, state: StackState) -> None:
        """What the journal says they are."""
        now_s = self._clock.now()
        for edge, kept in self._kept.items():
            turn = state.breakers.get(str(edge))
            if turn is not None:
                kept.breaker = machine.remembered(turn, now_s, self._terms)

    def of(self, edge: EdgeName) -> Breaker:
        """Raises KeyError: this edge carries none."""
        return self._kept[edge].breaker

    # --- who calls ------------------------------------------------------------------------------

    async def ask(self, control: Control, edge: EdgeName) -> BreakerAnswer:
        """May it be called now? Half open, one of all who ask gets the trial; none of them while a
        router turns them away, since none would come through."""
        kept, now_s = self._kept[edge], self._clock.now()
        fresh = "" if edge in self.enforced else self._ids.new("trial")
        breaker, is_allowed, trial = machine.asked(kept.breaker, now_s, self._terms, fresh)
        kept.calls["turned_away"] += not is_allowed
        await self._turn(control, edge, breaker)
        return self._answer(edge, is_allowed=is_allowed, trial=trial)

    async def hear(
        self, control: Control, edge: EdgeName, outcomes: Sequence[CallOutcome], trial: str = ""
    ) -> BreakerAnswer:
        """How calls ended, oldest first; with `trial`, how that one did."""
        kept, now_s = self._kept[edge], self._clock.now()
        kept.calls.update(outcome.name.lower() for outcome in outcomes)
        chance = _draw(edge, kept.breaker)
        breaker = machine.heard(kept.breaker, outcomes, now_s, self._terms, chance, trial)
        await self._turn(control, edge, breaker)
        return self._answer(edge, is_allowed=breaker.state is BreakerState.CLOSED)

    async def count(
        self,
        control: Control,
        edge: EdgeName,
        passed: int,
        failed: int,
        since_s: float = UNKNOWN,
    ) -> None:
        """What a router counted since then. Half open and not turned away there, its requests are
        the trial."""
        kept, now_s = self._kept[edge], self._clock.now()
        if not passed + failed:
            return
        kept.calls.update(passed=passed, failed=failed)
        chance = _draw(edge, kept.breaker)
        if kept.breaker.state is BreakerState.HALF_OPEN:
            outcome = CallOutcome.FAILED if failed else CallOutcome.PASSED
            fresh = self._ids.new("trial")
            breaker, _, trial = machine.asked(kept.breaker, now_s, self._terms, fresh)
            if trial:
                breaker = machine.heard(breaker, [outcome], now_s, self._terms, chance, trial)
        else:
            breaker = machine.counted(
                kept.breaker, passed, failed, now_s, self._terms, chance, since_s=since_s
            )
        await self._turn(control, edge, breaker)

    async def close(self, control: Control, edge: EdgeName, by: str, reason: str) -> BreakerAnswer:
        """A person says that it is well."""
        closed = machine.closed_by(self._kept[edge].breaker, self._clock.now(), by, reason)
        await self._turn(control, edge, closed, is_said=True)
        return self._answer(edge, is_allowed=True)

    # --- mitigations ----------------------------------------------------------------------------

    async def hold_open(self, control: Control, edge: EdgeName, why: str) -> str:
        """Nobody is to call it for now; what was done, in a sentence.

        Raises:
            GiveUp: this edge carries none.
        """
        kept = self._kept.get(edge)
        if kept is None:
            raise GiveUp(f"no breaker is on {edge}")
        now_s, chance = self._clock.now(), _draw(edge, kept.breaker)
        await self._turn(
            control, edge, machine.held_open(kept.breaker, now_s, self._terms, chance, why)
        )
        left_s = self.of(edge).turn.until_s - now_s
        return f"{edge}: its breaker is {self.of(edge).state}, for {left_s:.0f} s before a trial"

    async def let_go(self, control: Control, edge: EdgeName, why: str) -> str:
        """Call it again, if nothing else has opened it since."""
        kept = self._kept.get(edge)
        if kept is None:
            return f"{edge}: it carries no breaker any more"
        await self._turn(control, edge, machine.let_go(kept.breaker, self._clock.now(), why))
        return f"{edge}: its breaker is {self.of(edge).state}"

    def heeded(self, *, has_router: bool) -> frozenset[str]:
        """Edges whose breaker somebody goes by: a client that has told of calls or was turned away
        since our start, or a router that has servers for the edge alone."""
        return frozenset(
            str(edge)
            for edge, kept in self._kept.items()
            if kept.calls.total() or (has_router and kept.edge.router_group)
        )

    def not_closed(self) -> frozenset[str]:
        """Edges that are not called freely now."""
        return frozenset(
            str(edge)
            for edge, kept in self._kept.items()
            if kept.breaker.state is not BreakerState.CLOSED
        )

    # --- by itself ------------------------------------------------------------------------------

    async def run(self, control: Control) -> None:
        """Once a second, until cancelled; at once over where no dependency is critical."""
        while self._kept:
            await self._clock.sleep(self._settings.close_sample_interval_s)
            try:
                await self.look(control)
                await control.traffic.turn_away(control)
                control.mishaps.over(PART)
            except EverupError as error:
                control.beside.rooms.log.warning(PART, text=str(error))
            except Exception as error:  # noqa: BLE001 - a flaw here must not end the loop
                control.mishaps.happened(PART, error, self._clock.now(), stops_acting=False)

    async def look(self, control: Control) -> None:
        """Time, and what the latest look saw of the targets."""
        seen = {target: self._answering(control, target) for target in self._targets()}
        is_bad = {target for target, said in seen.items() if said.verdict is ProbeVerdict.FAIL}
        self.failing = frozenset(edge for edge in self._kept if edge.target in is_bad)
        for edge, kept in list(self._kept.items()):
            now_s = self._clock.now()
            chance = _draw(edge, kept.breaker)
            breaker = machine.probed(
                kept.breaker,
                seen[edge.target],
                now_s,
                self._terms,
                chance,
                decides=edge in self.enforced,
            )
            await self._turn(control, edge, breaker)
        if any(kept.breaker.state is BreakerState.HALF_OPEN for kept in self._kept.values()):
            control.wake("a breaker is half open")  # its probes may decide

    def _targets(self) -> list[str]:
        return sorted({edge.target for edge in self._kept})

    def _answering(self, control: Control, target: str) -> Answering:
        look = control.look
        if look is None or control.state.monitor_fault:
            return Answering()
        seen = look.observation.services.get(target)
        instances = () if seen is None or not seen.is_known else seen.instances
        is_up = any(one.instance.state is InstanceState.RUNNING for one in instances)
        if seen is None or not seen.is_known or is_up:
            self._down_since_s.pop(target, None)
        else:
            self._down_since_s.setdefault(target, look.at_s)
        down_s = self._down_since_s.get(target, UNKNOWN)
        at_s = self._clock.now() if target in self._down_since_s else look.at_s
        spec = self._stack.services[target]
        health = look.assessment.own.services.get(target)
        is_coming = health is not None and health.condition in COMING
        return answering(spec, seen, at_s, down_s, self._settings, is_coming=is_coming)

    async def _turn(
        self, control: Control, edge: EdgeName, breaker: Breaker, *, is_said: bool = False
    ) -> None:
        """It is this from now on; written down where it turned, or where somebody said so."""
        before, self._kept[edge].breaker = self._kept[edge].breaker, breaker
        turn = breaker.turn
        if turn.state is before.state and not is_said:
            return
        entry = BreakerTurned(
            turn.at_s,
            edge.service,
            edge.target,
            turn.state,
            turn.openings,
            turn.reason,
            turn.turned_by,
            turn.until_s,
            turn.by,
        )
        await control.write([entry])

    # --- what is shown --------------------------------------------------------------------------

    def views(self) -> list[BreakerView]:
        """All of them, in the order of the stack."""
        return [self.view(edge) for edge in self._kept]

    def view(self, edge: EdgeName) -> BreakerView:
        """One of them."""
        kept, now_s = self._kept[edge], self._clock.now()
        breaker = machine.settled(kept.breaker, now_s, self._terms)
        seen = breaker.counts(now_s, self._terms.window_s)
        calls = dict(kept.calls)
        turned_away = calls.pop("turned_away", 0)
        return BreakerView(
            edge,
            breaker.turn,
            seen.passed,
            seen.failed,
            seen.slow,
            breaker.failed_in_a_row,
            bool(breaker.trial),
            turned_away,
            calls,
            kept.edge.router_group,
            edge in self.enforced,
            self.not_enforced.get(edge, ""),
        )

    def _answer(self, edge: EdgeName, *, is_allowed: bool, trial: str = "") -> BreakerAnswer:
        breaker, now_s = self._kept[edge].breaker, self._clock.now()
        turn = breaker.turn
        wait_s = 0.0
        if not is_allowed:
            until_s = turn.until_s if turn.state is BreakerState.OPEN else breaker.trial_until_s
            wait_s = max(until_s - now_s, 0.0) if until_s > now_s else 0.0
            wait_s = wait_s or self._settings.close_sample_interval_s
        for_s = breaker.trial_until_s - now_s if trial else 0.0
        return BreakerAnswer(edge, turn.state, is_allowed, turn.reason, trial, for_s, wait_s)


def _draw(edge: EdgeName, breaker: Breaker) -> float:
    """Chance for the jitter, from the edge and its openings: the same question has the same answer,
    so that a seed repeats a simulation."""
    return crc32(f"{edge}/{breaker.turn.openings}/{breaker.turn.at_s}".encode()) % 10_000 / 10_000
