"""Two snapshots side by side, or one and what runs now, with what was done between them.

Flows in: ids of snapshots. Flows out: changes, made by `rollback_manager` from what lies on the
shelf. Nothing is written, and every byte is proven before it is compared. Called by `control`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.gather import AT_ONCE
from everup.loop.ports import ActionRecord
from everup.model.comparison import Change, Deed
from everup.model.errors import Damaged, EverupError, GiveUp
from everup.model.kinds import ActionKind
from everup.model.runtime import Captured
from everup.model.scaling import INSTANCES
from everup.model.snapshot import ServiceSnapshot, Snapshot, SnapshotReason
from everup.rollback_manager import Held, changes

if TYPE_CHECKING:
    from everup.loop.control import Control

NOW = "now"
DEEDS_MOST = 1000
FAILED = "failed"


async def compare(control: Control, first_id: str, second_id: str) -> Sequence[Change]:
    """What changed from the first to the second; either may be `now`.

    Raises:
        GiveUp: there is none of this id, or its manifest is damaged. TryAgain: it cannot be read.
    """
    first, second = [await _held(control, one) for one in (first_id, second_id)]
    deeds = await _deeds(control)
    return await asyncio.to_thread(changes, first, second, deeds)  # long files take long


async def _held(control: Control, snapshot_id: str) -> Held:
    if snapshot_id == NOW:
        return await _now(control)
    snapshot = await control.snapshots.get(snapshot_id)
    if snapshot is None:
        raise GiveUp(f"there is no snapshot {snapshot_id!r}; everup snapshot list shows them")
    captured: dict[str, Captured] = {}
    files: dict[str, bytes] = {}
    damaged: dict[str, str] = {}
    for name, part in snapshot.services.items():
        if part.digest:
            try:
                captured[name] = await control.snapshots.at(part.digest)
            except Damaged as error:
                damaged[name] = str(error)
    for path, address in snapshot.files.items():
        try:
            files[path] = await control.snapshots.content(address)
        except Damaged as error:
            damaged[path] = str(error)
    return Held(snapshot, captured, files, damaged)


async def _now(control: Control) -> Held:
    """What runs, asked now and kept nowhere."""
    turns, captured = asyncio.Semaphore(AT_ONCE), dict[str, Captured]()

    async def ask(name: str) -> ServiceSnapshot:
        try:
            async with turns, asyncio.timeout(control.settings.lease_s):
                found = await control.runtime.capture(name)
        except (EverupError, TimeoutError) as error:
            return ServiceSnapshot(name, missing=str(error) or "it was not read in time")
        content = json.loads(json.dumps(found.content))  # as it comes back from the shelf
        captured[name] = replace(found, content=content)
        return control.snapshots.counted(ServiceSnapshot(name, found.version, found.title))

    parts = await asyncio.gather(*map(ask, control.stack.services))
    own = await control.snapshots.own_files()
    files = {file.path: file.content for file in own if file.content is not None}
    snapshot = Snapshot(
        *(NOW, control.stack.name, control.clock.now(), SnapshotReason.BY_HAND, ""),
        services={part.service: part for part in parts},
    )
    return Held(snapshot, captured, files)


async def _deeds(control: Control) -> list[Deed]:
    records = await control.journal.actions(limit=DEEDS_MOST)
    return [deed for record in records if (deed := _deed(record)) is not None]


def _deed(record: ActionRecord) -> Deed | None:
    """None for what was not done."""
    if record.outcome == FAILED:
        return None
    at_s = record.intended_at_s if record.finished_at_s is None else record.finished_at_s
    count = record.parameters.get(INSTANCES, 0)
    instances = count if isinstance(count, int) else 0
    return Deed(record.service, ActionKind(record.kind), at_s, record.by, record.id, instances)
