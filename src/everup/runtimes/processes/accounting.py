"""What instances use, read in one pass over /proc that costs little enough to be made every second.

Flows in: the main process of each running instance. Flows out: a `Usage` each. An instance is its
main process, everything in that process's session, and every descendant, also those with sessions
of their own, as database servers make them.

Memory is what is the instance's alone plus its largest shared part once: adding up resident sizes
would count a database's shared buffers once per connection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.records import Key

STRANGERS_KEPT_S = 60.0
"""How long a process stays known as nobody's before it is looked at again."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals since the start of the processes that live now; NaN is unknown."""

    process_state: str | None = None
    cpu_seconds: float = UNKNOWN
    io_bytes: float = UNKNOWN
    memory_bytes: float = UNKNOWN
    waited_s: float = UNKNOWN
    members: frozenset[Identity] = frozenset()


@dataclass(slots=True)
class _Sum:
    cpu_ticks: int = 0
    io_bytes: float = 0.0
    waited_s: float = 0.0
    private_bytes: int = 0
    shared_bytes: int = 0
    state: str | None = None
    members: list[Identity] = field(default_factory=list)

    def add(self, stat: procfs.Stat, *, is_main: bool) -> None:
        self.cpu_ticks += stat.cpu_ticks
        io_bytes = procfs.read_io_bytes(stat.pid)
        self.io_bytes += UNKNOWN if io_bytes is None else io_bytes
        waited_s = procfs.read_waited_s(stat.pid)
        self.waited_s += UNKNOWN if waited_s is None else waited_s
        self.add_memory(stat.pid)
        if is_main:
            self.state = stat.state
        else:
            self.members.append(Identity(procfs.boot_id(), stat.pid, stat.start_ticks))

    def add_memory(self, pid: int) -> None:
        memory = procfs.read_memory(pid)
        if memory is not None:
            self.private_bytes += memory.resident_bytes - memory.shared_bytes
            self.shared_bytes = max(self.shared_bytes, memory.shared_bytes)

    @property
    def memory_bytes(self) -> float:
        return float(self.private_bytes + self.shared_bytes)

    def usage(self) -> Usage:
        return Usage(
            process_state=self.state,
            cpu_seconds=self.cpu_ticks / procfs.TICKS_PER_S,
            io_bytes=self.io_bytes,
            memory_bytes=self.memory_bytes,
            waited_s=self.waited_s,
            members=frozenset(self.members),
        )


class Accounting:
    """Remembers who belongs to whom between passes, so that a pass looks only at what is new."""

    def __init__(self) -> None:
        self._owners: dict[int, tuple[Key, int]] = {}
        self._sessions: frozenset[int] = frozenset()
        self._strangers: set[int] = set()
        self._strangers_since_s = time.monotonic()
        self._lock = threading.Lock()

    def read(self, mains: Mapping[Key, Identity]) -> dict[Key, Usage]:
        """One pass. Blocks for milliseconds; may be called from any thread."""
        with self._lock:
            return self._read(mains)

    def disown(self, processes: Iterable[Identity]) -> None:
        """They belong to no instance any more, though they live."""
        with self._lock:
            for identity in processes:
                self._owners.pop(identity.pid, None)
                self._strangers.add(identity.pid)

    def weigh(self, mains: Mapping[Key, Identity]) -> dict[Key, float] | None:
        """Memory alone, at a tenth of the cost of `read`; None when somebody belongs to an instance
        whom the latest pass did not see, so that another whole pass is due. Blocks like `read`."""
        with self._lock:
            if any(main.pid not in self._owners for main in mains.values()):
                return None
            new = self._stats(set(procfs.all_pids()) - self._strangers - self._owners.keys())
            if any(s.parent in self._owners or s.session in self._sessions for s in new.values()):
                return None
            self._strangers |= new.keys()
            sums: dict[Key, _Sum] = {}
            for pid, (key, _) in self._owners.items():
                if key in mains:
                    sums.setdefault(key, _Sum()).add_memory(pid)
            return {key: total.memory_bytes for key, total in sums.items()}

    def _read(self, mains: Mapping[Key, Identity]) -> dict[Key, Usage]:
        if time.monotonic() - self._strangers_since_s > STRANGERS_KEPT_S:
            self._strangers.clear()
            self._strangers_since_s = time.monotonic()
        pids = set(procfs.all_pids())
        self._strangers &= pids
        looked_at = (pids - self._strangers) | {main.pid for main in mains.values()}
        stats = self._stats(looked_at)
        self._owners = _owners(stats, mains, self._owners)
        self._sessions = frozenset(
            stats[main.pid].session for main in mains.values() if main.pid in self._owners
        )
        self._strangers |= stats.keys() - self._owners.keys()
        sums: dict[Key, _Sum] = {}
        for pid, (key, _) in self._owners.items():
            stat = stats[pid]
            if stat.state not in procfs.GONE_STATES:
                sums.setdefault(key, _Sum()).add(stat, is_main=pid == mains[key].pid)
        return {key: total.usage() for key, total in sums.items()}

    def _stats(self, pids: Iterable[int]) -> dict[int, procfs.Stat]:
        found = (procfs.read_stat(pid) for pid in pids)
        return {stat.pid: stat for stat in found if stat is not None}


def _owners(
    stats: Mapping[int, procfs.Stat],
    mains: Mapping[Key, Identity],
    before: Mapping[int, tuple[Key, int]],
) -> dict[int, tuple[Key, int]]:
    """pid → (instance, start ticks) for everything that belongs to one of the mains."""
    owners: dict[int, tuple[Key, int]] = {}
    sessions: dict[int, Key] = {}
    for key, identity in mains.items():
        main = stats.get(identity.pid)
        if main is not None and main.start_ticks == identity.start_ticks:
            owners[main.pid] = (key, main.start_ticks)
            sessions[main.session] = key
    for pid, stat in stats.items():
        key_before, ticks_before = before.get(pid, (None, -1))
        key_now = sessions.get(stat.session)
        if pid in owners:
            continue
        if key_now is not None:
            owners[pid] = (key_now, stat.start_ticks)
        elif key_before in mains and ticks_before == stat.start_ticks:
            assert key_before is not None
            owners[pid] = (key_before, stat.start_ticks)
    return _with_descendants(owners, stats)


def _with_descendants(
    owners: dict[int, tuple[Key, int]], stats: Mapping[int, procfs.Stat]
) -> dict[int, tuple[Key, int]]:
    children: dict[int, list[procfs.Stat]] = {}
    for stat in stats.values():
        children.setdefault(stat.parent, []).append(stat)
    unvisited = list(owners)
    while unvisited:
        parent = unvisited.pop()
        for child in children.get(parent, ()):
            if child.pid not in owners:
                owners[child.pid] = (owners[parent][0], child.start_ticks)
                unvisited.append(child.pid)
    return owners
