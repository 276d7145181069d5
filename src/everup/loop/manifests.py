"""A snapshot's manifest as bytes, and back. Pure.

Canonical: the same snapshot is the same text, so that its address is its sum. What is empty or
unknown is left out, so that a snapshot of a stack in which nothing has changed takes little.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from everup.model.errors import Damaged
from everup.model.snapshot import ServiceSnapshot, Snapshot, SnapshotReason

FORMAT = 1
SCALARS = ("id", "stack", "at_s", "by", "is_safe", "note")


def manifest_of(snapshot: Snapshot) -> bytes:
    """All but its own sum."""
    said: dict[str, object] = {name: getattr(snapshot, name) for name in SCALARS}
    said |= {
        "format": FORMAT,
        "reason": snapshot.reason.value,
        "files": dict(snapshot.files),
        "services": {name: _bare(part) for name, part in snapshot.services.items()},
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def with_sum(snapshot: Snapshot) -> Snapshot:
    """The same with the sum of everything else in it."""
    return replace(snapshot, digest=hashlib.sha256(manifest_of(snapshot)).hexdigest())


def snapshot_from(content: bytes, address: str) -> Snapshot:
    """What such bytes say; `address` is where they were read, which is their sum.

    Raises:
        Damaged: they are no manifest.
    """
    try:
        found = json.loads(content)
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']!r}")
        return Snapshot(
            **{name: found[name] for name in SCALARS},
            reason=SnapshotReason(found["reason"]),
            files=dict(found["files"]),
            services={n: ServiceSnapshot(n, **part) for n, part in found["services"].items()},
            digest=address,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"object {address} is no manifest: {error}", address) from error


def users_of(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """(address, who in this snapshot wants it) of everything that it refers to."""
    yield snapshot.digest, f"{snapshot.id}: its manifest"
    for path, address in snapshot.files.items():
        yield address, f"{snapshot.id}: {path}"
    for name, part in snapshot.services.items():
        if part.digest:
            yield part.digest, f"{snapshot.id}: the configuration of {name}"
        for path, address in part.files.items():
            yield address, f"{snapshot.id}: {path} of {name}"


def users(snapshots: Sequence[Snapshot]) -> Mapping[str, Sequence[str]]:
    """Address → everybody who wants it."""
    found: dict[str, list[str]] = {}
    for snapshot in snapshots:
        for address, who in users_of(snapshot):
            found.setdefault(address, []).append(who)
    return found


def _bare(part: ServiceSnapshot) -> dict[str, Any]:
    said = {f.name: getattr(part, f.name) for f in fields(part) if f.name != "service"}
    said["files"] = dict(part.files)
    return {name: value for name, value in said.items() if not _is_nothing(value)}


def _is_nothing(value: object) -> bool:
    return value in ("", {}, 0) or (isinstance(value, float) and not math.isfinite(value))
