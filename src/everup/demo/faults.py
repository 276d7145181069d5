"""How the demo breaks things: signals to single processes, and a cap on open files.

Each function names the process that it hurts; none takes a set, and none guesses. Called by the
chapters only.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import psutil

FEWEST_FILES = 3
"""Standard input, output and error: with this as the limit no descriptor can be added."""


class NoProcess(LookupError):
    """Nobody listens where the service should."""


def listeners(ports: Collection[int]) -> set[int]:
    """The pids of all processes that listen on one of these ports."""
    return {
        found.pid
        for found in psutil.net_connections(kind="tcp")
        if found.pid
        and found.status == psutil.CONN_LISTEN
        and found.laddr
        and found.laddr.port in ports
    }


def listener(port: int) -> int:
    """The pid of the process that listens on this loopback port; the oldest if several share it.

    Raises:
        NoProcess: nobody does.
    """
    pids = listeners({port})
    if not pids:
        raise NoProcess(f"nobody listens on port {port}")
    return min(pids, key=lambda pid: psutil.Process(pid).create_time())


def crash(pid: int) -> None:
    """SIGKILL: gone without a word."""
    os.kill(pid, signal.SIGKILL)


def hang(pid: int) -> None:
    """SIGSTOP: there, connected, and deaf."""
    os.kill(pid, signal.SIGSTOP)


def unhang(pid: int) -> None:
    """SIGCONT, for the way out; a process that is gone needs none."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


@contextmanager
def without_descriptors(pid: int) -> Iterator[None]:
    """As long as this lasts, the process can open nothing new: EMFILE. What is open stays open.

    The limit is given back on the way out, whatever happens inside.
    """
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEWEST_FILES, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
