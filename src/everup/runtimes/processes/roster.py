"""Every instance that there is, running or ended, and the ear on each that runs.

Flows in: records with handles, from a launch or from adoption. Flows out: the lives, an event and a
durable record for every death. Left to others: making processes and ending them.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

import structlog

from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Exit
from everup.model.runtime import EventKind, RuntimeEvent
from everup.runtimes.broadcast import Broadcast
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import Handle, Identity
from everup.runtimes.processes.records import Key, Record, Registry

OUR_SIGNAL_LASTS_S = 60.0
"""A death this long after our signal's grace is still our doing."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Life:
    """One life of an instance; `handle` is None once it is over.

    `members` are its descendants as last seen: what may be left behind when it ends.
    """

    record: Record
    handle: Handle | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ours_until_s: float = UNKNOWN
    died_ticks: int | None = None  # when we saw it end
    is_over_limit: bool = False
    members: frozenset[Identity] = frozenset()
    cpu_seconds: float = 0.0
    io_bytes: float = 0.0

    @property
    def is_running(self) -> bool:
        """Has nobody seen it end?"""
        return self.handle is not None

    @property
    def stop_signal(self) -> signal.Signals:
        """The one that it was started with."""
        known = self.record.configuration
        return known.signal_number if known else signal.SIGTERM


class Roster:
    """All lives by service and index. To be used on one loop's thread only."""

    def __init__(
        self, registry: Registry, events: Broadcast, writer: Executor, now_s: Callable[[], float]
    ) -> None:
        self._registry = registry
        self._events = events
        self._writer = writer
        self._now_s = now_s
        self._lives: dict[Key, Life] = {}
        self._aside: dict[str, Life] = {}  # by nonce
        self._loop = asyncio.get_running_loop()

    def __iter__(self) -> Iterator[Life]:
        return iter([self._lives[key] for key in sorted(self._lives)])

    def of(self, service: str) -> list[Life]:
        """The lives of one service by index."""
        return [life for life in self if life.record.service == service]

    def get(self, key: Key) -> Life | None:
        """The life at this place, None when there never was one."""
        return self._lives.get(key)

    def add(self, record: Record, handle: Handle | None) -> Life:
        """Take a life in; the one before at its place is replaced. A running one is watched."""
        life = Life(record, handle)
        self._lives[record.key] = life
        if handle is None:
            life.ended.set()
        else:
            self._loop.add_reader(handle.pidfd, self._settle, life)
        return life

    def put_aside(self, life: Life) -> None:
        """It is no instance any more: its place shows an ended life until another one takes it, and
        nobody is told when it ends itself."""
        self._aside[life.record.nonce] = life
        ended = Exit(at_s=self._now_s(), ran_s=life.record.ran_s(self._now_s()))
        self.add(life.record.ended(ended), None)

    def add_aside(
        self, record: Record, handle: Handle | None, members: frozenset[Identity]
    ) -> Life:
        """Take in one that an earlier Everup has put aside."""
        life = Life(record, handle, members=members)
        self._aside[record.nonce] = life
        if handle is None:
            life.ended.set()
        else:
            self._loop.add_reader(handle.pidfd, self._settle, life)
        return life

    def is_aside(self, record: Record) -> bool:
        """Is this life kept aside?"""
        return record.nonce in self._aside

    def drop_aside(self, life: Life) -> None:
        """It has ended."""
        self._aside.pop(life.record.nonce, None)

    def forget(self, key: Key) -> None:
        """Remove an ended instance from the listing and the registry."""
        self._lives.pop(key, None)
        self._submit(self._registry.remove, key)

    def change(self, life: Life, record: Record) -> None:
        """Another record of the same life."""
        life.record = record
        self._submit(self._registry.save, record)

    def look(self) -> None:
        """Settle what has ended and was not told yet."""
        for life in self:
            if life.handle is not None and life.handle.has_exited():
                self._settle(life)

    def release(self) -> None:
        """Stop watching, let go of every handle; the processes live on."""
        for life in (*self, *self._aside.values()):
            if life.handle is not None:
                self._loop.remove_reader(life.handle.pidfd)
                life.handle.close()

    def _settle(self, life: Life) -> None:
        """The process has ended: read its code, tell everybody, write it down."""
        handle = life.handle
        if handle is None:
            return
        self._loop.remove_reader(handle.pidfd)
        code = reap(handle)
        handle.close()
        life.handle = None
        life.died_ticks = procfs.boot_ticks()
        if self.is_aside(life.record):
            life.ended.set()
            return
        now_s = self._now_s()
        exit = Exit(
            at_s=now_s,
            code=code,
            is_out_of_memory=life.is_over_limit,
            ran_s=max(now_s - life.record.started_at_s, 0.0),
        )
        self.change(life, life.record.ended(exit))
        life.ended.set()
        self._events.tell(
            RuntimeEvent(
                EventKind.DIED,
                now_s,
                service=life.record.service,
                instance=life.record.name,
                exit=exit,
                is_ours=is_known(life.ours_until_s) and now_s <= life.ours_until_s,
            )
        )

    def _submit(self, work: Callable[..., None], *arguments: object) -> None:
        self._writer.submit(work, *arguments).add_done_callback(_say_if_failed)


def reap(handle: Handle) -> int | None:
    """The exit code, negative for a signal; None for a process that is not our child.

    Only this one process is waited for, so nobody else's child is ever taken away.
    """
    try:
        result = os.waitid(os.P_PIDFD, handle.pidfd, os.WEXITED | os.WNOHANG)
    except OSError:
        return None
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status


def _say_if_failed(done: Future[None]) -> None:
    # What is on disk is then older than what is true: adoption checks it against the world anyway.
    if not done.cancelled() and (error := done.exception()) is not None:
        _log.warning("registry_not_written", error=str(error))
