"""Whether the engine's processes are in our own sight: is pid N, as the engine says it, that one?

An engine may be on another host, or we in a container with a process table of our own: then the
engine's numbers mean strangers here. So a pid is believed only when the kernel says here, too, that
it belongs to the container.
"""

from __future__ import annotations

from pathlib import Path

PROC = Path("/proc")


def is_process_of(pid: int, container: str, proc: Path = PROC) -> bool:
    """Does the kernel count this process to the container?"""
    if pid <= 1 or not container:
        return False
    try:
        return container in (proc / str(pid) / "cgroup").read_text()
    except OSError:
        return False
