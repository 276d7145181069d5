"""How full the disk is on which a service's working folder lies.

Flows in: the lives that run. Flows out: the last sight of each, by key. Looked at every few
seconds, and with each listing while there is hardly any room. What a service writes elsewhere is
not known here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from everup.loop.ports import Clock
from everup.model.disk import Disk
from everup.runtimes.disks import DiskReader, Place, disk_of
from everup.runtimes.processes.records import Key
from everup.runtimes.processes.roster import Life

INTERVAL_S = 5.0
NEARLY_FULL_RATIO = 0.05


@dataclass(slots=True)
class _Kept:
    nonce: str
    due_s: float
    disk: Disk | None


class Disks:
    """Keeps the last sight of each life."""

    def __init__(self, clock: Clock, scale: float) -> None:
        self._clock, self._scale = clock, scale
        self._reader = DiskReader()
        self._kept: dict[Key, _Kept] = {}

    async def read(self, lives: Sequence[Life]) -> Mapping[Key, Disk]:
        """Of those that run, and what those that ended had last."""
        now_s = self._clock.now()
        due = [life for life in lives if life.is_running and self._is_due(life, now_s)]
        found = await self._reader.read([self._place(life) for life in due]) if due else {}
        for life in due:
            key, nonce = life.record.key, life.record.nonce
            kept = self._kept.get(key)
            disk = kept.disk if kept is not None and kept.nonce == nonce else None
            disk = found.get(nonce, disk)
            self._kept[key] = _Kept(nonce, now_s + INTERVAL_S * self._scale, disk)
        there = {life.record.key: life.record.nonce for life in lives}
        self._kept = {k: kept for k, kept in self._kept.items() if there.get(k) == kept.nonce}
        return {k: kept.disk for k, kept in self._kept.items() if kept.disk is not None}

    def _is_due(self, life: Life, now_s: float) -> bool:
        kept = self._kept.get(life.record.key)
        if kept is None or kept.nonce != life.record.nonce or not now_s < kept.due_s:
            return True
        return kept.disk is not None and (
            kept.disk.is_full or kept.disk.free_ratio < NEARLY_FULL_RATIO
        )

    def _place(self, life: Life) -> Place:
        declared = life.record.configuration
        folder = (declared.directory if declared is not None else None) or "."
        pid, clock = life.record.pid, self._clock

        def look() -> Disk | None:
            is_root = os.stat(f"/proc/{pid}").st_uid == 0
            descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:
                device = str(os.fstat(descriptor).st_dev)
                where = os.path.abspath(folder)
                return disk_of(
                    descriptor,
                    where,
                    "",
                    device,
                    is_root=is_root,
                    counts_files=False,
                    at_s=clock.now(),
                )
            finally:
                os.close(descriptor)

        return Place(life.record.nonce, look)
