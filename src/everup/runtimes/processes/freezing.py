"""Makes all processes of an instance stand still, so that they stay as they are: SIGSTOP, proven.

Flows in: the main process, a function that finds what belongs to it. Flows out: everything that now
stands in state T. What cannot be stopped is undone: whoever ran before runs again. Blocks for some
tens of milliseconds; runs in a thread, called by `aside`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from everup.model.errors import GiveUp
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import Handle, Identity

STOPS_WITHIN_S = 1.0
POLL_S = 0.005
ROUNDS_MOST = 5
"""A process that is not stopped yet may make another one: so often it is looked for new ones."""

_STILL = frozenset("Tt")


@dataclass(frozen=True, slots=True)
class Frozen:
    """`members` are who belongs to the main process; `stopped` those of all who ran before."""

    members: frozenset[Identity]
    stopped: tuple[Identity, ...]


def freeze(main: Identity, members_of: Callable[[], Iterable[Identity]]) -> Frozen:
    """Stop the main process, then what belongs to it.

    Raises:
        GiveUp: one of them may not be signalled or does not stop; all are as before.
    """
    stopped: list[Identity] = []
    members: frozenset[Identity] = frozenset()
    try:
        _stop([main], stopped)
        for _ in range(ROUNDS_MOST):
            found = frozenset(members_of()) - members
            if not found:
                return Frozen(members, tuple(stopped))
            members |= found
            _stop(found, stopped)
        raise GiveUp(f"quarantine: process {main.pid} makes new ones faster than they are stopped")
    except GiveUp:
        thaw(stopped)
        raise


def thaw(identities: Iterable[Identity]) -> None:
    """Let them run again."""
    for identity in identities:
        _send(identity, signal.SIGCONT)


def _stop(identities: Iterable[Identity], stopped: list[Identity]) -> None:
    """Those that ran are added to `stopped`, so that they alone are let go again."""
    wanted = list(identities)
    for identity in wanted:
        stat = identity.stat()
        if stat is None or stat.state in _STILL or stat.state in procfs.GONE_STATES:
            continue
        stopped.append(identity)
        _send(identity, signal.SIGSTOP)
    deadline_s = time.monotonic() + STOPS_WITHIN_S
    for identity in wanted:
        while not _is_still(identity):
            if time.monotonic() > deadline_s:
                raise GiveUp(
                    f"quarantine: process {identity.pid} does not stop within "
                    f"{STOPS_WITHIN_S:g} s; it probably waits for a device"
                )
            time.sleep(POLL_S)


def _is_still(identity: Identity) -> bool:
    """All of its threads stand, or it has ended."""
    if identity.stat() is None:
        return True
    try:
        tasks = os.listdir(f"/proc/{identity.pid}/task")
    except OSError:
        return True
    for task in tasks:
        content = procfs.read_line(f"/proc/{identity.pid}/task/{task}/stat")
        state = procfs.parse_stat(content).state if content else "X"
        if state not in _STILL and state not in procfs.GONE_STATES:
            return False
    return True


def _send(identity: Identity, number: signal.Signals) -> None:
    handle = Handle.open(identity)
    if handle is None:
        return
    try:
        handle.send(number)
    except PermissionError:
        raise GiveUp(
            f"quarantine: process {identity.pid} runs under another account and may not be "
            "signalled; run Everup as root"
        ) from None
    finally:
        handle.close()
