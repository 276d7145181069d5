"""One child with a message on its standard input, a deadline, and the end of its errors.

Blocks; runs in a thread and looks at `is_cancelled` while it waits. The child has a session of its
own, of which nothing outlives the answer. The message is smaller than a pipe, so that writing it
never waits for the child to read.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

ERRORS_BYTES_MOST = 4096
READS_MOST = 64
TURN_S = 0.02


@dataclass(frozen=True, slots=True)
class Ended:
    """`code` is negative for a signal and None when its time was over."""

    code: int | None
    errors: bytes


def run(
    command: Sequence[str],
    message: bytes,
    env: Mapping[str, str],
    timeout_s: float,
    is_cancelled: Callable[[], bool],
) -> Ended:
    """Run to the end, to the deadline, or until nobody wants it any more.

    Raises:
        OSError: it could not be started.
        ValueError: a NUL in the command.
    """
    process = subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=dict(env),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    with process.stderr:
        os.set_blocking(process.stderr.fileno(), False)
        os.set_blocking(process.stdin.fileno(), False)
        with contextlib.suppress(OSError):  # it need not read what it is told
            process.stdin.write(message)
        with contextlib.suppress(OSError):
            process.stdin.close()
        return _follow(process, process.stderr.fileno(), timeout_s, is_cancelled)


def _follow(
    process: subprocess.Popen[bytes],
    reader: int,
    timeout_s: float,
    is_cancelled: Callable[[], bool],
) -> Ended:
    deadline_s = time.monotonic() + timeout_s
    errors, has_ended = b"", False
    while not has_ended and time.monotonic() < deadline_s and not is_cancelled():
        time.sleep(TURN_S)
        errors = _read(reader, errors)
        has_ended = _has_ended(process.pid)
    # Not collected yet, so the group's number is still its own.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    return Ended(code if has_ended else None, _read(reader, errors))


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _read(reader: int, errors: bytes) -> bytes:
    for _ in range(READS_MOST):
        try:
            chunk = os.read(reader, 65536)
        except OSError:
            break
        if not chunk:
            break
        errors = (errors + chunk)[-ERRORS_BYTES_MOST:]
    return errors
