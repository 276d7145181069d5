"""How full the volumes and binds are that a container may write to, and what its own layer lies on.

Flows in: containers. Flows out: for each the fullest `Disk`, where it can be seen from here: as the
container sees it, through /proc/PID/root of a process that is known to be its own. That takes root,
or the right to trace, and the host's processes in sight; else nothing is known. One that has ended
keeps the last sight.

Looked at rarely while all is well: each look asks a file system, which may lie on another machine.
The layer is kept apart: all
containers of an engine share what theirs lie on, and it is foretold, but explains no failure.
A container's own tmpfs is memory, and no disk. A volume made of tmpfs outlives its containers and
is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everup.loop.ports import Clock
from everup.model.disk import Disk, fullest
from everup.model.kinds import is_known
from everup.model.observation import Instance
from everup.model.stack import Stack
from everup.runtimes.disks import DiskReader, Place, disk_of
from everup.runtimes.docker.accounting import Roots
from everup.runtimes.docker.accounting.process import open_process
from everup.runtimes.docker.containers import Container, section

MOUNTS_MOST = 8
WELL_INTERVAL_S = 30.0
UNASKED_INTERVAL_S = 5.0  # the engine does not say when one without a check of its own fails
NEARLY_FULL_RATIO = 0.05
NO_DISKS = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devtmpfs", "devpts", "mqueue"})
COUNT_FILES = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs"})
"""Whose number of free files means something."""
_ESCAPED = re.compile(rb"\\([0-7]{3})")
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
SHORT = 12
LAYER, LAYERS = "/", "layers"
"""Where a container sees its own layer; what stands for the device under all of them."""


@dataclass(frozen=True, slots=True)
class Mount:
    """Where the container sees it, and what it is: a volume's name or a folder of the host."""

    where: str
    name: str


@dataclass(slots=True)
class _Kept:
    identity: str
    due_s: float
    disk: Disk | None = None
    layer: Disk | None = None


class Disks:
    """Keeps the last sight of each container."""

    def __init__(
        self, clock: Clock, scale: float, stack: Stack, reader: DiskReader | None = None
    ) -> None:
        self._clock, self._scale, self._stack = clock, scale, stack
        self._proc = Roots.found().proc
        self._reader = reader or DiskReader()
        self._kept: dict[str, _Kept] = {}

    def on(self, instance: Instance, container: Container) -> Instance:
        """The instance with what this life of it was seen to write to, and with how many
        connections its owner says that it takes."""
        kept, spec = self._kept.get(container.id), self._stack.services.get(instance.service)
        disk = layer = None
        if kept is not None and kept.identity == container.identity:
            disk, layer = kept.disk, kept.layer
        most = instance.resources.connections_most if spec is None else spec.limits.connections
        if layer is None and not is_known(most):
            return replace(instance, disk=disk)
        has = replace(instance.resources, layer=layer, connections_most=most)
        return replace(instance, disk=disk, resources=has)

    async def read(self, containers: Sequence[Container]) -> None:
        """Look at those that are due."""
        known = {container.id for container in containers}
        for gone in self._kept.keys() - known:
            del self._kept[gone]
        now_s = self._clock.now()
        due = [c for c in containers if c.is_running and self._is_due(c, now_s)]
        mounts = {c.id: (*writable(c.document), Mount(LAYER, "")) for c in due}
        places = [self._place(c, mount) for c in due for mount in mounts[c.id]]
        found = await self._reader.read(places) if places else {}
        for container in due:
            self._keep(container, found, now_s)

    def _is_due(self, container: Container, now_s: float) -> bool:
        kept = self._kept.get(container.id)
        if kept is None or kept.identity != container.identity:
            return True
        check = container.check
        is_failing = check is not None and (check.failing_streak > 0 or check.status == "unhealthy")
        is_tight = kept.disk is not None and (
            kept.disk.is_full or kept.disk.free_ratio < NEARLY_FULL_RATIO
        )
        return is_failing or is_tight or not now_s < kept.due_s

    def _keep(self, container: Container, found: Mapping[str, Disk | None], now_s: float) -> None:
        at_layer = f"{container.id}:{LAYER}"
        seen = {key: disk for key, disk in found.items() if key.startswith(f"{container.id}:")}
        mine = [disk for key, disk in seen.items() if key != at_layer]
        wait_s = UNASKED_INTERVAL_S if container.check is None else WELL_INTERVAL_S
        kept = self._kept.get(container.id)
        is_same = kept is not None and kept.identity == container.identity
        disk = kept.disk if kept is not None and is_same else None
        layer = kept.layer if kept is not None and is_same else None
        if at_layer in seen:
            lies = seen[at_layer]
            layer = None if lies is None else replace(lies, device=LAYERS)
        if mine:  # else nothing came back by now: the last sight stays, and grows old
            disk = fullest([d for d in mine if d is not None])
        due_s = now_s + wait_s * self._scale
        self._kept[container.id] = _Kept(container.identity, due_s, disk, layer)

    def _place(self, container: Container, mount: Mount) -> Place:
        pid, name, proc, clock = container.pid, container.id, self._proc, self._clock

        def look() -> Disk | None:
            return see(proc, pid, name, mount, clock.now())

        return Place(f"{container.id}:{mount.where}", look)


