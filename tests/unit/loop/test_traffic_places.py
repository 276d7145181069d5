"""Who comes where a router finds it by a name gets requests once it is well, and not before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from everup.loop.control import Control
from everup.model.kinds import ActionKind, Mode, ProbeVerdict
from everup.model.observation import ProbeResult
from everup.model.routing import Order
from everup.model.scaling import Amount
from tests.unit.builders import stack
from tests.unit.loop.small_world import QUICK, Prober, until
from tests.unit.loop.test_traffic import SPEC, ask, over, run
from tests.unit.loop.traffic_world import World

AUTO = stack(SPEC, mode=Mode.AUTO)
NAMED: dict[str, Any] = {"host_name": "web"}
EMPTY: dict[str, Any] = {**NAMED, "address": "", "port": 0, "is_up": None}


class Choosy(Prober):
    """All are well but the one that starts."""

    def __init__(self, clock: Any, world: Named) -> None:
        super().__init__(clock)
        self._world = world

    async def probe(self, spec: Any, service: Any, instance: Any, timeout_s: float) -> ProbeResult:
        is_well = self._world.is_well or instance.name != "web-4"
        verdict = ProbeVerdict.PASS if is_well else ProbeVerdict.FAIL
        return ProbeResult(verdict, self.clock.now(), 0.001)


class Named(World):
    """Three instances in five places that the engine's name fills."""

    def __init__(self, settings: Any = QUICK) -> None:
        super().__init__(AUTO, settings)
        for number in (1, 2, 3):
            self.put(number, **NAMED)
        for number in (4, 5):
            self.put(number, **EMPTY)
        self.is_well = False
        self.prober = Choosy(self.clock, self)

    def resolve(self) -> None:
        """The name leads to the newcomer as well."""
        one = self.server(4)
        self.routes.put(replace(one, address="10.0.0.4", port=80, is_up=True))

    def orders(self) -> list[Order]:
        return [self.server(number).order for number in (4, 5)]


async def more(control: Control) -> None:
    await ask(control, ActionKind.SCALE_OUT, amount=Amount(4))


async def one_comes(world: Named, control: Control) -> None:
    """It is there, and has no address yet."""
    await more(control)
    await until(lambda: "web-4" in world.runtime.instances)
    assert world.orders() == [Order.DRAIN, Order.DRAIN]


def test_a_place_is_shut_until_who_came_there_is_well() -> None:
    world = Named()

    async def story() -> None:
        async with world.life() as control:
            await one_comes(world, control)
            world.resolve()
            await asyncio.sleep(0.2)
            assert world.server(4).order is Order.DRAIN, "it has an address, and is not well"
            world.is_well = True
            (verified,) = await over(world)
            assert verified.has_passed, verified.reason
            await until(lambda: world.server(4).takes and not world.routes.notes)
            assert world.orders() == [Order.READY, Order.READY]
            assert world.server(4).weight == 100

    run(story())
    said = [line.replace(" be_web/web4", "") for line in world.routes.said if "web4" in line]
    assert said[:4] == ["drain", "drain", "weigh 10", "ready"], "its note says whose it is by then"
    assert all(world.server(n).takes for n in (1, 2, 3)), "nobody else was touched"


def test_a_place_to_which_nobody_came_is_free_again() -> None:
    world = Named(replace(QUICK, verify_deadline_s=0.3, start_period_unknown_s=0.2))

    async def story() -> None:
        async with world.life() as control:
            await more(control)
            (verified,) = await over(world)
            assert not verified.has_passed, "it never was well"
            await until(lambda: not world.routes.notes)
            assert world.orders() == [Order.READY, Order.READY]

    run(story())


def test_who_is_not_well_within_the_lease_is_left_to_the_routers_own_check() -> None:
    world = Named(replace(QUICK, router_hold_most_s=0.3))

    async def story() -> None:
        async with world.life() as control:
            await more(control)
            await until(lambda: "web-4" in world.runtime.instances)
            world.resolve()
            await until(lambda: world.server(4).order is Order.READY)

    run(story())


@pytest.mark.parametrize("changes", [{"host_name": ""}, {"host_name": "other"}])
def test_places_of_nobody_or_of_somebody_else_are_left_alone(changes: dict[str, str]) -> None:
    world = Named()
    world.is_well = True
    for number in (4, 5):
        world.put(number, **{**EMPTY, **changes})

    async def story() -> None:
        async with world.life() as control:
            await more(control)
            await over(world)

    run(story())
    assert not [line for line in world.routes.said if "web5" in line]


def test_a_silent_router_keeps_nobody_from_coming() -> None:
    world = Named()
    world.is_well = True

    async def story() -> None:
        async with world.life() as control:
            world.routes.is_silent = True
            await more(control)
            (verified,) = await over(world)
            assert verified.has_passed, verified.reason

    run(story())
    assert "web-4" in world.runtime.instances


def test_who_crashes_meanwhile_gives_the_places_back() -> None:
    world = Named()

    async def story() -> None:
        async with world.life() as control:
            await one_comes(world, control)
        assert world.orders() == [Order.READY, Order.READY], "nothing that we hold outlives us"

    run(story())
