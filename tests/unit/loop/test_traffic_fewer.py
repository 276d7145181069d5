"""Fewer of our own accord: whoever cannot be drained now does not go."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from everup.loop.perform import NotBegun
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.routing import Order, Route
from everup.model.scaling import BEFORE, INSTANCES, LEAVING, Spread
from tests.unit.builders import service, stack
from tests.unit.loop.traffic_world import World

SPEC = service("web", instances=3, spread=Spread.ROUTER, route=Route("be_web"))
FEWER = Step(ActionKind.SCALE_IN, "web", {INSTANCES: 2, BEFORE: 3, LEAVING: "web-3"})


def went(
    world: World, origin: Origin = Origin.SCALING, step: Step = FEWER
) -> tuple[list[str], list[Order]]:
    """What was said, and how the server of who leaves stood then."""
    stood: list[Order] = []

    async def act(_: e.Intended) -> list[str]:
        stood.append(world.server(3).order)
        return []

    async def story() -> list[str]:
        async with world.life() as control:
            intent = e.Intended(
                world.clock.now(),
                *("act-1", None, "key", origin, Cause.DEMAND, step, ""),
                Sighting(world.clock.now(), instances={f"web-{n}": "" for n in (1, 2, 3)}),
                Expectation("web", 10.0, instances=2),
            )
            traffic = cast(Any, control).traffic
            found: list[str] = await traffic.around(SPEC, intent, act)
            return found

    return asyncio.run(asyncio.wait_for(story(), 30.0)), stood


def a_world() -> World:
    return World(stack(SPEC, mode=Mode.OBSERVE))


def test_who_leaves_is_drained() -> None:
    assert went(a_world())[1] == [Order.OUT]


def test_nobody_leaves_while_the_router_does_not_answer() -> None:
    world = a_world()
    world.routes.is_silent = True
    with pytest.raises(NotBegun, match="keeps its number by now: not asked to spare it"):
        went(world)


def test_nobody_leaves_who_alone_takes_requests() -> None:
    """Those who stay may run for long before the router sends them any."""
    world = a_world()
    world.put(1, is_up=False)
    world.put(2, is_up=False)
    with pytest.raises(NotBegun, match="nobody else of be_web takes requests"):
        went(world)
    assert world.server(3).takes


@pytest.mark.parametrize(
    ("origin", "step"),
    [
        (Origin.PERSON, FEWER),
        (Origin.SCALING, Step(FEWER.kind, "web", FEWER.parameters, undoes="act-0")),
    ],
)
def test_what_a_person_wants_and_what_is_taken_back_does_not_wait(
    origin: Origin, step: Step
) -> None:
    world = a_world()
    world.routes.is_silent = True
    said, stood = went(world, origin, step)
    assert stood == [Order.READY]
    assert "not asked to spare it" in said[0]
