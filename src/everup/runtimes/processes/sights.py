"""What can be seen of processes without asking them: their titles and states. Blocks for
milliseconds; runs in a thread. Whoever is gone meanwhile is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from everup.model.runtime import ProcessSight
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import Identity

PROCESSES_MOST = 200
TITLE_MOST = 200


def processes(identities: Iterable[Identity]) -> Sequence[ProcessSight]:
    """Those that live, in this order."""
    found: list[ProcessSight] = []
    for identity in identities:
        stat = identity.stat()
        if stat is not None and stat.state not in procfs.GONE_STATES:
            found.append(ProcessSight(stat.pid, stat.state, title(stat.pid)))
        if len(found) >= PROCESSES_MOST:
            break
    return found


def title(pid: int) -> str:
    """Its command line, or what it has written over it."""
    raw = procfs.read_line(f"/proc/{pid}/cmdline") or b""
    text = raw.rstrip(b"\0 ").replace(b"\0", b" ").decode(errors="replace")
    return "".join(c if c.isprintable() else " " for c in text)[:TITLE_MOST]
