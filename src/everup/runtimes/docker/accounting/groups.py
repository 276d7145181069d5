"""What a container's control group says of it, in version 1 and version 2.

Flows in: its folders. Flows out: `Figures`, NaN where the kernel is mute.

Bytes moved from and to block devices are unknown where a kernel of version 1 lists no device:
newer ones count only under a throttle, and "Total 0" is no zero. The caller then adds up what the
processes themselves have moved. Stacked devices are counted once each, as by the engine.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from everup.model.kinds import UNKNOWN, is_known
from everup.runtimes.docker.accounting.files import Files, number, read_short, value_of
from everup.runtimes.docker.accounting.hierarchy import Hierarchy, Version

NO_LIMIT_BYTES = float(2**60)
"""Version 1 says "none" by a number near 2^63."""

ANCESTORS_MOST = 16
PIDS_MOST = 128
"""Containers with more processes are not added up process by process."""

_V1 = {
    "cpu": ("cpuacct", "cpuacct.usage"),
    "throttled": ("cpu", "cpu.stat"),
    "memory": ("memory", "memory.usage_in_bytes"),
    "memory_stat": ("memory", "memory.stat"),
    "oom": ("memory", "memory.oom_control"),
    "io": ("blkio", "blkio.throttle.io_service_bytes_recursive"),
    "pids": ("pids", "pids.current"),
    "members": ("memory", "cgroup.procs"),
}
_V2 = {
    "cpu": "cpu.stat",
    "memory": "memory.current",
    "memory_stat": "memory.stat",
    "limit": "memory.max",
    "oom": "memory.events",
    "io": "io.stat",
    "pids": "pids.current",
    "members": "cgroup.procs",
}


class Figures(NamedTuple):
    """As in `Usage`."""

    cpu_seconds: float = UNKNOWN
    io_bytes: float = UNKNOWN
    memory_bytes: float = UNKNOWN
    memory_limit_bytes: float = UNKNOWN
    oom_kills: float = UNKNOWN
    throttled_s: float = UNKNOWN
    pids: float = UNKNOWN


class Group:
    """One container's control group."""

    def __init__(self, hierarchy: Hierarchy, folders: Mapping[str, str], *, keeps: bool) -> None:
        self._is_v2 = hierarchy.version is Version.V2
        self._root = hierarchy.first
        self.folder = folders["" if self._is_v2 else "memory"]
        self.files = Files(self._paths(folders), keeps=keeps)

    def _paths(self, folders: Mapping[str, str]) -> dict[str, str]:
        if self._is_v2:
            return {name: os.path.join(self.folder, file) for name, file in _V2.items()}
        return {
            name: os.path.join(folders[controller], file)
            for name, (controller, file) in _V1.items()
            if controller in folders
        }

    @property
    def is_scope(self) -> bool:
        """Was it made through systemd?"""
        return self.folder.endswith(".scope")

    def read(self, limits: dict[str, float]) -> Figures | None:
        """Its figures, None when it is gone. `limits` carries those of shared parents through one
        pass."""
        cpu = self.files.read("cpu")
        if not cpu:
            return None
        return self._read_v2(cpu, limits) if self._is_v2 else self._read_v1(cpu)

    def members(self) -> list[int] | None:
        """Its processes' pids; None where they are not to be seen, too many, or further down."""
        try:
            pids = [int(line) for line in self.files.read("members").split()]
            has_inner = os.stat(self.folder).st_nlink > 2
        except (OSError, ValueError):
            return None
        return pids if pids and 0 not in pids and len(pids) <= PIDS_MOST and not has_inner else None

    def _read_v1(self, cpu: bytes) -> Figures:
        read = self.files.read
        stat = read("memory_stat")
        limit = value_of(stat, b"hierarchical_memory_limit")
        throttled = value_of(read("throttled"), b"throttled_time")
        return Figures(
            cpu_seconds=number(cpu) / 1e9,
            io_bytes=io_of_v1(read("io")),
            memory_bytes=working_set(
                number(read("memory")), value_of(stat, b"total_inactive_file")
            ),
            memory_limit_bytes=limit if limit < NO_LIMIT_BYTES else UNKNOWN,
            oom_kills=value_of(read("oom"), b"oom_kill"),
            throttled_s=throttled / 1e9,
            pids=number(read("pids")),
        )

    def _read_v2(self, cpu: bytes, limits: dict[str, float]) -> Figures:
        read = self.files.read
        return Figures(
            cpu_seconds=value_of(cpu, b"usage_usec") / 1e6,
            io_bytes=self._io_v2(),
            memory_bytes=working_set(
                number(read("memory")), value_of(read("memory_stat"), b"inactive_file")
            ),
            memory_limit_bytes=self._limit_v2(limits),
            oom_kills=value_of(read("oom"), b"oom_kill"),
            throttled_s=value_of(cpu, b"throttled_usec") / 1e6,
            pids=number(read("pids")),
        )

    def _io_v2(self) -> float:
        """An empty file means nothing yet, a missing one that nobody counts."""
        content = self.files.read("io")
        if content:
            return io_of_v2(content)
        return 0.0 if os.path.exists(os.path.join(self.folder, "io.stat")) else UNKNOWN

    def _limit_v2(self, limits: dict[str, float]) -> float:
        own = number(self.files.read("limit"))
        tightest = own if is_known(own) else NO_LIMIT_BYTES
        folder = self.folder
        for _ in range(ANCESTORS_MOST):
            folder = os.path.dirname(folder)
            if len(folder) < len(self._root):
                break
            if folder not in limits:
                limits[folder] = number(read_short(os.path.join(folder, "memory.max")))
            if limits[folder] < tightest:
                tightest = limits[folder]
        return tightest if tightest < NO_LIMIT_BYTES else UNKNOWN


def working_set(usage_bytes: float, inactive_file_bytes: float) -> float:
    """Never below zero: the two are read one after the other."""
    rest = usage_bytes - inactive_file_bytes
    return max(rest, 0.0) if is_known(rest) else UNKNOWN


def io_of_v1(content: bytes) -> float:
    """Bytes read and written over all devices; NaN where none is listed."""
    total = UNKNOWN
    for line in content.splitlines():
        columns = line.split()
        if len(columns) == 3 and columns[1] in (b"Read", b"Write"):
            total = number(columns[2]) + (total if is_known(total) else 0.0)
    return total


def io_of_v2(content: bytes) -> float:
    """The same from lines of key=value."""
    total = 0.0
    for word in content.split():
        key, _, value = word.partition(b"=")
        if key in (b"rbytes", b"wbytes"):
            total += number(value)
    return total
