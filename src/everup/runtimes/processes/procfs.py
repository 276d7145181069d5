"""What the kernel says of processes, read from /proc: facts in, values out, no decisions.

Every reader answers None (or nothing) for a process that is gone or may not be read. All times are
the kernel's: ticks since boot, suspend included.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
LINE_BYTES_MOST = 4096
READ_BYTES_MOST = 256 * 1024
GONE_STATES = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class Stat:
    """The columns of /proc/PID/stat that matter here. `cpu_ticks` includes reaped children."""

    pid: int
    state: str
    parent: int
    session: int
    cpu_ticks: int
    start_ticks: int


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident pages in bytes; `shared_bytes` of them are files and shared memory."""

    resident_bytes: int
    shared_bytes: int


def read_line(path: str) -> bytes | None:
    """What one read gives of a short file; None when it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(handle, LINE_BYTES_MOST)
    except OSError:
        return None
    finally:
        os.close(handle)


def read_bytes(path: str) -> bytes | None:
    """The whole content, bounded; None when it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            content = file.read(LINE_BYTES_MOST)
            while content and len(content) < READ_BYTES_MOST and (more := file.read(65536)):
                content += more
            return content
    except OSError:
        return None


def parse_stat(content: bytes) -> Stat:
    """Parse one stat line; the command's name may itself contain spaces and parentheses."""
    pid, _, rest = content.partition(b" (")
    columns = rest[rest.rindex(b")") + 2 :].split(None, 20)
    return Stat(
        pid=int(pid),
        state=columns[0].decode(),
        parent=int(columns[1]),
        session=int(columns[3]),
        cpu_ticks=sum(map(int, columns[11:15])),
        start_ticks=int(columns[19]),
    )


def read_stat(pid: int) -> Stat | None:
    """The process's stat line, None when there is no such process."""
    content = read_line(f"/proc/{pid}/stat")
    return parse_stat(content) if content else None


def read_memory(pid: int) -> Memory | None:
    """Resident and shared memory of one process."""
    content = read_line(f"/proc/{pid}/statm")
    if not content:
        return None
    columns = content.split(None, 3)
    return Memory(int(columns[1]) * PAGE_BYTES, int(columns[2]) * PAGE_BYTES)


def read_host_memory() -> tuple[float, float]:
    """Bytes of memory that the host has, and that are available; 0 where nobody can say."""
    content = (read_bytes("/proc/meminfo") or b"").splitlines()
    values = {k: v.split() for k, _, v in (line.partition(b":") for line in content)}
    total, free = values.get(b"MemTotal"), values.get(b"MemAvailable")
    return float(total[0]) * 1024 if total else 0.0, float(free[0]) * 1024 if free else 0.0


def read_peak_bytes(pid: int) -> float:
    """The most memory that the process ever had resident; 0 for one that is gone."""
    for line in (read_bytes(f"/proc/{pid}/status") or b"").splitlines():
        if line.startswith(b"VmHWM:"):
            return float(line.split()[1]) * 1024
    return 0.0


def read_io_bytes(pid: int) -> int | None:
    """Bytes moved from and to block devices, reaped children included; None: not ours to read."""
    content = read_line(f"/proc/{pid}/io")
    if not content:
        return None
    columns = dict(line.split(b": ", 1) for line in content.splitlines())
    return int(columns.get(b"read_bytes", 0)) + int(columns.get(b"write_bytes", 0))


def read_waited_s(pid: int) -> float | None:
    """Seconds for which its main thread was ready to run and had no processor; None: not told."""
    columns = (read_line(f"/proc/{pid}/schedstat") or b"").split()
    return int(columns[1]) / 1e9 if len(columns) > 1 else None


def read_variable(pid: int, name: str) -> str | None:
    """One variable of the environment the process began with.

    None when it is not there, also because the program has written its title over it, as some
    servers do.
    """
    content = read_bytes(f"/proc/{pid}/environ")
    prefix = f"{name}=".encode()
    for entry in (content or b"").split(b"\0"):
        if entry.startswith(prefix):
            return entry[len(prefix) :].decode(errors="replace")
    return None


def writes_to(pid: int, path: str) -> bool:
    """Is the process's standard output or error this file?"""
    for number in (1, 2):
        try:
            if os.readlink(f"/proc/{pid}/fd/{number}") == path:
                return True
        except OSError:
            continue
    return False


def all_pids() -> Iterator[int]:
    """Every process visible here."""
    return (int(name) for name in os.listdir("/proc") if name[0] in "123456789")


@lru_cache(maxsize=1)
def boot_id() -> str:
    """Names this boot of the machine."""
    return (read_bytes("/proc/sys/kernel/random/boot_id") or b"unknown").decode().strip()


def boot_ticks() -> int:
    """Now, in the unit of `Stat.start_ticks`."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS_PER_S)


def started_at_s(start_ticks: int, now_s: float) -> float:
    """When it started, on the clock that says `now_s` now."""
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - start_ticks / TICKS_PER_S
    return now_s - max(age_s, 0.0)
