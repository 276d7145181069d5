"""/snapshots: what is kept of the whole stack, what is in it, what changed, and is it whole."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from everup.api.engine import Control, ControlView
from everup.api.parameters import By, IdInPath, Reason, Wait
from everup.api.problems import ApiProblem, shorten
from everup.api.shapes.snapshots import (
    BegunShape,
    ChangeShape,
    DiffShape,
    HarmShape,
    ServiceSnapshotShape,
    SnapshotBriefShape,
    SnapshotShape,
    SnapshotsShape,
    VerifiedShape,
)
from everup.model.kinds import UNKNOWN
from everup.model.snapshot import Snapshot, SnapshotMark
from everup.rollback_manager import is_safe

router = APIRouter(prefix="/snapshots", tags=["snapshots"])

NOW = "now"
HARMS_MOST = 1000

WithDumps = Annotated[
    bool, Query(description="run the dump hook of each service that has one, before it")
]


@router.get("")
async def snapshots(control: Control) -> SnapshotsShape:
    """All that are kept, newest first."""
    verified = control.state.kept_verified
    objects, total_bytes = control.snapshots.kept
    return SnapshotsShape(
        snapshots=[_brief(control, mark) for mark in reversed(control.state.snapshots)],
        most=control.settings.snapshots_most,
        why_not=control.snapshots.why_not(),
        fault=control.snapshots.fault,
        objects=objects,
        total_bytes=total_bytes,
        verified_at_s=UNKNOWN if verified is None else verified.at_s,
        harms=[] if verified is None else list(verified.harms),
    )


@router.post(
    "",
    response_model=SnapshotShape,
    responses={202: {"model": BegunShape, "description": "it is being taken"}},
)
async def take(
    control: Control,
    with_dumps: WithDumps = False,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Take one now, in any mode; its answer once it is taken, or 202 when that takes longer than
    `wait`."""
    asked = control.snapshots.ask(by, reason, with_dumps=with_dumps)
    await asyncio.wait({asked}, timeout=wait)
    if not asked.done():
        begun = BegunShape(state="accepted", text="it is being taken; GET /snapshots shows it")
        return JSONResponse(begun.model_dump(mode="json"), status_code=202)
    return JSONResponse(_whole(control, asked.result()).model_dump(mode="json"))


@router.post("/verify")
async def verify(control: Control, by: By = "api") -> VerifiedShape:
    """Read everything that is kept and compare it with its sums; each object that is damaged or
    missing is named with who refers to it."""
    found = await control.snapshots.verify(by)
    return VerifiedShape(
        is_whole=not found.harms,
        objects=found.objects,
        total_bytes=found.total_bytes,
        harms=[HarmShape.model_validate(harm) for harm in found.harms[:HARMS_MOST]],
        mended=list(found.mended),
    )


@router.get("/{snapshot_id}")
async def snapshot(control: Control, snapshot_id: IdInPath) -> SnapshotShape:
    """What one holds."""
    _require(control, snapshot_id)
    found = await control.snapshots.get(snapshot_id)
    if found is None:
        raise _unknown(snapshot_id)
    return _whole(control, found)


@router.get("/{snapshot_id}/diff/{other}")
async def diff(control: Control, snapshot_id: IdInPath, other: IdInPath) -> DiffShape:
    """What changed from the first to the other, which may be `now`, and by whose hand."""
    _require(control, snapshot_id)
    if other != NOW:
        _require(control, other)
    found = await control.compare_snapshots(snapshot_id, other)
    changes = [ChangeShape.model_validate(change) for change in found]
    return DiffShape(first=snapshot_id, second=other, changes=changes)


def _require(control: ControlView, snapshot_id: str) -> None:
    if control.state.snapshot(snapshot_id) is None:
        raise _unknown(snapshot_id)


def _unknown(snapshot_id: str) -> ApiProblem:
    text = f"there is no snapshot {shorten(snapshot_id)!r}"
    return ApiProblem(404, "unknown-snapshot", text, fix="GET /snapshots lists them")


def _brief(control: ControlView, mark: SnapshotMark) -> SnapshotBriefShape:
    sizes = [size for size in mark.images.values() if math.isfinite(size)]
    return SnapshotBriefShape(
        id=mark.id,
        at_s=mark.at_s,
        reason=mark.reason,
        by=mark.by,
        note=mark.note,
        is_safe=is_safe(mark, control.stack, control.state),
        services=len(mark.versions),
        missing=list(mark.missing),
        held_bytes=sum(sizes) if sizes or not mark.images else UNKNOWN,
    )


def _whole(control: ControlView, found: Snapshot) -> SnapshotShape:
    mark = control.state.snapshot(found.id)
    safe = found.is_safe or (mark is not None and is_safe(mark, control.stack, control.state))
    return SnapshotShape(
        id=found.id,
        stack=found.stack,
        at_s=found.at_s,
        reason=found.reason,
        by=found.by,
        note=found.note,
        is_safe=safe,
        digest=found.digest,
        services=[
            ServiceSnapshotShape(
                service=part.service,
                version=part.version,
                title=part.title,
                digest=part.digest,
                image=part.image,
                image_is_held=bool(part.reference),
                image_bytes=part.image_bytes,
                instances=part.instances,
                memory_bytes=part.memory_bytes,
                cpus=part.cpus,
                files=sorted(part.files),
                missing=part.missing,
                dump=part.dump,
            )
            for part in found.services.values()
        ],
        files=sorted(found.files),
    )
