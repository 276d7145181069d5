"""What an instance's main process leaves behind when it ends, found without mistaking a stranger.

A process is a leftover of a life when it carries the life's mark; when it was in the life's session
before the main process died, since until then the session's number could be nobody else's; when it
was seen as a descendant; or when it descends from one of these. The functions block for some
milliseconds and run in a thread; each signal goes through a pidfd that was checked after opening.
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
    return _identities(stats, _with_descendants(stats, {main.pid, *found}) - {main.pid})


def leftovers(
    record: Record, mark: str, seen: Iterable[Identity], died_ticks: int | None
) -> frozenset[Identity]:
    """What still lives of a life whose main process has ended.

    `died_ticks`: when we saw it end. None: nobody did, and then its session proves nothing.
    """
    main = record.identity
    if main.boot_id != procfs.boot_id() or not main.pid:
        return frozenset()
    stats = _all_stats()
    found = {i.pid for i in seen if i.pid in stats and stats[i.pid].start_ticks == i.start_ticks}
    for pid, stat in stats.items():
        if pid == main.pid or stat.start_ticks < main.start_ticks:
            continue
        carried = procfs.read_variable(pid, MARK)
        was_with_it = died_ticks is not None and stat.start_ticks <= died_ticks
        if carried == mark or (carried is None and was_with_it and stat.session == main.pid):
            found.add(pid)
    return _identities(stats, _with_descendants(stats, found)) - {main}


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


def _all_stats() -> dict[int, procfs.Stat]:
    found = (procfs.read_stat(pid) for pid in procfs.all_pids())
    return {stat.pid: stat for stat in found if stat is not None and not _is_gone(stat)}


def _with_descendants(stats: dict[int, procfs.Stat], pids: set[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    found, unvisited = set(pids), list(pids)
    while unvisited:
        for child in children.get(unvisited.pop(), ()):
            if child not in found:
                found.add(child)
                unvisited.append(child)
    return found


def _is_gone(stat: procfs.Stat) -> bool:
    return stat.state in procfs.GONE_STATES


def _identities(stats: dict[int, procfs.Stat], pids: set[int]) -> frozenset[Identity]:
    boot_id = procfs.boot_id()
    return frozenset(Identity(boot_id, pid, stats[pid].start_ticks) for pid in pids)
