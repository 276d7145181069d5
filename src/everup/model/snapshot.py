"""A snapshot: what the whole stack ran from at one moment, by content; what a person may read of
it. Configurations and files themselves lie with `loop.ports.Shelf`, since they may hold secrets.

Written by `loop`, compared and chosen by `rollback_manager`. A service's part is the configuration
that the shelf keeps under (service, version); parts that did not change are shared by snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

SNAPSHOTS_MOST = 10
"""By default. The newest safe one, and one that is in use, are never dropped for it."""


class SnapshotReason(StrEnum):
    """Why it was taken."""

    SCHEDULE = "schedule"
    BEFORE_CHANGE = "before_change"
    CHANGE_SEEN = "change_seen"
    BY_HAND = "by_hand"
    BEFORE_RESTORE = "before_restore"


@dataclass(frozen=True, slots=True)
class ServiceSnapshot:
    """One service in it. `digest`: the address of the captured configuration on the shelf: a sum
    made with the shelf's key, since it may hold secrets. `instances`: how many there were.
    `missing`: why nothing of it could be captured; then the rest is empty. `dump`: what its owner's
    hook of this name came to, where it was asked for."""

    service: str
    version: str = ""
    title: str = ""
    digest: str = ""
    image: str = ""
    reference: str = ""
    instances: int = 0
    memory_bytes: float = float("nan")
    cpus: float = float("nan")
    image_bytes: float = float("nan")
    files: Mapping[str, str] = field(default_factory=dict)  # path → its address on the shelf
    missing: str = ""
    dump: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The manifest: sums of everything in it, and one over all (`digest`: SHA-256 in hex of the
    rest as canonical JSON). `files`: path → address of the stack's own (Compose, everup.yaml)."""

    id: str
    stack: str
    at_s: float
    reason: SnapshotReason
    by: str
    services: Mapping[str, ServiceSnapshot]
    files: Mapping[str, str] = field(default_factory=dict)
    is_safe: bool = False
    digest: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class SnapshotMark:
    """What the journal remembers of a snapshot. `digest`: the address of its manifest, which is the
    sum of it. `versions`, `instances`: service → what ran, how many. `images`: content address →
    size in bytes (NaN: unknown) of those that are held for it."""

    id: str
    at_s: float
    reason: SnapshotReason
    by: str
    digest: str
    is_safe: bool = False
    versions: Mapping[str, str] = field(default_factory=dict)
    instances: Mapping[str, int] = field(default_factory=dict)
    images: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    note: str = ""

    def holds(self, service: str, version: str) -> bool:
        """Can this version of the service be gone back to by it?"""
        return version != "" and self.versions.get(service) == version


@dataclass(frozen=True, slots=True)
class KeptVerified:
    """The latest walk over all that is kept. `harms`: sentences, none where all is whole."""

    at_s: float
    objects: int
    total_bytes: int
    harms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Harm:
    """One object that is `damaged` or `missing`, and who wanted it."""

    address: str
    what: str
    used_by: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For a person."""
        users = ", ".join(self.used_by) or "nothing any more"
        return f"{self.address} is {self.what}; used by {users}"


@dataclass(frozen=True, slots=True)
class Checked:
    """What a walk over all that is kept found. `mended`: what was damaged and is whole again."""

    objects: int = 0
    total_bytes: int = 0
    harms: tuple[Harm, ...] = ()
    mended: tuple[str, ...] = ()
