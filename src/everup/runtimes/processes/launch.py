"""Executes a checked order as a process that will outlive Everup. Blocks; runs in a thread.

The child has its own session, /dev/null to read from, a file of its own to write to, the limits and
the umask that Everup began with, no signal blocked or ignored, and no other file of ours open.
"""

from __future__ import annotations

import errno
import os
import secrets
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from everup.model.errors import GiveUp, TryAgain
from everup.runtimes.processes import inherited, output, procfs
from everup.runtimes.processes.identity import MARK, Handle, Mark
from everup.runtimes.processes.orders import Order
from everup.runtimes.processes.records import Record, Registry, Stage

_log = structlog.get_logger(__name__)

PASSES = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY}
"""What an execution may fail with that passes by itself."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A running process, registered, with a handle on it."""

    record: Record
    handle: Handle


def new_nonce() -> str:
    """Names one life among all that there will ever be."""
    return secrets.token_hex(6)


def launch(
    order: Order,
    record: Record,
    *,
    mark: Mark,
    log: Path,
    registry: Registry,
    now_s: Callable[[], float],
) -> Launched:
    """Write the intent, execute, write what came of it.

    Raises:
        TryAgain: the machine lacks memory, processes, files or disk for now; nothing was started.
        GiveUp: the program cannot be executed.
    """
    try:
        # A fault in Everup's own limits must not keep it from healing: they are lifted here too.
        with inherited.limits_as_at_start():
            registry.save(record)
            return _launch(order, record, mark, log, registry, now_s)
    except OSError as error:
        raise TryAgain(f"{record.name} was not started: {error}") from error


def _launch(
    order: Order,
    record: Record,
    mark: Mark,
    log: Path,
    registry: Registry,
    now_s: Callable[[], float],
) -> Launched:
    writer = output.open_for_append(log)
    try:
        pid = _execute(order, mark, writer, record.name)
    finally:
        os.close(writer)
    pidfd = _take_hold(pid)
    stat = procfs.read_stat(pid)
    start_ticks = stat.start_ticks if stat else procfs.boot_ticks()
    running = replace(
        record,
        stage=Stage.RUNNING,
        pid=pid,
        start_ticks=start_ticks,
        started_at_s=procfs.started_at_s(start_ticks, now_s()),
    )
    try:
        registry.save(running)
    except OSError as error:
        # It runs; the intent and the mark are there to find it again: not worth a kill.
        _log.warning("life_not_registered", instance=record.name, error=str(error))
    return Launched(running, Handle(running.identity, pidfd))


def _take_hold(pid: int) -> int:
    """A pidfd of our new child. Without one it could not be watched, so then it ends."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)  # ours and not reaped yet: the number cannot be another's
        os.waitpid(pid, 0)
        raise


def _execute(order: Order, mark: Mark, writer: int, name: str) -> int:
    inherited.unblock_signals()
    account = order.account
    try:
        process = subprocess.Popen(
            order.arguments,
            executable=order.program,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=writer,
            cwd=order.directory,
            # Last, where a title that the program writes over its arguments reaches latest.
            env={**order.env, MARK: str(mark)},
            close_fds=True,
            start_new_session=True,
            user=account.user_id if account else None,
            group=account.group_id if account else None,
            extra_groups=account.groups if account else None,
            umask=inherited.AT_START.umask,
        )
    except OSError as error:
        if error.errno in PASSES:
            raise TryAgain(f"{name} was not started: {error}") from error
        raise GiveUp(
            f"command: {order.program!r} cannot be executed ({error.strerror}); "
            "correct the command or the file"
        ) from error
    # The pidfd reaps it. Popen must neither wait for it nor complain that it still runs.
    process.returncode = 0
    return process.pid
