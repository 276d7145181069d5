"""Traffic of an edge whose breaker is open is turned away by the router, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from everup.loop.control import Control
from everup.model import entries as e
from everup.model.breaker import BreakerState, CallOutcome, EdgeName, TurnedBy
from everup.model.kinds import ActionKind, Mode, ProbeVerdict
from everup.model.request import Request, Verb
from everup.model.routing import Order, Route, RoutedServer, Served, ServerName
from everup.model.scaling import Spread
from everup.model.stack import Dependency, ProbeSpec, Stack
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import QUICK, until
from tests.unit.loop.traffic_world import World

GROUP = "be_api_web"
EDGE = EdgeName("api", "web")
F = CallOutcome.FAILED
PROBE = ProbeSpec(http="http://127.0.0.1/health", interval_s=0.02, timeout_s=1.0)
WEB = service(
    "web", instances=3, spread=Spread.ROUTER, route=Route("be_web"), probe=PROBE, max_instances=5
)
NEEDS = (Dependency("web", is_critical=True, router_group=GROUP),)
API = service("api", depends_on=NEEDS, mode=Mode.AUTO)
STACK = stack(WEB, API, mode=Mode.OBSERVE)
LONG = replace(QUICK, breaker_open_s=30.0, breaker_open_most_s=300.0)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30.0))


def of_edge(number: int) -> ServerName:
    return ServerName(GROUP, f"w{number}")


def routed(declared: Stack = STACK, settings: Any = LONG) -> World:
    world = World(declared, settings)
    for number in (1, 2):
        world.routes.put(
            RoutedServer(
                of_edge(number),
                address=f"10.0.0.{number}",
                port=80,
                weight=100,
                weight_declared=100,
                sessions=0.0,
                served=Served(0.0, 0.0),
            )
        )
    return world


def orders(world: World) -> list[Order]:
    return [world.routes.servers[of_edge(number)].order for number in (1, 2)]


def is_away(world: World) -> bool:
    return orders(world) == [Order.OUT, Order.OUT]


def passes(world: World) -> bool:
    return orders(world) == [Order.READY, Order.READY] and not world.routes.notes


def view(control: Control) -> Any:
    return control.breakers.view(EDGE)


def test_it_is_turned_away_while_open_and_nobody_else_is() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
            assert [world.server(n).order for n in (1, 2, 3)] == [Order.READY] * 3
            assert {one.because for one in world.routes.notes.values()} == {"api>web"}
            await until(lambda: view(control).is_enforced)
            await asyncio.sleep(0.2)
            assert is_away(world), "its instances being well brings nothing back"
            await control.close_breaker(EDGE, "ann", "mended")
            await until(lambda: passes(world))
            await until(lambda: not view(control).is_enforced)

    run(story())


def test_nothing_that_we_hold_outlives_us_and_the_next_life_holds_it_again() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
        assert passes(world)
        async with world.life():
            await until(lambda: is_away(world))

    run(story())


def test_half_open_our_probe_is_the_trial_and_no_request_is_spent() -> None:
    world = routed(settings=replace(QUICK, breaker_trial_s=30.0))
    verdict = [ProbeVerdict.FAIL]
    world.prober.says = lambda name: verdict[0] if name == "web" else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: view(control).is_enforced)
            while control.breakers.of(EDGE).turn.openings < 2:
                assert not (await control.ask_breaker(EDGE)).trial
                await asyncio.sleep(0.02)
            verdict[0] = ProbeVerdict.PASS
            await until(lambda: control.breakers.of(EDGE).state is BreakerState.CLOSED)
            await until(lambda: passes(world))
        opens = [one for one in world.journal.of(e.BreakerTurned) if one.state == "open"]
        assert [one.openings for one in opens][:2] == [1, 2]

    run(story())


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.APPROVE])
def test_nothing_is_turned_away_where_nobody_lets_us(mode: Mode) -> None:
    world = routed(stack(WEB, replace(API, mode=mode), mode=Mode.OBSERVE))

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: "not auto" in view(control).not_enforced)
            assert passes(world)
            assert not (await control.ask_breaker(EDGE)).is_allowed, "who asks is told all the same"

    run(story())


def test_a_freeze_gives_it_back() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
            await control.request(Request(Verb.FREEZE, "ann", "api"))
            await until(lambda: passes(world))

    run(story())


def test_what_somebody_else_orders_is_theirs_for_this_opening() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
            known = world.routes.servers[of_edge(1)]
            world.routes.put(replace(known, order=Order.READY))
            await until(lambda: passes(world))
            await asyncio.sleep(0.2)
            assert passes(world)
            assert "somebody else" in view(control).not_enforced

    run(story())


def test_release_lets_go_of_it_for_this_opening() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
            await control.request(Request(Verb.RELEASE, "ann"))
            await until(lambda: passes(world))
            await asyncio.sleep(0.2)
            assert passes(world)

    run(story())


def test_a_reload_is_ordered_again() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
            world.routes.reload()
            await until(lambda: is_away(world))
            await until(lambda: view(control).is_enforced)

    run(story())


def test_what_the_router_counts_opens_it() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: bool(control.breakers.not_enforced) or control.look is not None)
            await asyncio.sleep(0.3)
            known = world.routes.servers[of_edge(1)]
            world.routes.put(replace(known, served=Served(6.0, 6.0)))
            await until(lambda: is_away(world))
            assert view(control).calls == {"passed": 0, "failed": 6}

    run(story())


def test_while_the_router_counts_calls_that_pass_failing_probes_open_nothing() -> None:
    world = routed(settings=replace(LONG, breaker_failures=12, sample_interval_s=2.0))
    world.prober.says = lambda name: ProbeVerdict.FAIL if name == "web" else ProbeVerdict.PASS

    async def calls() -> None:
        while True:
            known = world.routes.servers[of_edge(1)]
            assert known.served is not None
            world.routes.put(replace(known, served=Served(known.served.requests + 1.0, 0.0)))
            await asyncio.sleep(0.01)

    async def story() -> None:
        async with world.life() as control:
            calling = asyncio.create_task(calls())
            await asyncio.sleep(1.5)
            calling.cancel()
            assert view(control).calls["passed"] > 10
            assert control.breakers.of(EDGE).state is BreakerState.CLOSED

    run(story())


def test_calls_that_passed_before_and_are_counted_late_do_not_outdo_them() -> None:
    world = routed(settings=replace(LONG, breaker_failures=12, sample_interval_s=2.0))
    said = [ProbeVerdict.PASS]
    world.prober.says = lambda name: said[0] if name == "web" else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await asyncio.sleep(0.3)
            known = world.routes.servers[of_edge(1)]
            world.routes.put(replace(known, served=Served(50.0, 0.0)))
            said[0] = ProbeVerdict.FAIL
            await until(lambda: control.breakers.of(EDGE).state is BreakerState.OPEN)
            assert control.breakers.of(EDGE).turn.turned_by is TurnedBy.PROBES
            assert view(control).calls == {"passed": 50, "failed": 0}

    run(story())


def test_an_action_takes_out_and_brings_back_without_touching_what_a_breaker_holds() -> None:
    world = routed()

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: is_away(world))
            request = Request(
                Verb.HEAL, "ann", "web", kind=ActionKind.CONTAINER_RESTART, instance="web-1"
            )
            await control.request(request)
            await until(lambda: bool(world.journal.of(e.Verified)))
            await until(lambda: world.server(1).takes)
            assert is_away(world)

    run(story())


def test_a_group_that_is_not_there_is_said() -> None:
    needs = (Dependency("web", is_critical=True, router_group="be_nowhere"),)
    world = routed(stack(WEB, replace(API, depends_on=needs), mode=Mode.OBSERVE))

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: "be_nowhere" in view(control).not_enforced)

    run(story())


@pytest.mark.parametrize("who", ["a service", "another edge"])
def test_a_group_that_others_are_behind_too_is_left_alone(who: str) -> None:
    web, more = WEB, []
    if who == "a service":
        web = replace(WEB, route=Route(GROUP))
    else:
        more = [service("worker", depends_on=NEEDS)]
    world = routed(stack(web, API, *more, mode=Mode.OBSERVE))

    async def story() -> None:
        async with world.life() as control:
            await control.tell_breaker(EDGE, [F] * 5, "")
            await until(lambda: "is named by" in view(control).not_enforced)
            assert passes(world)

    run(story())
