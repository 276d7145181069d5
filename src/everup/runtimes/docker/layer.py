"""What of a container's own layer would be missed, when a new one takes its place. Pure.

Flows in: the engine's list of changes. Flows out: the paths that somebody may want. Scratch, logs,
caches and what the engine itself puts there are not missed (docs/safety.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

SCRATCH = (
    *("/tmp", "/run", "/var/run", "/var/tmp", "/var/log", "/var/lock", "/var/cache"),  # noqa: S108
    *("/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"),
    *("/.dockerenv", "/sbin/docker-init", "/root/.cache", "/app/logs"),
)
SCRATCH_NAMES = frozenset({"__pycache__", ".cache"})
SCRATCH_SUFFIXES = (".pid", ".pyc", ".log", ".sock", ".lock")


def would_be_lost(changes: Iterable[Mapping[str, Any]], mounted: Iterable[str] = ()) -> list[str]:
    """Paths that were written and are no scratch. A folder that is only listed since something in
    it changed is none, nor is a place where something else is mounted."""
    elsewhere = frozenset(path.rstrip("/") for path in mounted)
    listed = [str(change.get("Path") or "") for change in changes]
    parents = {str(parent) for path in listed for parent in PurePosixPath(path).parents}
    own = [path for path in listed if path and path not in parents and path not in elsewhere]
    return [path for path in own if not _is_scratch(path)]


def _is_scratch(path: str) -> bool:
    if any(path == root or path.startswith(root + "/") for root in SCRATCH):
        return True
    if any(root.startswith(path + "/") for root in SCRATCH):
        return True  # a folder that only holds scratch
    parts = PurePosixPath(path).parts
    return bool(SCRATCH_NAMES.intersection(parts)) or path.endswith(SCRATCH_SUFFIXES)
