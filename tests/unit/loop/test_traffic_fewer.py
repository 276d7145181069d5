"""Fewer of our own accord: whoever cannot be drained now does not go."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.auto_scaler.planner import By, CountPlan
from everup.loop.perform import NotBegun
from everup.loop.still import held_back
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.observation import Observation
from everup.model.routing import Order, Route
from everup.model.scaling import BEFORE, INSTANCES, LEAVING, Spread
from everup.model.state import StackState
from tests.unit.builders import NOW_S, assess, failing, seen, service, stack, up
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


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        (CountPlan(2, By.FORECAST, "", 2, floor=2), ""),
        (CountPlan(3, By.FORECAST, "", 3, floor=2), ""),
        (CountPlan(3, By.DEMAND, "", 3, floor=3), "3 instances are needed by now"),
        (CountPlan(4, By.ALARM, "", 4, floor=2), "4 instances are needed by now"),
    ],
)
def test_who_is_drained_stays_when_more_is_asked_meanwhile(plan: CountPlan, why: str) -> None:
    """That two would do as well as three is said by others a moment later, and is no reason."""
    assert (why in held(plan=plan)) if why else (held(plan=plan) == "")
    assert held(plan=plan, origin=Origin.PERSON) == ""


def test_who_is_drained_stays_when_somebody_else_falls_ill_meanwhile() -> None:
    assert "it is not well" in held(observation=seen(failing("web")))
    assert held(observation=seen(failing("web")), origin=Origin.PERSON) == ""


def held(
    *,
    plan: CountPlan | None = None,
    observation: Observation | None = None,
    origin: Origin = Origin.SCALING,
) -> str:
    what, observation = stack(SPEC), observation or seen(up("web"))
    look = SimpleNamespace(
        at_s=NOW_S, observation=observation, assessment=assess(what, observation)
    )
    opinion = SimpleNamespace(plan=plan, choice=SimpleNamespace(instances_now=3))
    control: Any = SimpleNamespace(
        halted="",
        look=look,
        clock=SimpleNamespace(now=lambda: NOW_S),
        stack=what,
        state=StackState(),
        scaler=SimpleNamespace(opinions={} if plan is None else {"web": opinion}),
    )
    intent: Any = SimpleNamespace(step=FEWER, origin=origin, overrides={})
    return held_back(control, intent)
