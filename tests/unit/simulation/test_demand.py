"""The demand of a simulated day, and whether the court notices a number that may not be."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.model import entries as e
from everup.model.decision import Check
from everup.model.kinds import ActionKind, Mode, Origin
from everup.model.scaling import INSTANCES, Spread
from everup.model.settings import Settings
from everup.model.sizing import ScalingSpec
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.simulated import World
from everup.runtimes.simulated.nature import Nature
from everup.simulation.demand import STEP_S, Demand
from everup.simulation.invariants import scaling
from everup.simulation.stacks import scaled_by_demand
from everup.simulation.virtual_clock import VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, end

WEB = ServiceSpec(
    "web",
    instances=3,
    min_instances=2,
    max_instances=5,
    has_bounds=True,
    spread=Spread.ROUTER,
    scaling=ScalingSpec(latency_target_s=0.1),
)


def test_it_comes_and_goes_and_is_counted_but_for_a_while() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop)
    stack = Stack("s", {"web": WEB, "db": ServiceSpec("db")})
    world = World(stack, {"web": Nature(demand_rps=100.0)}, loop=loop, now=clock.now)
    demand = Demand(Random(1), world, day_s=7200.0, calm_t=4800.0)
    told: list[float] = []
    blind = 0

    async def day() -> None:
        nonlocal blind
        world.start_all()
        demand.begin()
        for _ in range(int(4800 / STEP_S)):
            await clock.sleep(STEP_S)
            loads = demand.loads()
            assert set(loads) <= {"web"}
            blind += not loads
            if loads:
                told.append(loads["web"].requests_per_s)
                assert demand.lowest("web") <= max(told[-5:]) + 1e-9
        world.senses.engine = cast(Any, True)
        assert demand.loads() == {}

    try:
        loop.run_until_complete(day())
    finally:
        end(loop)
    assert 10.0 <= min(told) < max(told) <= 500.0
    assert 60.0 / STEP_S <= blind <= 900.0 / STEP_S + 1
    assert demand.lowest("db") == 0.0


def test_only_what_is_stateless_and_serves_is_scaled() -> None:
    plain = ServiceSpec("a", instances=2)
    found = scaled_by_demand(plain, 0.01)
    assert found.has_bounds
    assert found.max_instances > 2
    for spec in (replace(plain, is_stateful=True), replace(plain, is_one_shot=True)):
        assert scaled_by_demand(spec, 0.01) is spec


def case(spec: ServiceSpec = WEB, *, asked: float = 0.0, **chronicle: Any) -> Any:
    service = SimpleNamespace(spec=spec, nature=Nature(capacity_rps=100.0))
    kept = {"incidents": {}, "endings": set(), "entries": [], "of_service": {}} | chronicle
    return SimpleNamespace(
        world=SimpleNamespace(
            stack=Stack("s", {"web": spec}, mode=Mode.AUTO), services={"web": service}
        ),
        chronicle=SimpleNamespace(**kept),
        settings=Settings(),
        demand=SimpleNamespace(lowest=lambda _: asked),
    )


def action(kind: ActionKind, count: int, origin: Origin = Origin.SCALING) -> Any:
    step = SimpleNamespace(undoes=None, parameters={INSTANCES: count})
    intent = SimpleNamespace(origin=origin, step=step)
    return SimpleNamespace(
        intent=intent, kind=kind, service="web", id="act-1", at_s=50.0, is_own=True
    )


OUT, IN = ActionKind.SCALE_OUT, ActionKind.SCALE_IN


@pytest.mark.parametrize(
    ("kind", "count", "asked", "text"),
    [
        (OUT, 5, 900.0, ""),
        (OUT, 6, 900.0, "at most 5"),
        (IN, 2, 190.0, ""),
        (IN, 2, 201.0, "need 3"),
        (IN, 1, 0.0, "at least 2"),
    ],
)
def test_the_court_notices(kind: ActionKind, count: int, asked: float, text: str) -> None:
    found = scaling.judge_intent(case(asked=asked), action(kind, count), 1)
    assert len(found) == bool(text)
    assert not text or text in found[0][1]
    assert scaling.judge_intent(case(asked=asked), action(kind, count, Origin.PERSON), 1) == []


def test_the_court_notices_who_may_not_be_scaled_at_all() -> None:
    for spec, text in (
        (replace(WEB, has_bounds=False), "whose owner"),
        (replace(WEB, is_stateful=True), "whose owner"),
        (replace(WEB, mode=Mode.OBSERVE), "in mode observe"),
    ):
        ((_, said),) = scaling.judge_intent(case(spec), action(OUT, 4), 1)
        assert text in said
    sick = {"inc-1": SimpleNamespace(service="web")}
    ((_, said),) = scaling.judge_intent(case(incidents=sick), action(IN, 2), 1)
    assert "inc-1 is open" in said
    assert scaling.judge_intent(case(incidents=sick), action(OUT, 4), 1) == []


def test_the_court_notices_a_budget_that_scaling_has_spent() -> None:
    answer = e.GateAnswered(
        60.0,
        "key",
        "web",
        ActionKind.GRACEFUL_RESTART,
        "delayed",
        Check.BUDGET,
        "5 actions within 600 s is the budget",
        "inc-1",
        100.0,
        Origin.RECOVERY,
    )
    for origin, is_wrong in ((Origin.SCALING, True), (Origin.RECOVERY, False)):
        spent = [action(OUT, 4, origin)] * Settings().budget_actions
        where = case(entries=[(60.0, 1, answer)], of_service={"web": spent})
        assert bool(scaling.judge_end(where)) is is_wrong
