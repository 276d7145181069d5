"""The Journal port on a SQL database.

Flows in: entries from the control task, questions from it and the API. Flows out: the state that
the entries fold into, and records of incidents and actions. Wired by `app` and `simulation`.

Each method is one or a few short jobs for the worker; what they do stands in `leases`, `writing`,
`projections`, `checkpoints` and `reading`. Left to the caller: keeping what could not be written,
and writing it again under the same batch id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from everup.journal import checkpoints, leases, reading, writing
from everup.journal.chain import Head, start_of
from everup.journal.engines import database_for
from everup.journal.errors import Damaged, damaged, for_a_human
from everup.journal.schema import make_tables, migrate
from everup.journal.session import Session
from everup.journal.worker import InlineWorker, ThreadWorker, Ticket, Worker
from everup.loop.ports import ActionRecord, Clock
from everup.model.entries import Entry
from everup.model.errors import EverupError, JournalUnavailable
from everup.model.incident import Incident
from everup.model.state import StackState

T = TypeVar("T")

BUSY_TIMEOUT_MOST_S = 1.0
CHECKPOINT_EVERY = 500
CHECKED_AT_OPEN = 100
CHECKED_AT_ONCE = 1000


class SqlJournal:
    """One stack's journal. Used by one event loop; `open` it before anything else.

    inline: run in the caller's thread (simulation) instead of a thread of its own.
    timeout_s: how long a call may take; a lock is waited for at most a second of it.
    A database in memory lives until `dispose`, through any number of `open` and `close`.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        inline: bool = False,
        timeout_s: float = 5.0,
        checkpoint_every: int = CHECKPOINT_EVERY,
    ) -> None:
        self._clock = clock
        self._session = Session(database_for(url, min(BUSY_TIMEOUT_MOST_S, timeout_s / 2)))
        self._worker: Worker = InlineWorker() if inline else ThreadWorker(timeout_s)
        self._checkpoint_every = checkpoint_every
        self._checkpoint_at = 0
        self._stack, self._fence = "", 0

    async def open(self, stack: str, holder: str) -> int:
        """Migrate, check the chain's end, take the lease; returns the fence.

        Raises:
            JournalUnavailable: the database does not answer; try again.
            AskAHuman: it is damaged, or a newer version wrote it.
        """

        def job(ticket: Ticket) -> tuple[int, Head, int]:
            database = self._session.database
            database.may_create = True
            try:
                prepare = make_tables if database.lives_in_connection else migrate
                prepare(self._session)
            finally:
                database.may_create = False
            head = self._checked_end(stack)
            with self._session.writing(ticket) as change:
                fence = leases.take(change, stack, holder, self._clock.now())
            return fence, head, checkpoints.latest(self._session, stack).head.seq

        fence, head, checkpoint_seq = await self._ask_a_human_if_damaged(job)
        self._stack, self._fence = stack, fence
        self._checkpoint_at = max(checkpoint_seq, head.seq - self._checkpoint_every)
        self._checkpoint_at += self._checkpoint_every
        return fence

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """All of them in one transaction; a batch id that was written before is not written again.

        Raises:
            JournalUnavailable: not written, or cut off while it was: repeat the same batch.
            FenceLost: the fence is not ours any more.
            Contradiction: a service would have two actions.
        """
        batch = tuple(entries)
        stack = self._stack
        head = await self._worker.run(
            lambda ticket: writing.write_batch(self._session, stack, batch, fence, batch_id, ticket)
        )
        if head.seq >= self._checkpoint_at:
            self._checkpoint_at = head.seq + self._checkpoint_every
            self._worker.run_later(lambda ticket: self._save_checkpoint(stack, head, ticket))

    async def begin(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """Like append: the one action per service is the table's own constraint, so it holds for
        every way in, and is checked in the transaction that writes the intent."""
        await self.append(entries, fence, batch_id=batch_id)

    async def load(self) -> StackState:
        """The state that all entries fold into.

        Raises:
            JournalUnavailable: the database does not answer.
            AskAHuman: the chain is broken, or an entry is of a newer version.
        """
        session, stack = self._session, self._stack
        head = await self._ask_a_human_if_damaged(lambda _: checkpoints.head_of(session, stack))
        folded = await self._ask_a_human_if_damaged(lambda _: checkpoints.latest(session, stack))
        while folded.head.seq < head.seq:
            done = folded
            folded = await self._ask_a_human_if_damaged(
                lambda _: checkpoints.fold_on(session, stack, done, head)  # noqa: B023
            )
        return folded.state

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        state: str | None = None,
        service: str | None = None,
    ) -> Sequence[Incident]:
        """Newest first; `before` is the id of the last one of the page before."""
        return await self._worker.run(
            lambda _: reading.find_incidents(
                self._session,
                self._stack,
                limit=limit,
                before=before,
                state=state,
                service=service,
            )
        )

    async def incident(self, incident_id: str) -> Incident | None:
        """One incident with its attempts."""
        found = await self._worker.run(
            lambda _: reading.find_incidents(self._session, self._stack, incident_id=incident_id)
        )
        return found[0] if found else None

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> Sequence[ActionRecord]:
        """Newest first; `before` is the id of the last one of the page before."""
        return await self._worker.run(
            lambda _: reading.find_actions(
                self._session, self._stack, limit=limit, before=before, service=service
            )
        )

    async def action(self, action_id: str) -> ActionRecord | None:
        """One action with its evidence."""
        found = await self._worker.run(
            lambda _: reading.find_actions(self._session, self._stack, action_id=action_id)
        )
        return found[0] if found else None

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]:
        """(sequence, hash, entry) in order; of an incident with all that its actions wrote."""
        return await self._worker.run(
            lambda _: reading.find_entries(
                self._session, self._stack, after=after, limit=limit, incident_id=incident_id
            )
        )

    async def verify_chain(self) -> str:
        """Empty when the chain is whole; else what is wrong, naming the first bad sequence."""
        session, stack = self._session, self._stack
        end = await self._worker.run(lambda _: checkpoints.head_of(session, stack))
        checked = reading.Checked(start_of(stack))
        while not checked.fault and checked.head.seq < end.seq:
            head = checked.head
            checked = await self._worker.run(
                lambda _: reading.check_links(session, stack, head, end.seq, CHECKED_AT_ONCE)  # noqa: B023
            )
        if checked.fault:
            return checked.fault
        last = checked.head
        return await self._worker.run(lambda _: reading.check_end(session, stack, last))

    async def close(self) -> None:
        """Give the lease back and let go of the database; it can be opened again."""

        def job(ticket: Ticket) -> None:
            try:
                if self._fence:
                    with self._session.writing(ticket) as change:
                        leases.give_back(change, self._stack, self._fence)
            finally:
                self._session.close()

        try:
            await self._worker.run(job)
        except JournalUnavailable:
            pass  # the next one to open takes the lease all the same
        finally:
            self._fence = 0
            self._worker.stop()

    def dispose(self) -> None:
        """The end of a database in memory."""
        self._session.dispose()

    def _checked_end(self, stack: str) -> Head:
        """The chain's end, after a look at its last links."""
        session = self._session
        head = checkpoints.head_of(session, stack)
        first = max(0, head.seq - CHECKED_AT_OPEN)
        known = start_of(stack).hash if first == 0 else reading.hash_at(session, stack, first)
        end = reading.check_links(
            session, stack, Head(first, known or ""), head.seq, CHECKED_AT_OPEN
        )
        if fault := end.fault or reading.check_end(session, stack, end.head):
            raise damaged(session.where, fault)
        return head

    def _save_checkpoint(self, stack: str, head: Head, ticket: Ticket) -> None:
        with suppress(EverupError):  # it only saves time, and the next one is due soon
            checkpoints.save(self._session, stack, head, ticket)

    async def _ask_a_human_if_damaged(self, job: Callable[[Ticket], T]) -> T:
        try:
            return await self._worker.run(job)
        except Damaged as error:
            raise for_a_human(error) from error
