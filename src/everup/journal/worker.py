"""Where the journal's calls run: in place in simulation, in one thread of their own when live.

Flows in: a job that takes a `Ticket` and uses the database. Flows out: its result, or
JournalUnavailable when it takes too long. Called by `sql_journal` alone.

A caller may go away (timeout, cancellation) while its job runs. The ticket decides who was first:
a job whose caller is gone before COMMIT rolls back, and only a caller who goes away during COMMIT
cannot know. It finds out by writing the same batch again, which is then written once all the same.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from everup.journal.errors import Abandoned
from everup.model.errors import JournalUnavailable

T = TypeVar("T")

CALLS_WAITING_MOST = 64


class Ticket:
    """Settles between a job and its caller whether the job may still commit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._is_committing = False

    def check(self) -> None:
        """Raises Abandoned when nobody waits for this job any more."""
        if self._is_abandoned:
            raise Abandoned

    def claim_commit(self) -> None:
        """From here on the job will commit. Raises Abandoned when the caller was first."""
        with self._lock:
            self.check()
            self._is_committing = True

    def abandon(self) -> bool:
        """The caller goes away. True: nothing will be written; False: it may be."""
        with self._lock:
            self._is_abandoned = True
            return not self._is_committing


class Worker(Protocol):
    """Runs jobs one after the other."""

    async def run(self, job: Callable[[Ticket], T]) -> T:
        """The job's result; raises what it raises."""

    def run_later(self, job: Callable[[Ticket], None]) -> None:
        """Run it after those that wait; nobody learns how it went."""

    def stop(self) -> None:
        """No job comes any more."""


class InlineWorker:
    """Runs each job at once in the caller's thread, so that a seed repeats bit for bit."""

    async def run(self, job: Callable[[Ticket], T]) -> T:
        """The job's result; it never waits, so it can be neither late nor cancelled."""
        return job(Ticket())

    def run_later(self, job: Callable[[Ticket], None]) -> None:
        """At once as well."""
        job(Ticket())

    def stop(self) -> None:
        """Nothing runs in between."""


class ThreadWorker:
    """One thread, one connection, every call with a deadline.

    While a call that ran out of time still hangs in the database, later ones fail at once instead
    of each waiting its own deadline: a look must not wait for a dead disk again and again.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._executor: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._stuck: Future[None] | None = None

    async def run(self, job: Callable[[Ticket], T]) -> T:
        """The job's result.

        Raises:
            JournalUnavailable: no answer within the deadline, or too many calls wait already.
        """
        if self._stuck is not None and not self._stuck.done():
            raise JournalUnavailable("the journal still hangs in a call that ran out of time")
        if self._waiting >= CALLS_WAITING_MOST:
            raise JournalUnavailable(f"{CALLS_WAITING_MOST} calls wait for the journal already")
        ticket = Ticket()
        running = self._submit(lambda: _unless_abandoned(job, ticket))
        waiting = asyncio.wrap_future(running)
        self._waiting += 1
        try:
            await asyncio.wait({waiting}, timeout=self._timeout_s)
            if waiting.done():
                return waiting.result()
            is_certain = self._leave(ticket, waiting)
            self._stuck = self._submit(lambda: None)
        except asyncio.CancelledError:
            self._leave(ticket, waiting)
            raise
        finally:
            self._waiting -= 1
        certainty = "nothing was written" if is_certain else "it may or may not have been written"
        raise JournalUnavailable(f"no answer within {self._timeout_s:g} s; {certainty}")

    def run_later(self, job: Callable[[Ticket], None]) -> None:
        """Run it behind those that wait; its errors end with it."""
        self._submit(lambda: job(Ticket()))

    def stop(self) -> None:
        """Let the thread end by itself; whoever hangs in it is not waited for."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None

    @staticmethod
    def _leave(ticket: Ticket, waiting: asyncio.Future[T]) -> bool:
        is_certain = ticket.abandon()
        waiting.cancel()
        return is_certain

    def _submit(self, job: Callable[[], T]) -> Future[T]:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="everup-journal")
        return self._executor.submit(job)


def _unless_abandoned(job: Callable[[Ticket], T], ticket: Ticket) -> T:
    ticket.check()
    return job(ticket)
