"""Flaws of ours and of plugins: said, not acted upon, and the end of nothing but after many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from everup.loop import cycle
from everup.loop.mishaps import IN_A_ROW_MOST, Mishaps, TooManyMishaps
from everup.model.entries import Intended, MonitorFaultOver, MonitorFaultSeen
from everup.model.kinds import Mode
from everup.model.observation import Exit
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import World, until


class Broken:
    """A stage that fails the first `times` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    async def __call__(self, control: Any, look: Any) -> Any:
        if self.times > 0:
            self.times -= 1
            raise IndexError("pop from an empty deque")
        return look


def world_with(monkeypatch: pytest.MonkeyPatch, times: int) -> World:
    monkeypatch.setattr(cycle, "CYCLE", (*cycle.CYCLE, Broken(times)))
    world = World(stack(service("a"), mode=Mode.AUTO))
    world.runtime.run("a")
    return world


def test_a_look_that_fails_is_said_and_not_acted_upon(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> World:
        world = world_with(monkeypatch, IN_A_ROW_MOST - 1)
        control = world.control()
        await control.open()
        task = asyncio.create_task(control.run())
        await until(lambda: control.mishaps.total["a look"] >= 1)
        world.runtime.end("a", Exit(world.clock.now(), 1))
        await until(lambda: control.mishaps.total["a look"] >= 3)
        assert "a look failed: IndexError" in control.cannot_act()
        assert world.runtime.did == []
        await until(lambda: world.runtime.did == ["restart a"])
        assert control.cannot_act() == ""
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return world

    world = asyncio.run(story())
    (seen,) = world.journal.of(MonitorFaultSeen)
    assert seen.fault == "a look failed: IndexError: pop from an empty deque"
    assert len(world.journal.of(MonitorFaultOver)) == 1
    assert world.journal.of(MonitorFaultOver)[0].at_s <= world.journal.of(Intended)[0].at_s


def test_looks_that_always_fail_end_it_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        control = world_with(monkeypatch, 10_000).control()
        await control.open()
        await control.run()

    with pytest.raises(TooManyMishaps, match=f"{IN_A_ROW_MOST} times in a row, a look failed"):
        asyncio.run(story())


def test_a_runtime_that_raises_anything_is_an_engine_that_does_not_answer() -> None:
    async def story() -> str:
        world = World(stack(service("a")))
        world.runtime.run("a")
        async with world.life() as control:
            world.runtime.breaks = RuntimeError("a stranger's flaw")
            await until(lambda: "a stranger's flaw" in control.state.monitor_fault)
            world.runtime.breaks = None
            await until(lambda: control.state.monitor_fault == "")
            return control.cannot_act()

    assert asyncio.run(story()) == ""


def test_a_prober_that_raises_makes_one_service_unknown() -> None:
    async def story() -> None:
        world = World(stack(service("a"), service("b")))
        world.runtime.run("a")
        world.runtime.run("b")
        true = world.prober.probe

        async def probe(spec: Any, of: Any, instance: Any, timeout_s: float) -> Any:
            if of.name == "a":
                raise ValueError("not a header")
            return await true(spec, of, instance, timeout_s)

        world.prober.probe = probe  # type: ignore[method-assign,assignment]
        async with world.life() as control:
            await until(lambda: control.mishaps.total["probing a"] > IN_A_ROW_MOST)

            def is_b_well() -> bool:
                return control.look is not None and control.look.assessment.own.score("b") > 0.9

            await until(is_b_well)
            assert control.cannot_act() == ""
            (mishap,) = control.mishaps.present(world.clock.now())
            assert mishap.text == "probing a failed: ValueError: not a header"

    asyncio.run(story())


def test_a_sampler_that_fails_once_goes_on() -> None:
    async def story() -> None:
        world = World(stack(service("a")))
        world.runtime.run("a")
        fails = [OSError("no"), OSError("no")]
        true = world.host.host

        async def host() -> Any:
            if fails:
                raise fails.pop()
            return await true()

        world.host.host = host  # type: ignore[method-assign]
        async with world.life() as control:
            await until(lambda: control.mishaps.total["sensing the host"] == 2)
            await until(lambda: control.cannot_act() == "")

    asyncio.run(story())


def test_a_mishap_is_forgotten_when_none_follows() -> None:
    mishaps = Mishaps(30.0)
    mishaps.happened("the events", ValueError("x"), 100.0, stops_acting=False)
    assert [m.text for m in mishaps.present(129.0)] == ["the events failed: ValueError: x"]
    assert mishaps.why_not_act(101.0) == ""
    assert mishaps.present(131.0) == []
    assert mishaps.happened("the events", ValueError("x"), 140.0, stops_acting=True).in_a_row == 1


def test_after_a_full_disk_it_looks_again_at_once() -> None:
    """Not at the next tick, which may be half a minute away."""

    async def story() -> None:
        world = World(stack(service("a"), mode=Mode.AUTO))
        world.runtime.run("a")
        async with world.life() as control:
            world.journal.fault = "the disk is full"
            world.runtime.end("a", Exit(world.clock.now(), 1))
            await until(lambda: bool(control.journal_fault))
            looks = control.memory.looks
            await until(lambda: control.memory.looks >= looks + 5, within_s=0.5)
            world.journal.fault = ""
            await until(lambda: control.journal_fault == "", within_s=0.5)
            await until(lambda: world.runtime.did == ["restart a"])

    asyncio.run(story())
