"""Runs an owner's command to its end, with a timeout, and keeps the end of what it says.

Blocks; runs in a thread and looks at `is_cancelled` while it waits. The command gets a session of
its own, so that nothing of it is left when its time is over.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from everup.model.errors import GiveUp, HookFailed, TryAgain
from everup.runtimes.processes import inherited
from everup.runtimes.processes.launch import PASSES
from everup.runtimes.processes.orders import Order

OUTPUT_BYTES_MOST = 16 * 1024
"""The last bytes that a hook wrote; the rest is read and dropped."""

TURN_S = 0.05


@dataclass(frozen=True, slots=True)
class _End:
    output: bytes
    code: int | None  # None: its time was over, or nobody wanted it any more


def run(order: Order, what: str, timeout_s: float, is_cancelled: Callable[[], bool]) -> str:
    """What the command wrote, at most `OUTPUT_BYTES_MOST`.

    Raises:
        HookFailed: it ended with another code than 0; with the end of its output.
        GiveUp: it cannot be executed.
        TryAgain: it took longer than its timeout and was killed.
    """
    inherited.unblock_signals()
    try:
        with inherited.limits_as_at_start():
            process = _execute(order)
    except OSError as error:
        if error.errno in PASSES:
            raise TryAgain(f"{what} was not run: {error}") from error
        raise GiveUp(f"{what}: {order.program!r} cannot be executed: {error}") from error
    assert process.stdout is not None
    with process.stdout:
        end = _follow(process, process.stdout.fileno(), timeout_s, is_cancelled)
    text = end.output.decode(errors="replace")
    if end.code is None:
        raise TryAgain(f"{what} took longer than {timeout_s:g} s and was killed")
    if end.code != 0:
        said = text[-500:].strip() or "no output"
        raise HookFailed(f"{what} ended with code {end.code}: {said}", end.code)
    return text


def _execute(order: Order) -> subprocess.Popen[bytes]:
    account = order.account
    return subprocess.Popen(
        order.arguments,
        executable=order.program,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        cwd=order.directory,
        env=dict(order.env),
        start_new_session=True,
        user=account.user_id if account else None,
        group=account.group_id if account else None,
        extra_groups=account.groups if account else None,
        umask=inherited.AT_START.umask,
    )


def _follow(
    process: subprocess.Popen[bytes],
    reader: int,
    timeout_s: float,
    is_cancelled: Callable[[], bool],
) -> _End:
    """Read until the command has ended; a grandchild that keeps the pipe open is not waited for."""
    deadline_s = time.monotonic() + timeout_s
    os.set_blocking(reader, False)
    poller = select.poll()
    poller.register(reader, select.POLLIN)
    output, has_ended, is_late = b"", False, False
    while not has_ended and not is_late:
        poller.poll(TURN_S * 1000)
        output = _read(reader, output)
        has_ended = _has_ended(process.pid)
        is_late = time.monotonic() >= deadline_s or is_cancelled()
    # Not reaped yet, so the group's number is still its own.
    os.killpg(process.pid, signal.SIGKILL)
    output = _read(reader, output)
    code = process.wait()
    return _End(output, code if has_ended else None)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read(reader: int, output: bytes) -> bytes:
    for _ in range(OUTPUT_BYTES_MOST):
        try:
            chunk = os.read(reader, 65536)
        except BlockingIOError:
            return output
        if not chunk:
            time.sleep(TURN_S / 10)  # closed: the pipe is always readable now
            return output
        output = (output + chunk)[-OUTPUT_BYTES_MOST:]
    return output
