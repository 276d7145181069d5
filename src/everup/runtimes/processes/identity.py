"""Who a process is, so that a number that the kernel gave to somebody else is never signalled.

A life is known by boot id, pid, start time in ticks, and a mark in its environment. `Handle` holds
a pidfd that was opened first and checked afterwards: from then on the kernel itself guarantees that
a signal goes to that process or to none.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

from everup.runtimes.processes import procfs

MARK = "EVERUP_MARK"


@dataclass(frozen=True, slots=True)
class Mark:
    """Carried in the environment of every process that descends from an instance's life.

    `home` stands for the state folder, so that two controllers of equally named stacks never take
    each other's processes for their own; `nonce` is fresh for every life.
    """

    stack: str
    service: str
    index: int
    home: str
    nonce: str

    def __str__(self) -> str:
        return f"{self.stack}/{self.service}/{self.index}/{self.home}.{self.nonce}"

    @classmethod
    def parse(cls, text: str, stack: str) -> Mark | None:
        """The mark of this stack that the text is, or None."""
        try:
            path, index, life = text.rsplit("/", 2)
            home, nonce = life.split(".")
            found = cls(stack, path.removeprefix(f"{stack}/"), int(index), home, nonce)
        except ValueError:
            return None
        return found if str(found) == text else None


def home_of(state_dir: Path) -> str:
    """Eight letters that stand for this state folder."""
    return hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Identity:
    """One process of one boot. Equal identities are the same process."""

    boot_id: str
    pid: int
    start_ticks: int

    def __str__(self) -> str:
        return f"{self.pid}.{self.start_ticks}@{self.boot_id[:8]}"

    def stat(self) -> procfs.Stat | None:
        """Its stat line, None when this process is no more, whoever has its number now."""
        if self.boot_id != procfs.boot_id():
            return None
        stat = procfs.read_stat(self.pid)
        return stat if stat is not None and stat.start_ticks == self.start_ticks else None


class Handle:
    """A pidfd on a process that was proven to be the one meant."""

    def __init__(self, identity: Identity, pidfd: int) -> None:
        self.identity = identity
        self.pidfd = pidfd

    @classmethod
    def open(cls, identity: Identity, mark: str | None = None) -> Handle | None:
        """Take hold of this process; None when it is gone, or carries another mark.

        A server may have written its title over its environment: then the mark is absent, which
        speaks neither for nor against, and the kernel's three facts decide.
        """
        try:
            pidfd = os.pidfd_open(identity.pid)
        except OSError:
            return None
        handle = cls(identity, pidfd)
        is_it = identity.stat() is not None
        if is_it and mark is not None:
            is_it = procfs.read_variable(identity.pid, MARK) in (None, mark)
        if is_it:
            return handle
        handle.close()
        return None

    def send(self, number: signal.Signals) -> bool:
        """Signal it; False when it is gone already.

        Raises:
            PermissionError: it runs as somebody whom we may not signal.
        """
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return False
        return True

    def has_exited(self) -> bool:
        """Has it ended? A zombie has."""
        poller = select.poll()
        poller.register(self.pidfd, select.POLLIN)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Let go; twice is fine."""
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
