"""A new life of Everup lives through what was seen, and then decides as one that never ended."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import numpy as np

from everup.auto_scaler.planner import WARM_STEPS, By
from everup.auto_scaler.scaler import Unit
from everup.history.memory import MemoryHistory
from everup.loop.control import Control
from everup.loop.rooms import Rooms
from everup.loop.scaler_past import live_through
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.kinds import is_known
from everup.model.settings import Settings
from everup.model.sizing import QueueSpec, ScalingSpec
from everup.model.stack import Stack
from tests.unit.loop.scaler_world import WEB, ScalerWorld, web

STEP_S = 15.0
NOW_S = 1_000_000 * STEP_S
SHOP = Stack("s", {WEB: web(), "idle": web(name="idle")})


def a_past(steps: int, *, until_s: float = NOW_S, hole: range = range(0)) -> MemoryHistory:
    history = MemoryHistory(tuple(SHOP.services))
    for step in range(steps):
        if step in hole:
            continue
        for part in range(3):
            sample = np.full((len(SIGNALS), 2), np.nan, dtype=np.float32)
            asked = 100.0 + 50.0 * math.sin(step / 40) + part
            for signal, value in (
                (Signal.REQUESTS_PER_S, asked),
                (Signal.FAILURES_PER_S, 0.0),
                (Signal.ROUTED_LATENCY_S, 0.02),
                (Signal.INSTANCES_UP, 2.0),
                (Signal.CPU_RATIO, 0.3),
                (Signal.MEMORY_BYTES, 200e6 + part),
                (Signal.MEMORY_RATIO, 0.4),
            ):
                sample[INDEX[signal], 0] = value
            history.append(until_s - (steps - step) * STEP_S + 5.0 * part, sample)
    return history


def lived(history: MemoryHistory, now_s: float = NOW_S) -> Any:
    return asyncio.run(live_through(SHOP, Settings(), history, now_s))


def test_each_service_that_was_ever_seen_has_lived() -> None:
    found = lived(a_past(WARM_STEPS + 40))
    assert set(found) == {WEB}, "the other one was never seen"
    planner = found[WEB].planner
    assert planner.past.steps == WARM_STEPS + 40
    assert planner.is_warm
    last = 100.0 + 50.0 * math.sin((WARM_STEPS + 38) / 40) + 1.0
    assert planner.past.latest(2)[0] == np.float64(last).round(4) or math.isclose(
        planner.past.latest(2)[0], last, rel_tol=1e-5
    )
    assert found[WEB].usage.peak_bytes >= 200e6


def test_a_hole_and_the_time_since_are_steps_that_nobody_saw() -> None:
    found = lived(a_past(60, until_s=NOW_S - 300.0, hole=range(20, 30)))
    past = found[WEB].planner.past
    assert past.steps == 80
    assert past.unseen_at == 79
    assert past.latest(80)[25] == past.latest(80)[19]


def test_a_moment_in_which_nobody_counted_does_not_begin_anew_what_was_learned() -> None:
    """As after each start of Everup: processors are seen a little earlier than requests."""
    history = MemoryHistory(tuple(SHOP.services))
    for step in range(WARM_STEPS + 40):
        sample = np.full((len(SIGNALS), 2), np.nan, dtype=np.float32)
        sample[INDEX[Signal.INSTANCES_UP], 0] = 2.0
        sample[INDEX[Signal.CPU_RATIO], 0] = 0.3
        if step % 200 != 199:
            sample[INDEX[Signal.REQUESTS_PER_S], 0] = 100.0
        history.append(NOW_S - (WARM_STEPS + 40 - step) * STEP_S, sample)
    scaler = lived(history)[WEB]
    assert scaler.unit is Unit.REQUESTS
    assert scaler.planner.past.steps == WARM_STEPS + 40
    assert scaler.planner.is_warm


def test_processors_never_stand_in_for_a_queue() -> None:
    """Else demand would have been seen in the past, and be seen never more: nothing would go."""
    jobs = ScalingSpec(queue=QueueSpec(redis="redis:6379", key="jobs"))
    worker = Stack("s", {WEB: web(scaling=jobs), "idle": web(name="idle")})
    history = MemoryHistory(tuple(worker.services))
    for step in range(40):
        sample = np.full((len(SIGNALS), 2), np.nan, dtype=np.float32)
        sample[INDEX[Signal.INSTANCES_UP], 0] = 2.0
        sample[INDEX[Signal.CPU_RATIO], 0] = 0.3
        sample[INDEX[Signal.WORK_QUEUE], 0] = 5.0
        history.append(NOW_S - (40 - step) * STEP_S, sample)
    found = asyncio.run(live_through(worker, Settings(), history, NOW_S))
    assert found[WEB].unit is Unit.NOTHING


def test_no_past_is_no_scaler() -> None:
    assert lived(MemoryHistory(tuple(SHOP.services))) == {}


def test_a_new_life_decides_by_forecast_at_once() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(1.0, 0.05, 100_000)

    def demand(t: float) -> float:
        return float(150.0 * (1 + 0.5 * math.sin(t / 900.0)) * noise[int(t // 15)])

    world = ScalerWorld(demand, instances=4)
    history = MemoryHistory((WEB,))
    said: list[tuple[By, int]] = []

    def asked(control: Control) -> None:
        scaler = control.scaler.scaler(WEB)
        assert scaler is not None
        said.append((control.scaler.opinions[WEB].plan.by, scaler.planner.past.steps))

    async def two_lives() -> None:
        await world.live(
            WARM_STEPS * STEP_S + 900.0, rooms=Rooms(history=history), at=((9.0, asked),)
        )
        await world.clock.sleep(600.0)
        await world.live(900.0, rooms=Rooms(history=history), at=((5.0, asked), (600.0, asked)))

    world.run(two_lives)
    first, _, later = said
    assert first[1] <= 2
    assert later[0] in set(By) - {By.PLAIN, By.HELD}
    steps = (WARM_STEPS * STEP_S + 900.0 + 600.0 + 600.0) / STEP_S
    assert abs(later[1] - steps) <= 3, "each step of the time is there, seen or not"
    scaler = world.control.scaler.scaler(WEB)
    assert scaler is not None
    assert scaler.planner.is_warm
    assert is_known(world.control.scaler.opinions[WEB].plan.chance)


def test_the_plain_rules_decide_while_the_past_is_lived_through() -> None:
    """History that is slow to read keeps nobody waiting."""
    world = ScalerWorld(lambda t: 60.0 if t < 300 else 190.0)

    class Slow(MemoryHistory):
        async def blocks(self, since_s: float, until_s: float) -> Any:
            await world.clock.sleep(900.0)
            async for block in super().blocks(since_s, until_s):
                yield block

    history = Slow((WEB,))
    seen: list[tuple[bool, int]] = []

    def asked(control: Control) -> None:
        seen.append((control.scaler.is_living_through, world.instances))

    world.run(lambda: world.live(1500.0, rooms=Rooms(history=history), at=((700.0, asked),)))
    assert seen[0][0]
    assert seen[0][1] > 2
    assert not world.control.scaler.is_living_through


def test_a_past_that_cannot_be_read_is_said_and_learned_anew() -> None:
    world = ScalerWorld(lambda _: 60.0)

    class Broken(MemoryHistory):
        async def blocks(self, since_s: float, until_s: float) -> Any:
            if since_s < until_s:
                raise OSError("no such disk")
            yield

    told: list[str] = []
    history = Broken((WEB,))
    world.run(
        lambda: world.live(
            600.0, rooms=Rooms(history=history), at=((1.0, lambda c: told.append(c.scaler.fault)),)
        )
    )
    assert "no such disk" in told[0]
    assert world.control.scaler.opinions
