"""A flipped bit in anything that is kept is found before it is used, always.

Random bits in random objects of a real vault, under the real loop: each is named by `verify`, and a
restore that needs the object refuses before it touches anything. Seeded; the file and the bit are
in the failure.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest

from everup.blobs.files import FRESH
from everup.loop.control import Control
from everup.loop.restores import RestoreWish
from everup.model import entries as e
from everup.model.errors import EverupError
from everup.model.request import AnswerState
from everup.model.restore import RestoreEnding, RestorePlan, RestoreTarget, Wanted
from everup.model.runtime import Captured
from everup.rollback_manager import target_of
from tests.unit.loop.small_world import until
from tests.unit.rollback import test_snapshots
from tests.unit.rollback.test_snapshots import SETTINGS, Capturing, Lab

FLIPS = 300
OLD, NEW = "1:a", "1:b"
NAMES = ("a", "b", "c")
OF_SERVICES = RestoreTarget({name: Wanted(name) for name in NAMES}, is_named=True)


@dataclass(frozen=True)
class Needs:
    """Names of the files that are needed; which of them is the snapshot's own."""

    needed: set[str]
    manifest: str


@dataclass
class Restoring(Capturing):
    """Restores take a moment. `restored`: what was begun."""

    restored: list[str] = field(default_factory=list)

    async def capture(self, service: str) -> Captured:
        """Nobody's file is another's: whoever is kept anew mends nothing of others."""
        found = await super().capture(service)
        (file,) = found.files
        own = f"{service} {found.version}".encode()
        return replace(found, files=(replace(file, content=own),))

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        self.restored.append(f"{captured.service} {captured.version}")
        await asyncio.sleep(0.05)
        self.versions[captured.service] = captured.version
        self.run(captured.service)
        return ()


