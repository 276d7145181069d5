"""One run of a restore in the virtual world: a set is changed, goes back together, and something
goes wrong meanwhile.

Flows in: a seed. Flows out: what the journal and the world say of it at the end. The world, the
loop, the journal and the court are those of `everup.simulation`; only the day is another one: from
`ASK_T` on a person asks for the set until it has begun, and most troubles and kills come then.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

from everup.loop.control import Control
from everup.loop.restores import RestoreAnswer, RestoreWish
from everup.model import entries as e
from everup.model.errors import EverupError
from everup.model.kinds import Mode
from everup.model.request import AnswerState, Verb
from everup.model.restore import Restore, RestoreTarget, Wanted
from everup.model.stack import Dependency, ProbeSpec, ServiceSpec, Stack
from everup.model.state import StackState
from everup.runtimes.simulated.nature import Nature
from everup.runtimes.simulated.service import Curse
from everup.simulation import runner
from everup.simulation.invariants import Violation
from everup.simulation.mixes import MIXES
from everup.simulation.plans import Kill, Kind, Plan, Point, Trouble, Wish
from everup.simulation.stacks import Drawn
from everup.simulation.virtual_loop import LIFE

DEPLOY_T, ASK_T, CALM_T = 200.0, 420.0, 1500.0
AGAIN_S = 15.0
HOURS = 1.6
STATEFUL = "db"
TROUBLES = (
    *(Kind.ACTUATOR,) * 6,
    *(Kind.ENGINE_RAISES, Kind.ENGINE_SAYS_SO, Kind.ENGINE_HANGS, Kind.STALE),
    *(Kind.JOURNAL_REFUSES, Kind.JOURNAL_AMBIGUOUS, Kind.JOURNAL_SLOW),
    *(Kind.CRASH, Kind.CRASH_LOOP, Kind.ERRORS, Kind.SUSPEND),
)


@dataclass
class Outcome:
    """What became of it. `ran`: service → versions at the end; `deployed`, `before`: which the set
    had when it was asked for, and before that."""

    seed: int
    violations: tuple[Violation, ...]
    entries: list[e.Entry]
    state: StackState
    before: dict[str, str] = field(default_factory=dict)
    deployed: dict[str, str] = field(default_factory=dict)
    ran: dict[str, set[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    is_spoilt: bool = False
    has_wishes: bool = False
    kills: int = 0

    @property
    def restore(self) -> Restore | None:
        """The one that was asked for."""
        return next(iter(self.state.restores.values()), None)

    def report(self) -> str:
        """For whoever reads a failed test."""
        told = [str(v) for v in self.violations]
        return f"seed {self.seed}: {told}\n{self.restore}\nran {self.ran}"


class RestoreRun(runner._Run):
    """A day of its own; the rest is the runner's."""

    def __init__(self, seed: int) -> None:
        self.random = Random(f"restore/{seed}")
        super().__init__("restore", seed, HOURS, is_traced=True)
        self.calm_t = CALM_T
        self.before: dict[str, str] = {}
        self.deployed: dict[str, str] = {}
        self.changed = self.random.sample(sorted(self.world.services), self.random.randint(1, 4))
        self.is_spoilt = self.random.random() < 0.3

    async def _day(self) -> str:
        self._at(DEPLOY_T, self._deploy)
        self._at(ASK_T, self._restore)
        return await super()._day()

    def _deploy(self) -> None:
        for name in self.changed:
            self.before[name] = _version(self, name)
            self.trouble.make(Trouble(DEPLOY_T, Kind.DEPLOY, name))

    def _restore(self) -> None:
        """Asked again until it has begun, or cannot."""
        control = self.lives.control
        if control is None or self.loop.time() > CALM_T:
            self._at(self.loop.time() + AGAIN_S, self._restore)
            return
        if self.is_spoilt and not self.deployed:
            bad = self.random.choice(self.changed)
            self.world.services[bad].bad[self.before[bad]] = Curse(float("inf"), 1.0)
        self.deployed = {name: _version(self, name) for name in self.changed}
        target = RestoreTarget({n: Wanted(n) for n in self.changed}, is_named=True)
        wish = RestoreWish(target, "somebody", "as it was")
        context = copy_context()
        context.run(LIFE.set, self.lives.holder)
        self.loop.create_task(_begin(control, wish, self._answered_so), context=context)

    def _answered_so(self, found: RestoreAnswer | None) -> None:
        told = "nothing" if found is None else f"{found.answer.state} {found.answer.text}"
        self.world.tell(f"who wants it restored is told: {told}")
        is_begun = found is not None and found.answer.state is AnswerState.ACCEPTED
        if not is_begun and self.loop.time() < CALM_T - 300.0:
            self._at(self.loop.time() + AGAIN_S, self._restore)

    def outcome(self) -> Outcome:
        """After the end."""
        entries = [entry for _, _, entry in self.chronicle.entries]
        state = StackState()
        if self.lives.control is not None:
            state = self.lives.control.state
        found = Outcome(self.seed, tuple(self.court.violations), entries, state)
        found.before, found.deployed = self.before, self.deployed
        for name in self.changed:
            instances = self.world.instances(name)
            found.ran[name] = {i.version for i in instances}
            found.counts[name] = len(instances)
        found.is_spoilt, found.kills = self.is_spoilt, self.lives.killed
        found.has_wishes = bool(self.plan.wishes)
        return found


