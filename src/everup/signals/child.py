"""Runs a short command and brings back its exit code and the beginning of its output.

Flows in: an `Order`; flows out: `Finished`. The child has a session of its own, and nothing of that
session outlives the answer: the whole group is killed when the child has ended, and when the
caller's deadline or cancellation comes first. A pidfd tells of the end while the child is still a
zombie, so its number cannot belong to anybody else when the group is killed.

Used by command probes and by the exec canary. A child that leaves its session by itself is not
followed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

OUTPUT_MOST_BYTES = 4096
READ_BYTES = 65536
DRAIN_INTERVAL_S = 0.02
"""What is too much is read and dropped at this pace, so that a flood costs little and yet does not
block a child that will end."""
UNDYING_MOST = 8
CLOSE_MOST_S = 1.0


class TooManyChildren(Exception):
    """Earlier children could not be killed (stuck in the kernel): no more are added to them."""


class LostChild(Exception):
    """Somebody else in this process collected the child, and its exit code with it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command and where it runs. `account` are further arguments of Popen that set the user."""

    command: Sequence[str]
    directory: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    account: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """`code` is negative for a signal. `output` holds both streams, from the beginning."""

    code: int
    output: str


class Children:
    """All children that have not been collected yet."""

    def __init__(self) -> None:
        self._alive: set[_Child] = set()
        self._undying: set[_Child] = set()

    async def run(self, order: Order) -> Finished:
        """Run to the end. The caller sets the deadline by cancelling.

        Raises:
            OSError: it could not be started: no such program, not executable, or no resources.
            ValueError: the command or a variable cannot be passed on (a NUL in it, say).
            TooManyChildren: see there.
            LostChild: see there.
        """
        self._undying = {child for child in self._undying if child in self._alive}
        if len(self._undying) >= UNDYING_MOST:
            raise TooManyChildren(f"{UNDYING_MOST} earlier commands could not be killed")
        child = _Child(order, self._alive)
        try:
            await asyncio.wait({child.ended})
            return child.finished()
        finally:
            if not child.ended.done():
                child.kill()
                self._undying.add(child)

    async def close(self) -> None:
        """Kill and collect what is left, as far as it can be killed."""
        left = tuple(self._alive)
        for child in left:
            child.kill()
        if left:
            await asyncio.wait({child.ended for child in left}, timeout=CLOSE_MOST_S)


class _Child:
    """One child, its pidfd and its output, until it is collected."""

    def __init__(self, order: Order, alive: set[_Child]) -> None:
        self._loop = asyncio.get_running_loop()
        self._alive = alive
        self._output = bytearray()
        self._drain: asyncio.TimerHandle | None = None
        self._code: int | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._reader, writer = os.pipe()
        try:
            os.set_blocking(self._reader, False)
            self._process = _spawn(order, writer)
        except BaseException:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            self.kill()
            self._process.wait()
            os.close(self._reader)
            raise
        alive.add(self)
        self._loop.add_reader(self._reader, self._on_output)
        self._loop.add_reader(self._pidfd, self._on_end)

    def finished(self) -> Finished:
        """The outcome, once `ended` is done."""
        if self._code is None:
            raise LostChild("somebody else collected the command's exit code")
        return Finished(self._code, self._output.decode("utf-8", "replace"))

    def kill(self) -> None:
        """SIGKILL to its whole group; it is collected when its pidfd tells of the end."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _on_output(self) -> None:
        if not self._read():
            self._loop.remove_reader(self._reader)
        elif len(self._output) >= OUTPUT_MOST_BYTES:
            self._loop.remove_reader(self._reader)
            self._drain = self._loop.call_later(DRAIN_INTERVAL_S, self._on_drain)

    def _on_drain(self) -> None:
        if self._read():
            self._drain = self._loop.call_later(DRAIN_INTERVAL_S, self._on_drain)

    def _read(self) -> bool:
        """Take what is there; False when nothing more will come."""
        try:
            chunk = os.read(self._reader, READ_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        room = OUTPUT_MOST_BYTES - len(self._output)
        self._output += chunk[:room]
        return bool(chunk)

    def _on_end(self) -> None:
        """The child is a zombie: end its group, collect it, tell the waiter."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.kill()
        self._code = _collect(self._process)
        self._read()
        self._loop.remove_reader(self._reader)
        os.close(self._reader)
        if self._drain is not None:
            self._drain.cancel()
        self._alive.discard(self)
        self.ended.set_result(None)


def _spawn(order: Order, writer: int) -> subprocess.Popen[bytes]:
    process: subprocess.Popen[bytes] = subprocess.Popen(
        list(order.command),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=writer,
        cwd=order.directory,
        env=dict(order.env),
        start_new_session=True,
        **order.account,  # type: ignore[call-overload]
    )
    return process


def _collect(process: subprocess.Popen[bytes]) -> int | None:
    """Exit code of a child that has ended; None when somebody else was faster."""
    try:
        status = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        process.returncode = 0
        return None
    if status is None:
        return process.wait()
    code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
    process.returncode = code
    return code
