"""A container's main process: its state, its waiting, its network, read from /proc.

Flows in: a pid that the engine gave. It means something only in the engine's own pid namespace, and
pids are used again; so a process is opened only when its control group carries the container's id,
and what is read afterwards is bound to that very process: another one with the same pid reads as
gone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

from everup.model.kinds import UNKNOWN
from everup.runtimes.docker.accounting.files import Files, read_short, value_of
from everup.runtimes.docker.accounting.hierarchy import said_path

_FILES = ("stat", "schedstat", "io", "net/dev")
ENDED_STATES = frozenset("Xx")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes over all interfaces but loopback."""

    rx_bytes: float = UNKNOWN
    tx_bytes: float = UNKNOWN


class _Spent(NamedTuple):
    """What one process used, with its children that have ended, and whose child it is."""

    parent: int = 0
    seconds: float = 0.0


class MainProcess:
    """One process that is known to be the container's. `said` is its control group's path."""

    def __init__(self, root: str, pid: int, handle: int, said: str, *, keeps: bool) -> None:
        self.root = root
        self.pid = pid
        self.said = said
        self.handle = handle
        """The open folder /proc/PID: names this process for ever, also when the pid is reused."""
        self.namespace = _inode("ns/net", handle)
        names = {name: name for name in _FILES}
        self.files = Files(names, keeps=keeps, folder=handle)

    def read(self, name: str) -> bytes:
        """One of its files."""
        return self.files.read(name) if name in _FILES else read_short(name, self.handle)

    def state(self) -> str | None:
        """The kernel's letter; None when it is gone."""
        columns = self.read("stat").rpartition(b")")[2].split(None, 1)
        letter = columns[0].decode(errors="replace") if columns else ""
        return letter if letter and letter not in ENDED_STATES else None

    def traffic(self) -> Traffic:
        """Of its network namespace."""
        return traffic_of(self.read("net/dev"))

    def waited_s(self, members: list[int] | None) -> float:
        """Summed over the members; where they are not to be seen, its own: at least so much."""
        total = waited_of(self.read("schedstat"))
        for pid in members or ():
            if pid != self.pid:
                seconds = waited_of(read_short(f"{self.root}/{pid}/schedstat"))
                total += seconds if seconds == seconds else 0.0
        return total

    def own_cpu_s(self, members: list[int] | None) -> float:
        """Of itself and what it began; what was run into the container from outside, as a check
        is, is left out. NaN where the members are not to be seen."""
        if members is None or self.pid not in members:
            return UNKNOWN
        seen = {pid: _spent(read_short(f"{self.root}/{pid}/stat")) for pid in members}
        seen[self.pid] = _spent(self.read("stat"))
        return sum(spent.seconds for pid, spent in seen.items() if self._began(pid, seen))

    def _began(self, pid: int, seen: dict[int, _Spent]) -> bool:
        for _ in range(len(seen)):
            if pid == self.pid:
                return True
            if pid not in seen:
                break
            pid = seen[pid].parent
        return False

    def io_bytes(self, members: list[int] | None) -> float:
        """What its processes have moved from and to block devices; NaN unless all can be read."""
        if members is None or self.pid not in members:
            return UNKNOWN
        total = moved_of(self.read("io"))
        for pid in members:
            if pid != self.pid and (content := read_short(f"{self.root}/{pid}/io")):
                total += moved_of(content)
        return total

    def close(self) -> None:
        """Let go of it."""
        self.files.close()
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


def open_process(root: str, pid: int, container: str, *, keeps: bool) -> MainProcess | None:
    """The container's main process; None where it cannot be seen or is somebody else."""
    if pid <= 0:
        return None
    try:
        handle = os.open(f"{root}/{pid}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    said = said_path(read_short("cgroup", handle), container)
    if said is None:
        os.close(handle)
        return None
    return MainProcess(root, pid, handle, said, keeps=keeps)


def host_networks(root: str) -> frozenset[int | None]:
    """Namespaces that are the host's: of its first process, and of the kernel's, which can be read
    where the first one hides. Empty where neither is ours to see."""
    return frozenset(_inode(f"{root}/{pid}/ns/net", None) for pid in (1, 2)) - {None}


def _spent(stat: bytes) -> _Spent:
    columns = stat.rpartition(b")")[2].split()
    if len(columns) < 15:
        return _Spent()
    ticks = sum(int(column) for column in columns[11:15])
    return _Spent(int(columns[1]), ticks / TICKS_PER_S)


def waited_of(schedstat: bytes) -> float:
    """Seconds ready to run without a processor."""
    columns = schedstat.split()
    return int(columns[1]) / 1e9 if len(columns) > 1 else UNKNOWN


def moved_of(content: bytes) -> float:
    """Bytes from and to block devices in /proc/PID/io."""
    return value_of(content, b"read_bytes:") + value_of(content, b"write_bytes:")


def traffic_of(content: bytes) -> Traffic:
    """Parse /proc/PID/net/dev: two lines of heads, then an interface a line."""
    lines = content.splitlines()[2:]
    if not lines:
        return Traffic()
    received = sent = 0
    for line in lines:
        name, _, rest = line.partition(b":")
        columns = rest.split(None, 9)
        if name.strip() != b"lo" and len(columns) > 8:
            received += int(columns[0])
            sent += int(columns[8])
    return Traffic(float(received), float(sent))


def _inode(path: str, folder: int | None) -> int | None:
    try:
        return os.stat(path, dir_fd=folder).st_ino
    except OSError:
        return None
