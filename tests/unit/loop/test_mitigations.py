"""A mitigation in a living loop: proposed, judged, carried out, proven, and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

import pytest

from everup.loop.control import Control
from everup.model import entries as e
from everup.model.breaker import BreakerState, CallOutcome, EdgeName, TurnedBy
from everup.model.kinds import ActionKind, DependencyKind, Mode, Origin, ProbeVerdict
from everup.model.observation import ProbeResult
from everup.model.request import AnswerState, Request, Verb
from everup.model.routing import Order, Route
from everup.model.scaling import Spread
from everup.model.stack import Dependency, ProbeSpec, Stack
from tests.unit.builders import service, stack
from tests.unit.loop import traffic_world
from tests.unit.loop.small_world import QUICK, Prober, World, until

PROBE = ProbeSpec(http="http://127.0.0.1/health", interval_s=0.02, timeout_s=1.0)
EDGE = EdgeName("api", "cache")
SOFT = Dependency("cache", DependencyKind.SOFT, is_critical=True)
CACHE = service("cache", probe=PROBE, mode=Mode.OBSERVE)
API = service("api", depends_on=(SOFT,), probe=PROBE)
SETTINGS = replace(
    QUICK, breaker_failures=100_000, breaker_open_s=30.0, breaker_open_most_s=300.0, rate_burst=9
)
P, F = ProbeVerdict.PASS, ProbeVerdict.FAIL


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 90.0))


def shop(declared: Stack, verdict: list[ProbeVerdict]) -> World:
    world = World(declared, SETTINGS)
    for name in declared.services:
        world.runtime.run(name)
    world.prober.says = lambda name: verdict[0] if name == "cache" else P
    return world


def done(world: World, kind: ActionKind) -> list[e.Intended]:
    return [i for i in world.journal.of(e.Intended) if i.step.kind is kind]


def proofs(world: World, kind: ActionKind) -> list[bool]:
    ids = {i.action_id for i in done(world, kind)}
    return [v.has_passed for v in world.journal.of(e.Verified) if v.action_id in ids]


def proven(world: World, kind: ActionKind) -> list[e.Intended]:
    """Without those that were not begun, as on a machine that had no time for us."""
    passed = {v.action_id for v in world.journal.of(e.Verified) if v.has_passed}
    return [i for i in done(world, kind) if i.action_id in passed]


def state(control: Control) -> BreakerState:
    return control.breakers.of(EDGE).state


async def somebody_asks(control: Control) -> None:
    await control.tell_breaker(EDGE, [CallOutcome.PASSED], "")


def test_a_sick_soft_dependency_is_not_called_until_it_is_well() -> None:
    verdict = [F]
    world = shop(stack(CACHE, API), verdict)

    async def story() -> None:
        async with world.life() as control:
            await somebody_asks(control)
            await until(lambda: proofs(world, ActionKind.DEGRADE) == [True], 30.0)
            (intent,) = proven(world, ActionKind.DEGRADE)
            assert (intent.origin, intent.step.target) == (Origin.MITIGATION, "api")
            assert intent.incident_id == world.journal.of(e.IncidentOpened)[0].incident_id
            assert "Risk to those that cache can reach 0.50, with it 0.00" in intent.reason
            assert state(control) is BreakerState.OPEN
            assert control.breakers.of(EDGE).turn.turned_by is TurnedBy.MITIGATION
            assert not (await control.ask_breaker(EDGE)).is_allowed
            (held,) = control.state.mitigated.values()
            assert (held.because, held.needs, held.has_passed) == ("cache", "cache", True)
            incident = control.state.incident_on("cache")
            assert incident is not None
            assert not incident.attempts, "it is no attempt to heal it"
            (shown,) = [o for o in control.mitigations.latest.options if o.is_in_force]
            assert (shown.risk_before, shown.risk_after) == (0.5, 0.0)
            verdict[0] = P
            await until(lambda: proofs(world, ActionKind.RESUME) == [True], 30.0)
            assert state(control) is BreakerState.CLOSED
            assert not control.state.mitigated
            (undo,) = proven(world, ActionKind.RESUME)
            assert undo.step.undoes == intent.action_id
            assert "cache has been well for" in undo.reason
            well_s = undo.at_s - world.journal.of(e.IncidentResolved)[0].at_s
            assert well_s > 0
        assert len(proven(world, ActionKind.DEGRADE)) == 1

    run(story())


def test_a_restart_of_ours_forgets_neither_it_nor_its_end() -> None:
    verdict = [F]
    world = shop(stack(CACHE, API), verdict)

    async def story() -> None:
        async with world.life() as control:
            await somebody_asks(control)
            await until(lambda: proofs(world, ActionKind.DEGRADE) == [True], 30.0)
        verdict[0] = P
        async with world.life() as control:
            assert len(control.state.mitigated) == 1
            assert state(control) is BreakerState.OPEN
            await until(lambda: proofs(world, ActionKind.RESUME) == [True], 30.0)
            assert state(control) is BreakerState.CLOSED

    run(story())


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.APPROVE])
def test_the_mode_binds_it(mode: Mode) -> None:
    world = shop(stack(CACHE, replace(API, mode=mode)), [F])

    async def story() -> None:
        async with world.life() as control:
            await somebody_asks(control)
            check = "mode" if mode is Mode.OBSERVE else "approval"
            answers = world.journal.of
            await until(
                lambda: any(
                    g.check == check and g.origin is Origin.MITIGATION
                    for g in answers(e.GateAnswered)
                ),
                30.0,
            )
            assert not done(world, ActionKind.DEGRADE)
            assert state(control) is BreakerState.CLOSED
            if mode is Mode.OBSERVE:
                return
            await until(lambda: bool(control.state.approvals))
            (asked,) = control.state.approvals.values()
            assert asked.kind is ActionKind.DEGRADE
            said = await control.request(Request(Verb.APPROVE, by="ann", approval_id=asked.id))
            assert said.state is AnswerState.DONE
            await until(lambda: proofs(world, ActionKind.DEGRADE) == [True], 30.0)
            assert state(control) is BreakerState.OPEN

    run(story())


def test_the_cure_comes_first() -> None:
    world = shop(stack(replace(CACHE, mode=Mode.AUTO), API), [F])

    async def story() -> None:
        async with world.life() as control:
            await somebody_asks(control)
            await until(lambda: bool(done(world, ActionKind.GRACEFUL_RESTART)), 30.0)
            await until(
                lambda: any(
                    n.startswith("degrade") and "graceful_restart" in why
                    for n, why in control.mitigations.standing.items()
                ),
                30.0,
            )
            first = world.journal.of(e.Intended)[0]
            assert (first.origin, first.step.target) == (Origin.RECOVERY, "cache")

    run(story())


def test_below_the_threshold_it_is_only_shown() -> None:
    light = replace(API, depends_on=(replace(SOFT, weight=0.4),))
    world = shop(stack(CACHE, light), [F])

    async def story() -> None:
        async with world.life() as control:
            await somebody_asks(control)
            await until(lambda: bool(control.mitigations.latest.options), 30.0)
            await asyncio.sleep(1.0)
            standing = control.mitigations.standing
            (name,) = [n for n in standing if n.startswith("degrade")]
            assert standing[name].startswith("only shown: a risk under 0.25")
            assert not done(world, ActionKind.DEGRADE)

    run(story())


# --- one of several, behind a router ---


@dataclass
class OneSick(Prober):
    """One instance says no while `is_sick`."""

    name: str = "web-1"
    is_sick: bool = True

    async def probe(self, spec: Any, service: Any, instance: Any, timeout_s: float) -> ProbeResult:
        verdict = F if self.is_sick and instance.name == self.name else P
        return ProbeResult(verdict, self.clock.now(), 0.001)


WATCHED = dict.fromkeys(
    (
        *(ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART, ActionKind.RECREATE),
        ActionKind.DEPENDENCY_RECOVERY,
    ),
    Mode.OBSERVE,
)
WEB = service(
    "web",
    instances=3,
    spread=Spread.ROUTER,
    route=Route("be_web"),
    probe=PROBE,
    max_instances=3,
    modes=WATCHED,
)


def test_a_sick_instance_gets_no_new_requests_until_it_is_well() -> None:
    front = service("front", "web", probe=PROBE)
    world = traffic_world.World(stack(WEB, front), SETTINGS)
    prober = world.prober = OneSick(world.clock)

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: proofs(world, ActionKind.SHED) == [True], 30.0)
            (intent,) = proven(world, ActionKind.SHED)
            assert (intent.origin, intent.step.instance) == (Origin.MITIGATION, "web-1")
            assert [world.server(n).order for n in (1, 2, 3)] == [
                *(Order.DRAIN, Order.READY, Order.READY)
            ]
            assert not done(world, ActionKind.ISOLATE), "that is asked for, and was not better"
            await asyncio.sleep(0.3)
            assert world.server(1).order is Order.DRAIN, "no pass of the router brings it back"
            prober.is_sick = False
            await until(lambda: proofs(world, ActionKind.RESUME) == [True], 30.0)
            assert world.server(1).order is Order.READY
            assert not control.state.mitigated

    run(story())


def test_what_is_shed_is_given_back_when_everup_ends() -> None:
    front = service("front", "web", probe=PROBE)
    world = traffic_world.World(stack(WEB, front), SETTINGS)
    world.prober = OneSick(world.clock)

    async def story() -> None:
        async with world.life():
            await until(lambda: world.server(1).order is Order.DRAIN, 30.0)
        assert world.server(1).order is Order.READY
        assert not world.routes.notes
        async with world.life() as control:
            assert not control.state.mitigated

    run(story())
