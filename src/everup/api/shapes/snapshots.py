"""Shapes of /snapshots. Nothing in them is a value of an environment or the content of a secret."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from everup.api.shapes.base import Known, Shape
from everup.model.comparison import Aspect
from everup.model.snapshot import SnapshotReason


class SnapshotBriefShape(Shape):
    """One line of the list. `is_safe`: everything in it was well over its probation. `missing`:
    services of which nothing could be recorded. `held_bytes`: of images that are kept for it."""

    id: str
    at_s: float
    reason: SnapshotReason
    by: str
    note: str
    is_safe: bool
    services: int
    missing: list[str]
    held_bytes: Known


class SnapshotsShape(Shape):
    """Newest first. `why_not`: why none can be taken now. `verified_at_s`: when all that is kept
    was last read and compared with its sums, null: not yet; `harms`: what was not as it should."""

    snapshots: list[SnapshotBriefShape]
    most: int
    why_not: str
    fault: str
    objects: int
    total_bytes: int
    verified_at_s: Known
    harms: list[str]


class ServiceSnapshotShape(Shape):
    """One service in a snapshot. `digest`: the sum of its configuration, made with Everup's key.
    `image_is_held`: a name of ours keeps it from being pruned. `dump`: what its hook came to."""

    service: str
    version: str
    title: str
    digest: str
    image: str
    image_is_held: bool
    image_bytes: Known
    instances: int
    memory_bytes: Known
    cpus: Known
    files: list[str]
    missing: str
    dump: str


class SnapshotShape(Shape):
    """The whole manifest, proven by its sum. `files`: the stack's own."""

    id: str
    stack: str
    at_s: float
    reason: SnapshotReason
    by: str
    note: str
    is_safe: bool
    digest: str
    services: list[ServiceSnapshotShape]
    files: list[str]


class BegunShape(Shape):
    """It is being taken; GET /snapshots shows it once it is."""

    state: Literal["accepted"]
    text: str


class ChangeShape(Shape):
    """One aspect of one service; `service` "": of the stack itself. `is_ours`: an action of
    Everup's does this, and `action_ids` are they."""

    service: str
    aspect: Aspect
    lines: list[str]
    is_ours: bool
    by: str
    action_ids: list[str]


class DiffShape(Shape):
    """What changed from the first to the second; no changes: they are the same."""

    first: str
    second: str
    changes: list[ChangeShape]


class HarmShape(Shape):
    """One object that is not as it was put there, and who refers to it."""

    address: str
    what: str
    used_by: list[str]
    text: str


class VerifiedShape(Shape):
    """Everything that is kept was read. `mended`: what was damaged and is whole again."""

    is_whole: bool
    objects: int
    total_bytes: int
    harms: list[HarmShape] = Field(max_length=1000)
    mended: list[str]
