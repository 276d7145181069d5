"""Plays one run: a drawn stack in a virtual world, a day of troubles, the real loop and journal.

Flows in: the name of a class and a seed. Flows out: a `Result` with every violation, and the hash
of the journal's chain, which is the same for the same class and seed bit for bit. Two phases: for
two thirds of the day things go wrong and safety is judged at every step; then nothing new goes
wrong, a person asks to heal what was escalated, and everything that can be must become well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from everup.dependency_monitor import build_graph
from everup.journal import SqlJournal
from everup.journal.codec import Codec
from everup.model.kinds import ActionKind
from everup.model.request import Answer, Request, Verb
from everup.model.settings import Settings
from everup.model.state import StackState
from everup.runtimes.simulated import Operations, World
from everup.simulation.chronicle import Chronicle
from everup.simulation.demand import Demand
from everup.simulation.invariants import (
    Court,
    Violation,
    endings,
    eyes,
    intents,
    pace,
    patients,
    rollbacks,
    scaling,
)
from everup.simulation.invariants.court import Case
from everup.simulation.journal_door import JournalFaults
from everup.simulation.lives import Lives, Parts
from everup.simulation.mixes import MIXES
from everup.simulation.plans import Kill, Kind, Plan, Point, Wish, draw_plan
from everup.simulation.stacks import draw_stack
from everup.simulation.troubles import Troublemaker
from everup.simulation.virtual_clock import VirtualClock
from everup.simulation.virtual_loop import Stuck, VirtualLoop, end

HOURS = 2.0  # how long a run is unless somebody wants a longer one
CALM_SHARE = 1 / 3  # of the day, at its end
WELL_AFTER_S = 1200.0  # of calm: everything is well or with a person
HEALS_AFTER_S = (900.0, 1500.0, 1900.0)  # of calm: a person asks to heal what was escalated
KINDS = dict(
    zip(
        HEALS_AFTER_S,
        (None, ActionKind.CONTAINER_RESTART, ActionKind.CONTAINER_RESTART),
        strict=True,
    )
)
"""Gently first; whoever is asked a second time names the rung."""
FIRST_LIFE_T = 20.0
LAST_KILL_BEFORE_S = 200.0
STORY_MOST = 20_000
OF_DEEDS = (
    intents.judge_deed,
    pace.judge_deed,
    patients.judge_deed,
    rollbacks.judge_deed,
    eyes.judge_deed,
)
OF_INTENTS = (intents.judge_intent, pace.judge_intent, eyes.judge_intent, scaling.judge_intent)
OF_THE_END = (intents.judge_end, endings.judge_end, rollbacks.judge_end, scaling.judge_end)
STATES: Codec[StackState] = Codec(StackState)


@dataclass(frozen=True, slots=True)
class Result:
    """What one run came to. `troubles`: kind → how often it was made."""

    mix: str
    seed: int
    violations: tuple[Violation, ...]
    journal_hash: str
    services: int
    entries: int
    actions: int
    deeds: int
    incidents: int
    escalations: int
    kills: int
    steps: int
    troubles: dict[Kind, int] = field(default_factory=dict)
    story: tuple[str, ...] = ()
    hours: float = HOURS

    @property
    def command(self) -> str:
        """Repeats this run bit for bit."""
        longer = "" if self.hours == HOURS else f" --hours {self.hours:g}"
        return f"python -m everup.simulation --class {self.mix} --seed {self.seed}{longer}"

    def report(self) -> str:
        """For whoever reads a failed test."""
        lines = [f"class {self.mix}, seed {self.seed}: {len(self.violations)} violations"]
        lines += [f"  at {v.at_s:.1f} s, promise {v}" for v in self.violations]
        return "\n".join([*lines, f"repeat: {self.command} --trace"])


def play(mix: str, seed: int, *, hours: float = HOURS, is_traced: bool = False) -> Result:
    """One run, from beginning to end. A longer day has as many more troubles, kills and wishes.

    Raises:
        ValueError: the day is too short for its calm to prove anything.
    """
    if not hours >= HOURS:
        raise ValueError(f"hours: {hours:g} is under {HOURS:g}, the shortest day with a calm end")
    return _Run(mix, seed, hours, is_traced=is_traced).play()


class _Run:
    def __init__(self, mix: str, seed: int, hours: float, *, is_traced: bool) -> None:
        self.mix, self.seed, self.hours = mix, seed, hours
        self.day_s = 3600.0 * hours
        self.calm_t = self.day_s - CALM_SHARE * self.day_s
        name = f"{mix}/{seed}"
        chosen = MIXES[mix]
        drawn = draw_stack(Random(f"{name}/stack"), chosen.stack)
        self.plan: Plan = draw_plan(
            Random(f"{name}/plan"), chosen.plan, drawn.stack, self.calm_t, times=hours / HOURS
        )
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.story: list[str] = []
        self.steps = 0
        self.world = World(
            drawn.stack, drawn.natures, loop=self.loop, now=self.clock.now, seed=name
        )
        self.faults = JournalFaults()
        self.journal = SqlJournal("sqlite://", clock=self.clock, inline=True)
        self.chronicle = Chronicle(self.clock.now)
        settings = Settings()
        graph = build_graph(drawn.stack)
        self.lives: Lives
        self.demand: Demand | None = None
        if chosen.stack.demand_share:
            self.demand = Demand(
                Random(f"{name}/demand"), self.world, day_s=self.day_s, calm_t=self.calm_t
            )
        self.case = Case(
            self.world,
            self.chronicle,
            settings,
            lambda: self.lives.holder,
            {service: graph.hard_closure(service) for service in drawn.stack.services},
            self.demand,
        )
        self.court = Court(
            self.case, of_deeds=OF_DEEDS, of_intents=OF_INTENTS, of_the_end=OF_THE_END
        )
        parts = Parts(
            self.loop,
            self.clock,
            self.world,
            Operations(self.world),
            self.journal,
            self.faults,
            self.chronicle,
            settings,
            name,
            self.demand,
        )
        self.lives = Lives(parts, failed=self.court.broke)
        self.trouble = Troublemaker(
            self.world, self.faults, self.clock.suspend, self.lives.unwatched
        )
        if is_traced:
            self.world.story.append(self._tell)
            self.chronicle.listeners.append(lambda entry, life: self._tell(f"[{life}] {entry}"))

    def _tell(self, text: str) -> None:
        if len(self.story) < STORY_MOST:
            self.story.append(f"{self.loop.time():9.2f}  {text}")

    def play(self) -> Result:
        digest = ""
        try:
            digest = self.loop.run_until_complete(self._day())
        except Stuck as error:
            self.court.broke(str(error))
        finally:
            self.steps = self.loop.steps  # ending it also meets what awaits the garbage collector
            self.court.is_over = self.lives.is_over = True
            end(self.loop)
        for complaint in self.loop.complaints:
            self.court.broke(complaint)
        return self._result(digest)

    async def _day(self) -> str:
        self.world.start_all()
        if self.demand is not None:
            self.demand.begin()
        self.world.later(FIRST_LIFE_T, self.lives.begin)
        for trouble in self.plan.troubles:
            self._at(trouble.at_t, partial(self.trouble.make, trouble))
        for kill in self.plan.kills:
            self._at(kill.at_t, partial(self.lives.arm, kill))
        for wish in self.plan.wishes:
            self._at(wish.at_t, partial(self._wish, wish))
        self._at(self.calm_t - LAST_KILL_BEFORE_S, self._kill_at_least_once)
        await self.clock.sleep(self.calm_t)
        self._calm()
        for after_s in HEALS_AFTER_S:
            self._at(self.calm_t + after_s, partial(self._heal_escalated, KINDS[after_s]))
        self._at(self.calm_t + WELL_AFTER_S, lambda: self.court.judge(endings.judge_calm))
        await self.clock.sleep(self.day_s - self.calm_t)
        self.court.end()
        return await self._close_books()

    def _at(self, t: float, call: Callable[[], None]) -> None:
        self.world.later(max(0.0, t - self.loop.time()), call)

    def _kill_at_least_once(self) -> None:
        """Some moments that the plan waits for never come."""
        if not self.lives.killed:
            self.lives.arm(Kill(self.calm_t - LAST_KILL_BEFORE_S, Point.ANYWHERE, down_s=5.0))

    def _calm(self) -> None:
        self.world.tell("calm: nothing new goes wrong from here on")
        self.world.lift_all()
        self.faults.end()
        self.lives.disarm()

    def _wish(self, wish: Wish) -> None:
        self._ask(Request(wish.verb, by="somebody", service=wish.service, for_s=wish.for_s))

    def _heal_escalated(self, kind: ActionKind | None) -> None:
        for service in sorted(self.chronicle.with_a_person):
            self._ask(Request(Verb.HEAL, by="somebody", service=service, kind=kind))

    def _ask(self, request: Request) -> None:
        self.world.tell(f"a person asks: {request.verb} {request.service}")
        self.lives.ask(request, self._answered)

    def _answered(self, answer: Answer) -> None:
        self.world.tell(f"the person is told: {answer.state} {answer.text}")

    async def _close_books(self) -> str:
        """The journal is whole, holds what was committed, and tells the loop's own state."""
        broken = await self.journal.verify_chain()
        if broken:
            self.court.broke(f"the journal's chain: {broken}")
        count = len(self.chronicle.entries)
        last = await self.journal.entries(after=count - 1)
        if len(last) != 1:
            self.court.broke(f"{count} entries were committed, the journal has others")
        control = self.lives.control
        if control is None:
            self.court.broke("no controller at the end")
        elif STATES.dumps(control.state) != STATES.dumps(await self.journal.load()):
            self.court.broke("the loop remembers something else than its journal")
        return last[-1][1] if last else ""

    def _result(self, digest: str) -> Result:
        return Result(
            self.mix,
            self.seed,
            tuple(self.court.violations),
            digest,
            services=len(self.world.services),
            entries=len(self.chronicle.entries),
            actions=len(self.chronicle.actions),
            deeds=len(self.world.ledger.deeds),
            incidents=len(self.chronicle.incidents),
            escalations=len(self.chronicle.escalations),
            kills=self.lives.killed,
            steps=self.steps,
            troubles=dict(self.trouble.done),
            story=tuple(self.story),
            hours=self.hours,
        )