def writable(document: Mapping[str, Any]) -> tuple[Mount, ...]:
    """Its volumes and binds that are not read-only, the first ones."""
    own = section(section(document, "HostConfig"), "Tmpfs")
    listed = document.get("Mounts")
    found: list[Mount] = []
    for mount in listed if isinstance(listed, Sequence) else ():
        if not isinstance(mount, Mapping):
            continue
        where = str(mount.get("Destination") or "").rstrip("/")
        if mount.get("Type") not in ("volume", "bind") or not mount.get("RW"):
            continue
        if where and where not in own:
            name = str(mount.get("Name") or mount.get("Source") or "")
            found.append(Mount(where, name[:SHORT] if _ANONYMOUS.fullmatch(name) else name))
    return tuple(found[:MOUNTS_MOST])


def see(proc: str, pid: int, container: str, mount: Mount, at_s: float) -> Disk | None:
    """One of its mounts, as its main process sees it. Blocks as long as the file system does.

    Only where the kernel lists a mount at exactly this path: a link on the way to it would be
    followed in our own tree, and lead to something else.
    """
    process = open_process(proc, pid, container, keeps=False)
    if process is None:
        return None
    try:
        line = mounted_at(process.read("mountinfo"), mount.where)
        if line is None:
            return None
        device, kind = line
        is_root = os.fstat(process.handle).st_uid == 0
        path = f"root{mount.where.rstrip('/')}"
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC, dir_fd=process.handle)
        try:
            return disk_of(
                descriptor,
                mount.where,
                mount.name,
                device,
                is_root=is_root,
                counts_files=kind in COUNT_FILES,
                at_s=at_s,
            )
        finally:
            os.close(descriptor)
    finally:
        process.close()


def mounted_at(mountinfo: bytes, where: str) -> tuple[str, str] | None:
    """(device, kind of file system) of what is mounted there for writing, the topmost."""
    found: tuple[str, str] | None = None
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(b" - ")
        columns, kinds = head.split(b" "), tail.split(b" ")
        if len(columns) < 6 or len(kinds) < 3 or _plain(columns[4]) != where:
            continue
        kind = kinds[0].decode(errors="replace")
        is_read_only = b"ro" in columns[5].split(b",") or b"ro" in kinds[2].split(b",")
        found = (
            None
            if is_read_only or kind in NO_DISKS
            else (columns[2].decode("ascii", "replace"), kind)
        )
    return found


def _plain(path: bytes) -> str:
    """The kernel writes spaces and the like as three octal digits."""
    return _ESCAPED.sub(lambda m: bytes([int(m[1], 8) & 0xFF]), path).decode(errors="replace")
