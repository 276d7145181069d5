"""Who counts requests dies in a peak: nothing goes for it, it says why, and it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from everup.auto_scaler.planner import By
from everup.auto_scaler.scaler import Opinion, Unit
from everup.loop.control import Control
from everup.model.kinds import UNKNOWN, Mode, is_known
from everup.model.routing import Route, Served
from everup.model.scaling import Spread
from everup.model.settings import Settings
from everup.model.sizing import QueueSpec, ScalingSpec
from everup.model.stack import ProbeSpec
from tests.unit.builders import service, stack
from tests.unit.loop.scaler_world import WEB, ScalerWorld
from tests.unit.loop.small_world import until
from tests.unit.loop.traffic_world import World

PACE = Settings(scale_down_window_s=30.0).scaled(0.02)
SPEC = service(
    "web",
    instances=3,
    min_instances=1,
    max_instances=4,
    has_bounds=True,
    spread=Spread.ROUTER,
    route=Route("be_web"),
    probe=ProbeSpec(http="http://127.0.0.1/health", interval_s=0.02, timeout_s=1.0),
    scaling=ScalingSpec(latency_target_s=0.5),
)
EACH_S = 0.02


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30.0))


class Asked:
    """Requests that come, `per_s` to each server."""

    def __init__(self, world: World, per_s: float) -> None:
        self._world, self.per_s, self._total = world, per_s, 0.0
        self.count()

    def count(self) -> None:
        for number in (1, 2, 3):
            self._world.put(number, served=Served(self._total, 0.0, 0.01), waiting=0.0)

    async def come(self) -> None:
        while True:
            await asyncio.sleep(EACH_S)
            self._total += self.per_s * EACH_S
            self.count()


def opinion(control: Control) -> Opinion | None:
    return control.scaler.opinions.get("web")


def is_counted(control: Control) -> bool:
    found = opinion(control)
    return found is not None and found.unit is Unit.REQUESTS and is_known(found.demand)


def test_nothing_goes_while_who_counts_is_silent_and_it_goes_on_afterwards() -> None:
    world = World(stack(SPEC, mode=Mode.AUTO), PACE)

    async def story() -> None:
        asked = Asked(world, 200.0)
        async with world.life() as control:
            coming = asyncio.create_task(asked.come())
            await until(lambda: is_counted(control))
            world.routes.is_silent = True
            await until(lambda: not is_counted(control))
            await asyncio.sleep(3 * PACE.scale_down_window_s)
            found = opinion(control)
            assert found is not None
            assert (found.unit, found.plan.by) == (Unit.REQUESTS, By.HELD)
            assert not found.choice.is_change
            assert "not seen now: nothing is removed" in found.choice.text
            assert len(world.runtime.instances) == 3
            world.routes.is_silent = False
            await until(lambda: is_counted(control))
            found = opinion(control)
            assert found is not None
            assert found.plan.by is not By.HELD
            coming.cancel()

    run(story())


def test_processors_do_not_stand_in_for_a_queue_that_was_never_read() -> None:
    """They are idle while a worker waits for what it fetches, whatever waits."""
    queue = QueueSpec(redis="redis:6379", key="jobs", per_instance=10.0)
    world = ScalerWorld(lambda _: UNKNOWN, instances=6, scaling=ScalingSpec(queue=queue))
    world.run(lambda: world.live(1200.0))
    found = world.control.scaler.opinions[WEB]
    assert found.unit is Unit.NOTHING
    assert world.instances == 6
    assert not world.did()
