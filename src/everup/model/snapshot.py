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
    """One service in it. `digest`: SHA-256 in hex of the captured configuration. `instances`: how
    many there were. `missing`: why nothing of it could be captured; then the rest is empty."""

    service: str
    version: str = ""
    title: str = ""
    digest: str = ""
    image: str = ""
    reference: str = ""
    instances: int = 0
    memory_bytes: float = float("nan")
    cpus: float = float("nan")
    files: Mapping[str, str] = field(default_factory=dict)  # path → digest
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The manifest: sums of everything in it, and one over all (`digest`: SHA-256 in hex of the
    rest as canonical JSON). `files`: path → digest of the stack's own (Compose, everup.yaml)."""

    id: str
    stack: str
    at_s: float
    reason: SnapshotReason
    by: str
    services: Mapping[str, ServiceSnapshot]
    files: Mapping[str, str] = field(default_factory=dict)
    is_safe: bool = False
    digest: str = ""
