"""What an instance's main process leaves behind when it ends, found without mistaking a stranger.

A process is a leftover of a life when it carries the life's mark, or when it is in the life's
session while that session cannot be anybody else's, or when it was seen as a descendant before. The
functions block for milliseconds and run in a thread; each signal goes through a pidfd that was
checked after it was opened.
"""

from __future__ import annotations

import signal
from collections.abc import Iterable

from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import MARK, Handle, Identity
from everup.runtimes.processes.records import Record


def members_of(main: Identity) -> frozenset[Identity]:
    """Session and descendants of a main process that is still there, itself left out."""
    if main.stat() is None:
        return frozenset()
    stats = _all_stats()
    found = {pid for pid, stat in stats.items() if stat.session == main.pid}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    unvisited = [main.pid, *found]
    while unvisited:
        for child in children.get(unvisited.pop(), ()):
            if child not in found:
                found.add(child)
                unvisited.append(child)
    found.discard(main.pid)
    return frozenset(_identity(stats[pid]) for pid in found)


def leftovers(record: Record, mark: str, seen: Iterable[Identity]) -> frozenset[Identity]:
    """What still lives of a life whose main process has ended."""
    main = record.identity
    if main.boot_id != procfs.boot_id() or not main.pid:
        return frozenset()
    stats = _all_stats(with_gone=True)
    holder = stats.get(main.pid)
    # While anything is left in a session its number is not given out again: a younger process with
    # that number proves that the session is over and the number somebody else's.
    is_session_ours = holder is None or holder.start_ticks == main.start_ticks
    found = {i for i in seen if _is_alive(stats, i)}
    for pid, stat in stats.items():
        if pid == main.pid or stat.start_ticks < main.start_ticks or _is_gone(stat):
            continue
        carried = procfs.read_variable(pid, MARK)
        in_session = is_session_ours and stat.session == main.pid and carried is None
        if carried == mark or in_session:
            found.add(_identity(stat))
    return frozenset(i for i in found if i != main)


def send(identities: Iterable[Identity], number: signal.Signals) -> None:
    """Signal those that are still who they were; the others are gone, which is what was wanted."""
    for identity in identities:
        handle = Handle.open(identity)
        if handle is None:
            continue
        try:
            handle.send(number)
        except PermissionError:
            continue  # it changed its account; `alive` goes on telling that it is there
        finally:
            handle.close()


def alive(identities: Iterable[Identity]) -> frozenset[Identity]:
    """Those that have not ended; a zombie has."""
    return frozenset(i for i in identities if (stat := i.stat()) is not None and not _is_gone(stat))


def _all_stats(*, with_gone: bool = False) -> dict[int, procfs.Stat]:
    found = (procfs.read_stat(pid) for pid in procfs.all_pids())
    return {s.pid: s for s in found if s is not None and (with_gone or not _is_gone(s))}


def _is_gone(stat: procfs.Stat) -> bool:
    return stat.state in procfs.GONE_STATES


def _is_alive(stats: dict[int, procfs.Stat], identity: Identity) -> bool:
    stat = stats.get(identity.pid)
    return stat is not None and stat.start_ticks == identity.start_ticks and not _is_gone(stat)


def _identity(stat: procfs.Stat) -> Identity:
    return Identity(procfs.boot_id(), stat.pid, stat.start_ticks)
