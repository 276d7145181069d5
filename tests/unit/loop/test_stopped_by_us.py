"""`everup down` is somebody's wish: what it ended is no crash when Everup is back."""

from __future__ import annotations

import asyncio

from everup.model.entries import ControllerStopped, ExitSeen, IncidentOpened
from everup.model.observation import Exit
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import World, until


def test_what_down_ended_is_no_crash() -> None:
    async def story() -> World:
        world = World(stack(service("a")))
        world.runtime.run("a")
        async with world.life(stop_services=True):
            pass
        async with world.life() as control:
            await until(lambda: control.memory.looks > 1)
            assert control.look is not None
            assert control.look.observation.services["a"].instances[0].instance.exit is None
        return world

    world = asyncio.run(story())
    assert [s.stops_services for s in world.journal.of(ControllerStopped)] == [True, False]
    assert world.journal.of(ExitSeen) == []
    assert [i for i in world.journal.of(IncidentOpened) if "signal" in i.reason] == []


def test_what_died_while_everup_alone_was_down_is_a_death() -> None:
    async def story() -> World:
        world = World(stack(service("a")))
        world.runtime.run("a")
        async with world.life():
            pass
        world.runtime.end("a", Exit(world.clock.now(), 1))
        async with world.life():
            await until(lambda: bool(world.journal.of(ExitSeen)))
        return world

    assert len(asyncio.run(story()).journal.of(ExitSeen)) == 1


def test_a_death_after_the_next_start_is_a_death() -> None:
    async def story() -> World:
        world = World(stack(service("a")))
        world.runtime.run("a")
        async with world.life(stop_services=True):
            pass
        world.runtime.run("a")
        async with world.life():
            world.runtime.end("a", Exit(world.clock.now(), 1))
            await until(lambda: bool(world.journal.of(ExitSeen)))
        return world

    assert len(asyncio.run(story()).journal.of(ExitSeen)) == 1
