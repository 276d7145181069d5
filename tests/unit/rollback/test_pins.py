"""Names of ours on images: where they may be given, missed where they are gone, taken away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from everup.loop.pins import reference_of
from everup.model import entries as e
from everup.model.kinds import Mode
from tests.unit.loop.small_world import until
from tests.unit.rollback.test_snapshots import BY_HAND, SETTINGS, Lab, on_disk


def test_in_mode_observe_no_image_is_named() -> None:
    lab = Lab("a", mode=Mode.OBSERVE)

    async def story() -> None:
        async with lab.life() as control:
            assert control.state.snapshots[0].images == {}
            assert lab.runtime.names == {}

    asyncio.run(story())


def test_an_image_that_bears_a_name_of_ours_and_is_gone_is_named(tmp_path: Path) -> None:
    lab = on_disk(tmp_path, Lab("a", "b"))

    async def story() -> None:
        async with lab.life() as control:
            await until(lambda: bool(control.state.service("a").safe_points))
            (mark,) = control.state.snapshots
            lab.runtime.pruned.add("sha256:1:a")
            (harm,) = (await control.snapshots.verify("ann")).harms
            assert (harm.address, harm.what) == ("sha256:1:a", "missing")
            assert f"{mark.id}: the image of b" in harm.used_by
            assert "the safe point app 1:a of a" in harm.used_by
            assert "sha256:1:a is missing" in lab.world.journal.of(e.SnapshotVerified)[-1].harms[0]
            assert control.state.service("a").safe_points, "nothing is forgotten for it"
            lab.runtime.pruned.clear()
            assert not (await control.snapshots.verify("ann")).harms

    asyncio.run(story())


def test_a_name_that_could_not_be_taken_away_is_taken_away_later(tmp_path: Path) -> None:
    settings = replace(SETTINGS, snapshots_most=1, action_deadline_s=0.5)
    lab = on_disk(tmp_path, Lab("a", settings=settings))
    gone = reference_of("s", "gone", "1:x")

    async def story() -> None:
        async with lab.life() as control:
            lab.runtime.names[gone] = "gone"  # of a service that has left
            lab.runtime.names["everup-kept:other.gone.00"] = "gone"  # of another stack
            await control.snapshots.take(BY_HAND, "ann", 60.0)
            await until(lambda: len(control.state.snapshots) == 1)
            assert gone in lab.runtime.names, "it may be that it is just being given"
            await asyncio.sleep(0.6)
            await control.snapshots.take(BY_HAND, "ann", 60.0)
            await until(lambda: gone not in lab.runtime.names)
            assert "everup-kept:other.gone.00" in lab.runtime.names
            assert reference_of("s", "a", "1:a") in lab.runtime.names

    asyncio.run(story())