async def _begin(
    control: Control, wish: RestoreWish, answered: Callable[[RestoreAnswer | None], None]
) -> None:
    try:
        answered(await control.restores.begin(control, wish))
    except (EverupError, TimeoutError):
        answered(None)


def _version(run: RestoreRun, name: str) -> str:
    return next(iter(run.world.instances(name))).version


def _spec(name: str, port: int, *needs: str, instances: int = 1) -> ServiceSpec:
    return ServiceSpec(
        name,
        probe=ProbeSpec(http="http://127.0.0.1:{port}/health"),
        port=port,
        depends_on=tuple(Dependency(need) for need in needs),
        instances=instances,
        max_instances=max(2, instances),
    )


def drawn(random: Random) -> Drawn:
    """Four services, two of them in a chain over a third."""
    specs = [
        _spec(STATEFUL, 2000),
        _spec("api", 2010, STATEFUL, instances=random.choice((1, 2))),
        _spec("web", 2020, "api"),
        _spec("worker", 2030),
    ]
    stack = Stack("simulated", {s.name: s for s in specs}, mode=Mode.AUTO, runtime="simulated")
    return Drawn(stack, {s.name: Nature() for s in specs})


def plan(random: Random) -> Plan:
    """Troubles, kills and wishes around the time of the restore."""
    names = ("db", "api", "web", "worker")
    troubles = [
        Trouble(
            ASK_T + random.uniform(-5.0, 240.0),
            random.choice(TROUBLES),
            random.choice(names),
            random.choice((random.uniform(5.0, 60.0), random.uniform(60.0, 400.0))),
            random.random(),
            random.randrange(1000),
        )
        for _ in range(random.randint(1, 4))
    ]
    kills = [
        Kill(
            ASK_T + random.uniform(0.0, 200.0),
            random.choice(tuple(Point)),
            random.choice((random.uniform(1.0, 10.0), random.uniform(10.0, 120.0))),
            random.random() < 0.15,
        )
        for _ in range(random.randint(1, 5))
    ]
    wishes: list[Wish] = []
    if random.random() < 0.2:
        verb = random.choice((Verb.STOP, Verb.FREEZE, Verb.HEAL))
        at_t = ASK_T + random.uniform(5.0, 120.0)
        wishes.append(Wish(at_t, verb, random.choice(names), 60.0 if verb is Verb.FREEZE else None))
    return Plan(
        tuple(sorted(troubles, key=lambda t: t.at_t)),
        tuple(sorted(kills, key=lambda k: k.at_t)),
        tuple(wishes),
        CALM_T,
    )


def play(seed: int) -> tuple[Outcome, list[str]]:
    """One run; what happened, and its story."""
    random = Random(f"restore/{seed}/day")
    day: dict[str, Any] = {
        "draw_stack": partial(lambda r, *_: drawn(r), random),
        "draw_plan": partial(lambda r, *_, **__: plan(r), random),
        "MIXES": {**MIXES, "restore": MIXES["mixed"]},
    }
    with patch.multiple(runner, **day):
        run = RestoreRun(seed)
    run.play()
    return run.outcome(), run.story


__all__ = ["Outcome", "play"]