class Kept(Lab):
    """Three services that were well with `OLD`, of which a snapshot is kept, and run from `NEW`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(*NAMES, settings=replace(SETTINGS, rate_burst=100))
        self.folder = folder
        self.runtime = Restoring(self.world.clock)
        self.world.runtime = self.runtime
        for name in NAMES:
            self.runtime.run(name)
        test_snapshots.on_disk(folder, self)

    @property
    def restored(self) -> list[str]:
        assert isinstance(self.runtime, Restoring)
        return self.runtime.restored

    async def deploy(self, control: Control) -> str:
        """Everything in another version; the snapshot that holds the one before."""
        await until(lambda: all(control.state.service(n).safe_points for n in NAMES))
        snapshot = await control.snapshots.take(test_snapshots.BY_HAND, "ann", 60.0)
        for name in NAMES:
            self.runtime.versions[name] = NEW
            self.runtime.run(name)
        control.wake("deployed")
        await until(lambda: all(control.state.service(n).version == NEW for n in NAMES))
        return snapshot.id

    @staticmethod
    def is_kept(control: Control, name: str, version: str) -> bool:
        """Is this a safe point of it?"""
        return any(p.version == version for p in control.state.service(name).safe_points)

    def files(self) -> list[Path]:
        """All that lies in the vault."""
        found = (path for path in (self.folder / "vault").rglob("*") if path.is_file())
        return sorted(path for path in found if path.suffix != FRESH)  # that one is being written

    async def needs(self, control: Control, snapshot_id: str) -> Needs:
        """Names of the files without which nobody can go back to `OLD`."""
        snapshot = await control.snapshots.get(snapshot_id)
        assert snapshot is not None
        found = {snapshot.digest[2:]}
        for name, part in snapshot.services.items():
            found |= {part.digest[2:], *(address[2:] for address in part.files.values())}
            found.add(f"{name}%401%3Aa")
        return Needs(found, snapshot.digest[2:])


def flip(path: Path, chance: Random) -> tuple[bytes, bytes]:
    """One bit of it; what it was, and what it is."""
    whole = path.read_bytes()
    place = chance.randrange(8 * len(whole))
    broken = bytearray(whole)
    broken[place // 8] ^= 1 << (place % 8)
    path.write_bytes(broken)
    return whole, bytes(broken)


async def target(control: Control, snapshot_id: str) -> RestoreTarget:
    """All that the snapshot holds. Raises Damaged."""
    snapshot = await control.snapshots.get(snapshot_id)
    assert snapshot is not None
    found = target_of(snapshot)
    assert isinstance(found, RestoreTarget)
    return found


async def refuses(control: Control, wanted: RestoreTarget) -> str:
    """Why it does not begin; "" where it would."""
    plan = await control.restores.plan(control, wanted)
    if isinstance(plan, RestorePlan) and not plan.refusals:
        return ""
    answer = (await control.restores.begin(control, RestoreWish(wanted, "ann"))).answer
    assert answer.state is AnswerState.REFUSED
    return answer.text


async def why_not(control: Control, snapshot_id: str) -> str:
    """Why the snapshot cannot be gone back to; "" where it could."""
    try:
        return await refuses(control, await target(control, snapshot_id))
    except EverupError as error:
        return str(error)


async def met(lab: Kept, control: Control, snapshot_id: str, chance: Random, why: Needs) -> str:
    """One flip; in which kind of file it was."""
    path = chance.choice(lab.files())
    whole, broken = flip(path, chance)
    said = f"{path.name}: {whole!r} is {broken!r}"
    is_mark, is_needed = path.name.startswith("mark"), path.name in why.needed
    try:
        if not is_mark:
            of_snapshot = await why_not(control, snapshot_id)
            of_services = await refuses(control, OF_SERVICES)
            assert bool(of_snapshot) == is_needed, said
            assert bool(of_services) == (is_needed and path.name != why.manifest), said
        found = await control.snapshots.verify("ann")
        named = [*(harm.address for harm in found.harms), *found.mended]
        is_named = any(one.endswith(path.name) for one in named)
        # what runs may have been kept once more meanwhile, which mends it
        assert is_named or (path.read_bytes() != broken and not is_needed), said
    finally:
        if path.read_bytes() == broken:
            path.write_bytes(whole)
    kind = "mark" if is_mark else "name" if "%40" in path.name else "object"
    return f"needed {kind}" if is_needed else kind


def test_each_is_named_and_what_needs_it_refuses_before_anything_is_touched(
    tmp_path: Path,
) -> None:
    lab, chance = Kept(tmp_path), Random("flips")
    kinds: Counter[str] = Counter()

    async def story() -> None:
        async with lab.life() as control:
            snapshot_id = await lab.deploy(control)
            # else all that lies there is needed: a flip may keep the new ones from being kept
            await until(lambda: all(lab.is_kept(control, name, NEW) for name in NAMES))
            needs = await lab.needs(control, snapshot_id)
            assert needs.needed <= {path.name for path in lab.files()}
            assert not (await control.snapshots.verify("ann")).harms
            for _ in range(FLIPS):
                kinds[await met(lab, control, snapshot_id, chance, needs)] += 1
            assert lab.restored == []
            assert not lab.world.journal.of(e.RestoreBegan)
            assert not (await control.snapshots.verify("ann")).harms
            assert not await why_not(control, snapshot_id)
            assert (await restored(lab, control, snapshot_id)).ending is RestoreEnding.RESTORED

    asyncio.run(story())
    assert set(kinds) == {"mark", "name", "object", "needed name", "needed object"}


async def restored(
    lab: Kept, control: Control, snapshot_id: str, meanwhile: Callable[[], bool] = lambda: True
) -> e.RestoreEnded:
    """Its end. `meanwhile`: is asked until it is true, while it goes on."""
    wish = RestoreWish(await target(control, snapshot_id), "ann")
    begun = await control.restores.begin(control, wish)
    assert begun.answer.state is AnswerState.ACCEPTED, begun.answer.text
    await until(meanwhile)
    await until(lambda: bool(lab.world.journal.of(e.RestoreEnded)), 60.0)
    found: e.RestoreEnded = lab.world.journal.of(e.RestoreEnded)[-1]
    return found


@pytest.mark.parametrize("seed", range(1, 4))
def test_one_that_comes_while_it_goes_back_is_found_before_it_is_used(
    seed: int, tmp_path: Path
) -> None:
    """Who is not touched yet stays as it is, and the others are put back."""
    lab, chance = Kept(tmp_path), Random(f"later flips/{seed}")

    async def story() -> None:
        async with lab.life() as control:
            snapshot_id = await lab.deploy(control)
            name = (tmp_path / "vault" / "kept" / "c%401%3Aa").read_bytes()
            address = chance.choice(json.loads(name[65:])["objects"])
            path = tmp_path / "vault" / address[:2] / address[2:]

            def is_begun() -> bool:
                if lab.restored:
                    flip(path, chance)
                return bool(lab.restored)

            ended = await restored(lab, control, snapshot_id, is_begun)
            assert (ended.ending, lab.runtime.versions) == (
                RestoreEnding.PUT_BACK,
                dict.fromkeys(NAMES, NEW),
            )
            assert address in ended.reason
            assert "c 1:a" not in lab.restored

    asyncio.run(story())


@pytest.mark.parametrize("seed", range(1, 9))
def test_one_in_the_list_of_what_is_kept_leads_nowhere(seed: int, tmp_path: Path) -> None:
    """The list is the journal: the sums of snapshots, and the versions of safe points."""
    lab, chance = Kept(tmp_path), Random(f"list/{seed}")

    def broken(text: str) -> str:
        place = chance.randrange(len(text))
        other = chr(ord(text[place]) ^ 1 << chance.randrange(7))
        return text[:place] + other + text[place + 1 :]

    async def story() -> None:
        async with lab.life() as control:
            snapshot_id = await lab.deploy(control)
        kept = lab.world.journal.kept
        for place, entry in enumerate(kept):
            if isinstance(entry, e.SnapshotTaken) and entry.snapshot_id == snapshot_id:
                kept[place] = replace(entry, digest=broken(entry.digest))
            if isinstance(entry, e.SafePointKept) and entry.version == OLD:
                kept[place] = replace(entry, version=broken(OLD))
        async with lab.life() as control:
            found = await control.snapshots.verify("ann")
            assert any(snapshot_id in harm.used_by for harm in found.harms)
            assert await why_not(control, snapshot_id)
            assert await refuses(control, OF_SERVICES)
            assert lab.restored == []

    asyncio.run(story())
