"""The fold of snapshots: taken, forgotten, and all that is kept verified. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model import entries as e
from everup.model.snapshot import KeptVerified, SnapshotMark
from everup.model.state import StackState

MARKS_MOST = 128
"""More than `snapshots_most` may be; beyond it the oldest is not remembered."""


def taken(state: StackState, entry: e.SnapshotTaken) -> StackState:
    """The newest one."""
    mark = SnapshotMark(
        entry.snapshot_id,
        entry.at_s,
        entry.reason,
        entry.by,
        entry.digest,
        entry.is_safe,
        entry.versions,
        entry.instances,
        entry.images,
        entry.missing,
        entry.note,
    )
    others = tuple(one for one in state.snapshots if one.id != mark.id)
    return replace(state, snapshots=(*others, mark)[-MARKS_MOST:])


def forgotten(state: StackState, entry: e.SnapshotForgotten) -> StackState:
    """There is none of this id any more."""
    left = tuple(one for one in state.snapshots if one.id != entry.snapshot_id)
    return replace(state, snapshots=left)


def verified(state: StackState, entry: e.SnapshotVerified) -> StackState:
    """The latest word on what is kept."""
    found = KeptVerified(entry.at_s, entry.objects, entry.total_bytes, entry.harms)
    return replace(state, kept_verified=found)
