"""The fold of what a service runs from: seen, kept to go back to, forgotten, gone back from. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`, `fold_actions`.
"""

from __future__ import annotations

from typing import Any

from everup.loop.changes import with_service
from everup.model import entries as e
from everup.model.decision import Step
from everup.model.kinds import UNKNOWN
from everup.model.safe_point import (
    FROM,
    SAFE_POINTS_MOST,
    SafePoint,
    as_many,
    of_number_alone,
)
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.state import ServiceState, StackState

UNDONE_MOST = 8


def seen(state: StackState, entry: e.VersionSeen) -> StackState:
    """It runs from this now."""
    changed_s = entry.at_s if entry.before else UNKNOWN
    return with_service(state, entry.service, version=entry.version, changed_at_s=changed_s)


def kept(state: StackState, entry: e.SafePointKept) -> StackState:
    """The newest one; the oldest is forgotten when there are too many. What was gone back from and
    is well now was no bad change after all."""
    good = {entry.version, as_many(entry.instances)}
    known = state.service(entry.service)
    point = SafePoint(
        entry.service,
        entry.version,
        entry.title,
        entry.at_s,
        entry.image,
        entry.reference,
        entry.image_bytes,
        entry.instances,
    )
    others = [p for p in known.safe_points if p.version != entry.version]
    return with_service(
        state,
        entry.service,
        safe_points=(*others, point)[-SAFE_POINTS_MOST:],
        undone=tuple(v for v in known.undone if v not in good),
        **_counted(known, entry.instances),
    )


def _counted(known: ServiceState, instances: int) -> dict[str, Any]:
    """As many as were well are nobody's unproven change any more."""
    if not instances:
        return {}
    is_proven = known.counted in (0, instances)
    return {"counted": instances, "recounted_at_s": UNKNOWN} if is_proven else {}


def forgotten(state: StackState, entry: e.SafePointForgotten) -> StackState:
    """It is none any more."""
    left = tuple(p for p in state.service(entry.service).safe_points if p.version != entry.version)
    return with_service(state, entry.service, safe_points=left)


def gone_back_from(state: StackState, step: Step) -> StackState:
    """The same change is not undone twice."""
    parameters = step.parameters
    undone = [] if of_number_alone(parameters) else [str(parameters.get(FROM, ""))]
    if parameters.get(INSTANCES):
        undone.append(as_many(int(parameters.get(BEFORE, 0))))
    known = tuple(v for v in state.service(step.target).undone if v not in undone)
    return with_service(state, step.target, undone=(*known, *undone)[-UNDONE_MOST:])
