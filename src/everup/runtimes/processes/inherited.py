"""What an instance must not take over from Everup: its limits, its umask, its ignored signals.

`AT_START` is read when this module is first imported. Later changes to Everup's own limits, by an
operator or by a fault that somebody injected, stay Everup's own.
"""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from everup.runtimes.processes import procfs

_RESOURCES: tuple[int, ...] = tuple(
    sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
)
_RESTORED_BY_POPEN = {signal.SIGPIPE, signal.SIGXFSZ}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Limits by resource as (soft, hard), and the file mode mask."""

    limits: Mapping[int, tuple[int, int]]
    umask: int


def _read_umask() -> int:
    for line in (procfs.read_bytes("/proc/self/status") or b"").splitlines():
        if line.startswith(b"Umask:"):
            return int(line.split()[1], 8)
    return 0o022


AT_START = Inheritance({r: resource.getrlimit(r) for r in _RESOURCES}, _read_umask())


def _set(number: int, limits: tuple[int, int]) -> bool:
    try:
        resource.setrlimit(number, limits)
    except (ValueError, OSError):
        return False
    return True


@contextmanager
def limits_as_at_start() -> Iterator[None]:
    """Within, a new process gets the limits that Everup began with.

    Limits belong to the whole process, so Everup has them too for the few milliseconds of a fork.
    A hard limit that was lowered cannot be raised again without privilege; then the soft limit goes
    as far up as it can.
    """
    with _lock:
        changed: list[tuple[int, tuple[int, int]]] = []
        for number, (soft, hard) in AT_START.limits.items():
            now = resource.getrlimit(number)
            if now == (soft, hard):
                continue
            if _set(number, (soft, hard)) or _set(number, (_least(soft, now[1]), now[1])):
                changed.append((number, now))
        try:
            yield
        finally:
            for number, now in changed:
                _set(number, now)


def _least(soft: int, hard: int) -> int:
    if hard == resource.RLIM_INFINITY:
        return soft
    return hard if soft == resource.RLIM_INFINITY else min(soft, hard)


def _deaf(number: int, frame: FrameType | None) -> None:
    """Still ignored here, but back at its default in whatever is executed."""


def keep_ignored_signals_to_ourselves() -> None:
    """Ignored signals pass through exec, so that a service started under nohup or by a script in
    the background could not be interrupted; signals with a handler do not.

    Does nothing outside of the main thread, where Python allows no handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for number in signal.valid_signals() - _RESTORED_BY_POPEN:
        if signal.getsignal(number) is signal.SIG_IGN:
            is_children = number == signal.SIGCHLD  # ignoring it would lose every exit code
            signal.signal(number, signal.SIG_DFL if is_children else _deaf)


def unblock_signals() -> None:
    """A blocked signal stays blocked through exec: unblock all, in the calling thread."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
