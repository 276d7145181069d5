"""The breakers of a living loop: opened by calls and by probes, written down, remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from everup.loop.control import Control
from everup.model import entries as e
from everup.model.breaker import BreakerState, CallOutcome, EdgeName, TurnedBy
from everup.model.kinds import Mode, ProbeVerdict
from everup.model.observation import Exit
from everup.model.settings import Settings
from everup.model.stack import Dependency, ProbeSpec
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import QUICK, World, until

PROBE = ProbeSpec(http="http://127.0.0.1/health", interval_s=0.02, timeout_s=1.0)
STACK = stack(
    service("db", probe=PROBE),
    service("api", depends_on=(Dependency("db", is_critical=True),), probe=PROBE),
    mode=Mode.OBSERVE,
)
EDGE = EdgeName("api", "db")
SLOW = replace(QUICK, breaker_open_s=30.0, breaker_open_most_s=300.0)
F, P = CallOutcome.FAILED, CallOutcome.PASSED


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30.0))


def living(settings: Settings) -> World:
    world = World(STACK, settings)
    for name in ("db", "api"):
        world.runtime.run(name)
    return world


def turns(world: World) -> list[e.BreakerTurned]:
    found: list[e.BreakerTurned] = world.journal.of(e.BreakerTurned)
    return found


def state(control: Control) -> BreakerState:
    return control.breakers.of(EDGE).state


def test_many_ask_and_one_tries() -> None:
    world = living(replace(QUICK, breaker_trial_s=30.0))

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            assert not (await control.ask_breaker(EDGE)).is_allowed
            await until(lambda: state(control) is BreakerState.HALF_OPEN)
            answers = await asyncio.gather(*(control.ask_breaker(EDGE) for _ in range(50)))
            (trial,) = [one.trial for one in answers if one.is_allowed]
            assert (await control.tell_breaker(EDGE, [P], trial)).is_allowed

    run(story())
    said = [(one.state, one.turned_by) for one in turns(world)]
    assert said == [
        (BreakerState.OPEN, TurnedBy.CALLS),
        (BreakerState.HALF_OPEN, TurnedBy.CALLS),
        (BreakerState.CLOSED, TurnedBy.CALLS),
    ]


def test_probes_open_it_and_close_it_where_nobody_asks() -> None:
    world = living(QUICK)
    is_ill = [False]
    ill, well = ProbeVerdict.FAIL, ProbeVerdict.PASS
    world.prober.says = lambda name: ill if name == "db" and is_ill[0] else well

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: control.look is not None)
            is_ill[0] = True
            await until(lambda: state(control) is BreakerState.OPEN)
            is_ill[0] = False
            await until(lambda: state(control) is BreakerState.CLOSED)

    run(story())
    first, last = turns(world)[0], turns(world)[-1]
    assert "probes in a row failed" in first.reason
    assert (first.turned_by, last.turned_by) == (TurnedBy.PROBES, TurnedBy.PROBES)


def test_who_does_not_run_opens_it() -> None:
    world = living(QUICK)

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: control.look is not None)
            world.runtime.end("db", Exit(world.clock.now(), 1))
            await until(lambda: state(control) is BreakerState.OPEN)

    run(story())
    assert turns(world)[0].reason.endswith("no instance of it runs")


def test_it_outlives_a_restart_of_ours_and_is_open_for_longer_the_second_time() -> None:
    world = living(SLOW)

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            first = control.breakers.of(EDGE).turn
        async with world.life() as control:
            assert control.breakers.of(EDGE).turn == first
            assert control.state.breakers[str(EDGE)] == first
            assert not (await control.ask_breaker(EDGE)).is_allowed
            await control.close_breaker(EDGE, "ann", "mended")
        async with world.life() as control:
            assert state(control) is BreakerState.CLOSED
            await control.tell_breaker(EDGE, [F] * 5, "")
            assert control.breakers.of(EDGE).turn.openings == 1, "a person has forgotten the first"

    run(story())


def test_what_is_told_makes_nobody_sick() -> None:
    world = living(QUICK)

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: control.look is not None)
            for _ in range(20):
                await control.tell_breaker(EDGE, [F] * 100, "")
            await asyncio.sleep(0.3)
            assert not control.state.incidents

    run(story())
    assert not world.journal.of(e.IncidentOpened)
    assert not world.runtime.did


def test_no_edge_is_critical() -> None:
    world = World(stack(service("db", probe=PROBE), mode=Mode.OBSERVE), QUICK)

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: control.look is not None)
            assert control.breakers.views() == []

    run(story())
