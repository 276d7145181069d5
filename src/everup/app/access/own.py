"""Which container are we? From what the kernel shows a process of its own container.

Called by `home` and by `discover`; who knows the engine tells which of the ids there is.
"""

from __future__ import annotations

import re
import socket
from pathlib import Path

INSIDE = Path("/.dockerenv")
BYTES_MOST = 1 << 20
_PROC = Path("/proc/self")
_WHOLE_ID = re.compile(r"[0-9a-f]{64}")
_SHORT_ID = re.compile(r"[0-9a-f]{12}")
_IN_MOUNTS = re.compile(r"/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")


def own_ids(proc: Path = _PROC, inside: Path = INSIDE) -> tuple[str, ...]:
    """What may be our container's id, the surest first; short ones are beginnings of ids.

    The control group names us also where network and host name are lent by another container.
    Empty when this is no container.
    """
    if not inside.exists():
        return ()
    found = _WHOLE_ID.findall(_read(proc / "cgroup"))
    if _SHORT_ID.fullmatch(socket.gethostname()):
        found.append(socket.gethostname())
    found += _IN_MOUNTS.findall(_read(proc / "mountinfo"))
    return tuple(dict.fromkeys(found))


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(BYTES_MOST).decode("utf-8", "replace")
    except OSError:
        return ""
