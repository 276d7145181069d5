"""Versions counted otherwise, by another Everup or with another key, are nobody's change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from everup.loop.restores import RestoreWish
from everup.model import entries as e
from everup.model.kinds import ActionKind, Mode
from everup.model.request import AnswerState, Request, Verb
from everup.model.restore import RestoreTarget, Wanted
from everup.model.snapshot import SnapshotReason
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import World, until
from tests.unit.loop.test_restores import QUICK, Runtime, runtime_of

BEFORE, SINCE, LATER = "2:old", "3-aaaaaa:made", "3-aaaaaa:else"
CHANGES = (e.ProbationBegan, e.ProbationEnded, e.RegressionSeen, e.Intended, e.RestoreBegan)


def a_world(mode: Mode) -> World:
    world = World(stack(service("web"), mode=mode), QUICK)
    world.runtime = Runtime(world.clock)
    shown(world, BEFORE)
    return world


def shown(world: World, version: str, *, is_new: bool = True) -> None:
    """From now on it shows this version; `is_new`: a new instance of it, else the same life."""
    runtime = runtime_of(world)
    runtime.versions["web"] = version
    if is_new:
        runtime.run("web")
    else:
        runtime.instances["web"] = replace(runtime.instances["web"], version=version)


def kept(world: World) -> list[Any]:
    return [entry.version for entry in world.journal.of(e.SafePointKept)]


async def counted_otherwise(world: World, control: Any) -> None:
    """What was well is kept; then the same instance is counted otherwise."""
    await until(lambda: kept(world) == [BEFORE])
    shown(world, SINCE, is_new=False)
    control.wake("listed")
    await until(lambda: control.state.service("web").version == SINCE)


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.OBSERVE])
def test_it_is_no_change(mode: Mode) -> None:
    async def story() -> None:
        world = a_world(mode)
        async with world.life() as control:
            await counted_otherwise(world, control)
            seen = world.journal.of(e.VersionSeen)[-1]
            assert isinstance(seen, e.VersionSeen)
            assert (seen.version, seen.before) == (SINCE, "")
            web = control.state.service("web")
            assert not web.has_other_version
            assert not web.unproven_since_s >= 0
            await until(lambda: kept(world) == [BEFORE, SINCE])
            for kind in CHANGES:
                assert world.journal.of(kind) == []
            taken = world.journal.of(e.SnapshotTaken)
            reasons = [t.reason for t in taken if isinstance(t, e.SnapshotTaken)]
            assert SnapshotReason.CHANGE_SEEN not in reasons
            assert runtime_of(world).did == []

    asyncio.run(story())


def test_what_was_kept_before_is_not_gone_back_to() -> None:
    async def story() -> None:
        world = a_world(Mode.OBSERVE)
        async with world.life() as control:
            await counted_otherwise(world, control)
            wish = Request(Verb.HEAL, "ann", "web", kind=ActionKind.EMERGENCY_ROLLBACK)
            refused = await control.request(wish)
            assert refused.state is AnswerState.REFUSED
            assert "counted otherwise" in refused.text or "nothing has changed" in refused.text
            of_then = RestoreTarget({"web": Wanted("web", BEFORE)}, is_named=True)
            answer = (await control.restore(RestoreWish(of_then, "ann", "then"))).answer
            assert (answer.state, answer.check) == (AnswerState.REFUSED, "not_comparable")
            assert runtime_of(world).did == []
            assert BEFORE in {p.version for p in control.state.service("web").safe_points}

    asyncio.run(story())


def test_a_change_after_it_is_one_again() -> None:
    async def story() -> None:
        world = a_world(Mode.OBSERVE)
        async with world.life() as control:
            await counted_otherwise(world, control)
            await until(lambda: kept(world) == [BEFORE, SINCE])
            shown(world, LATER)
            control.wake("listed")
            await until(lambda: control.state.service("web").version == LATER)
            seen = world.journal.of(e.VersionSeen)[-1]
            assert isinstance(seen, e.VersionSeen)
            assert seen.before == SINCE
            web = control.state.service("web")
            assert web.has_other_version
            assert [p.version for p in web.ways_back] == [SINCE]
            await until(lambda: bool(world.journal.of(e.ProbationBegan)))

    asyncio.run(story())
