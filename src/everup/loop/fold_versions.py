"""The fold of what a service runs from: seen, kept to go back to, forgotten, gone back from. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`, `fold_actions`.
"""

from __future__ import annotations

from everup.loop.changes import with_service
from everup.model import entries as e
from everup.model.kinds import UNKNOWN
from everup.model.safe_point import SAFE_POINTS_MOST, SafePoint
from everup.model.state import StackState

UNDONE_MOST = 8


def seen(state: StackState, entry: e.VersionSeen) -> StackState:
    """It runs from this now."""
    changed_s = entry.at_s if entry.before else UNKNOWN
    return with_service(state, entry.service, version=entry.version, changed_at_s=changed_s)


def kept(state: StackState, entry: e.SafePointKept) -> StackState:
    """The newest one; the oldest is forgotten when there are too many. What was gone back from and
    is well now was no bad change after all."""
    known = state.service(entry.service)
    point = SafePoint(
        entry.service,
        entry.version,
        entry.title,
        entry.at_s,
        entry.image,
        entry.reference,
        entry.image_bytes,
    )
    others = [p for p in known.safe_points if p.version != entry.version]
    return with_service(
        state,
        entry.service,
        safe_points=(*others, point)[-SAFE_POINTS_MOST:],
        undone=tuple(v for v in known.undone if v != entry.version),
    )


def forgotten(state: StackState, entry: e.SafePointForgotten) -> StackState:
    """It is none any more."""
    left = tuple(p for p in state.service(entry.service).safe_points if p.version != entry.version)
    return with_service(state, entry.service, safe_points=left)


def gone_back_from(state: StackState, service: str, version: str) -> StackState:
    """The same change is not undone twice."""
    known = tuple(v for v in state.service(service).undone if v != version)
    return with_service(state, service, undone=(*known, version)[-UNDONE_MOST:])
