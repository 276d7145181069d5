"""What can be seen of an instance just before it is ended: enough for a stranger to say why.

Flows in: one life with what was measured of it. Flows out: a few dozen short lines. Everything is
read from /proc, nothing is asked of the process, and what may not be read is left out by name.
Blocks for milliseconds; runs in a thread. Called by the `evidence` verb and by the memory guard.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence

from everup.model.kinds import is_known
from everup.runtimes.processes import procfs, sights
from everup.runtimes.processes.accounting import Usage
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.records import Record

THREADS_MOST = 20
CHILDREN_MOST = 20
FILES_MOST = 10
STACK_LINES_MOST = 12
MIB = 1024 * 1024

_STATUS = ("Threads", "VmRSS", "VmHWM", "VmSwap", "SigCgt", "SigIgn", "voluntary_ctxt_switches")


def of(record: Record, members: Iterable[Identity], usage: Usage | None) -> Sequence[str]:
    """The lines of one instance; of one that has ended, how it did."""
    stat = record.identity.stat() if record.pid else None
    if stat is None or stat.state in procfs.GONE_STATES:
        how = record.exit.text if record.exit is not None else "is gone"
        return [f"{record.name}: {how}"]
    pid = stat.pid
    lines = [f"{record.name}: process {pid} in state {stat.state}: {sights.title(pid)}"]
    lines += _usage(record, usage)
    lines += _status(pid)
    lines += _threads(pid)
    lines += _stack(pid)
    lines += _files(pid)
    lines += _maps(pid)
    for child in sights.processes(sorted(members, key=lambda i: i.pid)[:CHILDREN_MOST]):
        lines.append(f"  child {child.pid} in state {child.state}: {child.title}")
    return lines


def _usage(record: Record, usage: Usage | None) -> Sequence[str]:
    if usage is None or not is_known(usage.memory_bytes):
        return ["  use: not measured"]
    limit = record.memory_limit_bytes
    most = f" of {limit / MIB:.0f}" if is_known(limit) else ""
    io = f"{usage.io_bytes / MIB:.1f} MiB" if is_known(usage.io_bytes) else "unknown"
    return [
        f"  use: {usage.memory_bytes / MIB:.1f}{most} MiB of memory, {usage.cpu_seconds:.1f} s of "
        f"processor, {io} of block I/O"
    ]


def _status(pid: int) -> Sequence[str]:
    fields = dict(
        line.split(":", 1) for line in _text(f"/proc/{pid}/status").splitlines() if ":" in line
    )
    said = [f"{name} {' '.join(fields[name].split())}" for name in _STATUS if name in fields]
    return ["  status: " + ", ".join(said)] if said else ["  status: may not be read"]


def _threads(pid: int) -> Sequence[str]:
    """Where each thread waits in the kernel, equal ones together."""
    waits: Counter[str] = Counter()
    for task in _names(f"/proc/{pid}/task")[:THREADS_MOST]:
        stat = procfs.read_line(f"/proc/{pid}/task/{task}/stat")
        wait = _text(f"/proc/{pid}/task/{task}/wchan").strip()
        if stat:
            where = wait if wait not in ("", "0") else "no place that may be read"
            waits[f"state {procfs.parse_stat(stat).state} at {where}"] += 1
    return [f"  threads: {count} in {what}" for what, count in sorted(waits.items())]


def _stack(pid: int) -> Sequence[str]:
    lines = _text(f"/proc/{pid}/stack").splitlines()[:STACK_LINES_MOST]
    if not lines:
        return ["  kernel stack: may not be read"]
    return ["  kernel stack: " + " < ".join(line.split("]")[-1].strip() for line in lines)]


def _files(pid: int) -> Sequence[str]:
    folder = f"/proc/{pid}/fd"
    kinds: Counter[str] = Counter()
    paths: list[str] = []
    names = _names(folder)
    for name in names[:1000]:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        is_path = target.startswith("/") and not target.startswith("/dev/")
        kinds["file" if is_path else target.partition(":")[0]] += 1
        if is_path and target not in paths:
            paths.append(target)
    if not kinds:
        return ["  open files: may not be read"]
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
    return [f"  open files: {len(names)} ({what})", *(f"    {p}" for p in paths[:FILES_MOST])]


def _maps(pid: int) -> Sequence[str]:
    lines = _text(f"/proc/{pid}/maps").splitlines()
    return [f"  memory map: {len(lines)} parts"] if lines else ["  memory map: may not be read"]


def _names(folder: str) -> Sequence[str]:
    try:
        return sorted(os.listdir(folder), key=lambda name: (len(name), name))
    except OSError:
        return ()


def _text(path: str) -> str:
    return (procfs.read_bytes(path) or b"").decode(errors="replace")
