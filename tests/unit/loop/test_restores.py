"""Restores through the real loop: begun or refused, held, led, and turned back by a person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from everup.loop.restores import RestoreAnswer, RestoreWish
from everup.model import entries as e
from everup.model.errors import GiveUp
from everup.model.kinds import ActionKind, Mode
from everup.model.request import AnswerState, Request, Verb
from everup.model.restore import NothingToDo, RestoreEnding, RestorePlan, RestoreTarget, Wanted
from everup.model.runtime import Captured
from everup.model.settings import Settings
from everup.model.snapshot import Snapshot, SnapshotReason
from tests.unit.builders import service, stack
from tests.unit.loop import small_world
from tests.unit.loop.small_world import World, until

OLD, NEW = "1:old", "1:new"
QUICK = replace(Settings().scaled(0.06), rate_burst=100)


@dataclass
class Runtime(small_world.Runtime):
    """Knows versions. `fails`: services whose restore is refused. `kept`: names on images."""

    versions: dict[str, str] = field(default_factory=dict)
    fails: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)

    def run(self, service: str) -> None:
        super().run(service)
        version = self.versions.setdefault(service, OLD)
        self.instances[service] = replace(self.instances[service], version=version)

    async def capture(self, service: str) -> Captured:
        version = self.versions[service]
        return Captured(
            service, {"v": version}, version, f"sha256:{version}", f"{service} {version}"
        )

    async def lacks(self, captured: Captured) -> str:
        return "its image is gone" if captured.service in self.missing else ""

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        self.did.append(f"restore {captured.service} {captured.version}")
        if captured.service in self.fails:
            raise GiveUp("no such port")
        self.versions[captured.service] = captured.version
        self.run(captured.service)
        return ()

    async def pin_image(self, service: str, reference: str) -> str:
        self.kept.add(reference)
        return f"sha256:{self.versions[service]}"

    async def unpin_image(self, service: str, reference: str) -> None:
        self.kept.discard(reference)

    async def pinned_images(self) -> dict[str, str]:
        return dict.fromkeys(self.kept, "")


class Snapshots:
    """As the store of snapshots will answer."""

    def __init__(self) -> None:
        self.taken: list[Snapshot] = []

    async def get(self, snapshot_id: str) -> Snapshot | None:
        return next((s for s in self.taken if s.id == snapshot_id), None)

    async def take(self, reason: SnapshotReason, by: str, timeout_s: float) -> Snapshot:
        made = Snapshot(f"snap-{len(self.taken) + 1}", "s", 1.0, reason, by, {})
        self.taken.append(made)
        return made


def a_world() -> World:
    world = World(stack(service("web", "db"), service("db"), mode=Mode.OBSERVE), QUICK)
    world.runtime = Runtime(world.clock)
    for name in ("db", "web"):
        world.runtime.run(name)
    return world


def runtime_of(world: World) -> Runtime:
    assert isinstance(world.runtime, Runtime)
    return world.runtime


BOTH = RestoreTarget({"web": Wanted("web"), "db": Wanted("db")}, is_named=True)
WISH = RestoreWish(BOTH, "Ann", "as it was")


async def changed(world: World, control: Any) -> None:
    """What was well is kept, and somebody brought another version of both."""
    runtime = runtime_of(world)
    await until(lambda: len(world.journal.of(e.SafePointKept)) >= 2)
    for name in ("db", "web"):
        runtime.versions[name] = NEW
        runtime.run(name)
    control.wake("changed")
    await until(lambda: all(control.state.service(n).version == NEW for n in ("db", "web")))


async def ended(world: World) -> e.RestoreEnded:
    await until(lambda: bool(world.journal.of(e.RestoreEnded)), 40.0)
    (found,) = world.journal.of(e.RestoreEnded)
    assert isinstance(found, e.RestoreEnded)
    return found


def restored(world: World) -> list[str]:
    return [line for line in world.runtime.did if line.startswith("restore ")]


def test_both_go_back_one_after_the_other_also_in_mode_observe() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            assert isinstance(await control.plan_restore(BOTH), tuple), "nothing to go back to yet"
            await changed(world, control)
            plan = await control.plan_restore(BOTH)
            assert isinstance(plan, RestorePlan)
            assert plan.services == ("db", "web")
            found = await control.restore(WISH)
            assert found.answer.state is AnswerState.ACCEPTED
            assert runtime_of(world).kept, "what runs now is named until it has ended"
            again = await control.restore(WISH)
            assert again.answer.check == "restore_under_way"
            heal = await control.request(Request(Verb.HEAL, "Ann", "web"))
            assert heal.check == "restore_under_way"
            assert (await ended(world)).ending is RestoreEnding.RESTORED
            assert restored(world) == [f"restore db {OLD}", f"restore web {OLD}"]
            await until(lambda: not runtime_of(world).kept)
            assert isinstance(
                await control.plan_restore(
                    RestoreTarget({n: Wanted(n, OLD) for n in ("db", "web")})
                ),
                NothingToDo,
            )

    asyncio.run(story())


def test_who_cannot_go_back_has_all_of_it_put_back() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            await changed(world, control)
            runtime_of(world).fails.add("web")
            await control.restore(WISH)
            found = await ended(world)
            assert found.ending is RestoreEnding.PUT_BACK
            assert "no such port" in found.reason
            assert runtime_of(world).versions == {"db": NEW, "web": NEW}
            assert restored(world)[-1] == f"restore db {NEW}"

    asyncio.run(story())


def test_an_image_that_is_gone_is_known_before_anything_is_touched() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            await changed(world, control)
            runtime_of(world).missing.add("web")
            found = await control.restore(WISH)
            assert (found.answer.state, found.answer.check) == (
                AnswerState.REFUSED,
                "image_missing",
            )
            assert found.plan is not None
            assert world.journal.of(e.RestoreBegan) == []
            assert not runtime_of(world).kept

    asyncio.run(story())


def test_a_freeze_refuses_it_before_it_begins_and_holds_it_later() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            await changed(world, control)
            await control.request(Request(Verb.FREEZE, "Ann", "web"))
            found: RestoreAnswer = await control.restore(WISH)
            assert (found.answer.state, found.answer.check) == (AnswerState.DELAYED, "freeze")
            await control.request(Request(Verb.UNFREEZE, "Ann", "web"))
            restore_id = (await control.restore(WISH)).restore_id
            await control.request(Request(Verb.FREEZE, "Ann", "web"))
            await until(lambda: control.state.restores[restore_id].is_done("db"), 20.0)
            await asyncio.sleep(0.5)
            assert restored(world) == [f"restore db {OLD}"]
            await control.request(Request(Verb.UNFREEZE, "Ann", "web"))
            assert (await ended(world)).ending is RestoreEnding.RESTORED

    asyncio.run(story())


def test_a_person_has_it_undone_and_the_next_life_goes_on_with_that() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            await changed(world, control)
            restore_id = (await control.restore(WISH)).restore_id
            await control.request(Request(Verb.FREEZE, "Ann", "web"))
            await until(lambda: control.state.restores[restore_id].is_done("db"), 20.0)
            shelf = control.safe_points
            answer = await control.undo_restore(restore_id, "Ann", "wrong one")
            assert answer.state is AnswerState.ACCEPTED
        async with world.life(before=lambda c: setattr(c, "safe_points", shelf)) as control:
            assert (await ended(world)).ending is RestoreEnding.PUT_BACK
            assert (
                "Ann wants it undone: wrong one" in control.state.restores[restore_id].back_because
            )
            assert runtime_of(world).versions == {"db": NEW, "web": NEW}

    asyncio.run(story())


def test_a_snapshot_of_the_present_is_taken_where_snapshots_are() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            await changed(world, control)
            snapshots = control.restores.snapshots = Snapshots()
            await control.restore(WISH)
            (began,) = world.journal.of(e.RestoreBegan)
            assert began.back_to_id == "snap-1"
            assert snapshots.taken[0].reason is SnapshotReason.BEFORE_RESTORE
            assert await control.snapshot("snap-1") is snapshots.taken[0]
            assert await control.snapshot("snap-9") is None

    asyncio.run(story())


def test_each_step_is_an_action_like_any_other() -> None:
    async def story() -> None:
        world = a_world()
        async with world.life() as control:
            await changed(world, control)
            await control.restore(WISH)
            await ended(world)
            steps = [x.step for x in world.journal.of(e.Intended)]
            assert {s.kind for s in steps} == {ActionKind.EMERGENCY_ROLLBACK}
            assert all(v.has_passed for v in world.journal.of(e.Verified))

    asyncio.run(story())
