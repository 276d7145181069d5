"""`everup.pid` in the state folder: which process runs Everup here, and where it answers.

Written by `everup up`, read by every other verb. A process is named by pid, start time and boot, so
that a reused pid is never signalled; the signal goes through a pidfd opened before the check.
"""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "everup.pid"
STOP_WITH_SERVICES = signal.SIGUSR1
STOP_ALONE = signal.SIGTERM
BYTES_MOST = 4096


@dataclass(frozen=True, slots=True)
class Running:
    """One `everup up`. `started` is in clock ticks since `boot_id` began."""

    pid: int
    started: int
    boot_id: str
    address: str


def myself(address: str) -> Running:
    """This process."""
    pid = os.getpid()
    return Running(pid, _start_ticks(pid) or 0, _boot_id(), address)


@contextmanager
def announced(state_dir: Path, running: Running) -> Iterator[None]:
    """The file while the block runs; only our own is taken away."""
    file = state_dir / NAME
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(f".{running.pid}")
    fresh.write_text(json.dumps(asdict(running)), "utf-8")
    fresh.replace(file)
    try:
        yield
    finally:
        if _read(state_dir) == running:
            file.unlink(missing_ok=True)


def find(state_dir: Path) -> Running | None:
    """The living Everup of this state folder."""
    running = _read(state_dir)
    return running if running is not None and _is_alive(running) else None


def send(running: Running, signal_number: int, wait_s: float) -> bool | None:
    """Signal it and wait for its end: True when it ended, False when it did not within `wait_s`,
    None when it was not there any more."""
    try:
        descriptor = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return None
    try:
        if not _is_alive(running):
            return None
        signal.pidfd_send_signal(descriptor, signal_number)
        waiter = select.poll()
        waiter.register(descriptor, select.POLLIN)
        return bool(waiter.poll(wait_s * 1000))
    except ProcessLookupError:
        return None
    finally:
        os.close(descriptor)


def _is_alive(running: Running) -> bool:
    return running.boot_id == _boot_id() and _start_ticks(running.pid) == running.started


def _read(state_dir: Path) -> Running | None:
    try:
        with (state_dir / NAME).open("rb") as stream:
            found = json.loads(stream.read(BYTES_MOST))
        return Running(
            int(found["pid"]), int(found["started"]), str(found["boot_id"]), str(found["address"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat; the name before it may hold spaces and brackets."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
