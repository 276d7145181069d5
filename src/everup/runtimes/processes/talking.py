"""Who has connections to whom among the instances: the host's socket tables, and who holds them.

Flows in: processes by service. Flows out: (who opened it, to whom) → how many. All processes of one
host share its tables; a socket belongs to who has it among its open files. Blocks; runs in a
thread, and costs a short read for every open file, so it is not made in every look.

A connection that was closed already belongs to nobody: short ones are seen by luck only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from everup.runtimes.processes.identity import Identity
from everup.runtimes.socket_table import GONE, LISTENS, Row, read_table, rows_of

FILES_MOST = 50_000
"""Open files that one pass looks at."""
TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_PREFIX = "socket:["


def talking(
    processes: Mapping[str, Iterable[Identity]],
) -> tuple[dict[tuple[str, str], int], dict[str, str]]:
    """The connections, and the services whose files may not be looked at with the reason."""
    holders, hidden = _holders(processes)
    rows = [row for path in TABLES for row in rows_of(read_table(path))]
    return between(rows, holders), hidden


def between(rows: Iterable[Row], holders: Mapping[int, str]) -> dict[tuple[str, str], int]:
    """`holders`: inode → service. Counts what was opened by one service towards a port on which
    another one listens."""
    rows = [row for row in rows if row.inode in holders]
    listening = {r.local_port: holders[r.inode] for r in rows if r.state == LISTENS}
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        service, target = holders[row.inode], listening.get(row.remote_port)
        if row.state in (LISTENS, GONE) or target is None or target == service:
            continue
        if listening.get(row.local_port) == service:
            continue  # the other end of a connection to itself
        if row.remote.is_loopback or row.remote == row.local:
            found[service, target] = found.get((service, target), 0) + 1
    return found


def _holders(
    processes: Mapping[str, Iterable[Identity]],
) -> tuple[dict[int, str], dict[str, str]]:
    found: dict[int, str] = {}
    hidden: dict[str, str] = {}
    looked_at = 0
    for service, members in processes.items():
        for identity in members:
            folder = f"/proc/{identity.pid}/fd"
            try:
                names = os.listdir(folder)
            except PermissionError:
                hidden[service] = "its open files are another account's; run Everup as root"
                continue
            except OSError:
                continue  # it has ended
            looked_at += len(names)
            if looked_at > FILES_MOST:
                hidden[service] = f"more than {FILES_MOST} open files"
                break
            for name in names:
                if (inode := _inode(f"{folder}/{name}")) is not None:
                    found[inode] = service
    return found, hidden


def _inode(path: str) -> int | None:
    try:
        leads_to = os.readlink(path)
    except OSError:
        return None  # closed meanwhile
    return int(leads_to[len(_PREFIX) : -1]) if leads_to.startswith(_PREFIX) else None
