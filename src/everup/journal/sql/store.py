"""`SqlJournal`: the port over a database. One writer thread live, inline in simulation.

Flows in: batches of entries. Flows out: whole transactions or JournalUnavailable. A call that runs
out of time may still commit in its thread; the batch id makes writing it again harmless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from everup.journal.sql import ledger, projections, schema
from everup.journal.sql.codec import decode, loads
from everup.journal.sql.migrate import migrate
from everup.loop.fold import fold
from everup.loop.ports import ActionRecord
from everup.model.entries import Entry
from everup.model.errors import JournalUnavailable
from everup.model.incident import Incident
from everup.model.state import StackState

T = TypeVar("T")
TIMEOUT_S = 5.0
BUSY_MS = 2000
PAGE_MOST = 1000


def open_journal(url: str, *, inline: bool = False, timeout_s: float = TIMEOUT_S) -> SqlJournal:
    """A journal at this SQLAlchemy URL; nothing is touched before `open`."""
    return SqlJournal(url, inline=inline, timeout_s=timeout_s)


class SqlJournal:
    """One stack's journal. Call `open` first."""

    def __init__(self, url: str, *, inline: bool = False, timeout_s: float = TIMEOUT_S) -> None:
        self._url, self._inline, self._timeout_s = url, inline, timeout_s
        self._stack = ""
        self._engine = _engine(url)
        self._thread = None if inline else ThreadPoolExecutor(1, thread_name_prefix="journal")

    async def open(self, stack: str, holder: str) -> int:
        """Migrate and take the lease; returns the fence.

        Raises:
            JournalUnavailable: the store cannot be opened.
            AskAHuman: a newer version wrote it.
        """
        self._stack = stack

        def work() -> int:
            if self._inline:
                schema.metadata.create_all(self._engine)
            else:
                migrate(self._engine)
            with self._engine.begin() as connection:
                return ledger.take_lease(connection, stack, holder)

        return await self._run(work)

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """All of them in one transaction."""
        await self._run(lambda: self._write(entries, fence, batch_id, is_intent=False))

    async def begin(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """Like append, and no other action of the service may lack its end."""
        await self._run(lambda: self._write(entries, fence, batch_id, is_intent=True))

    def _write(
        self, entries: Sequence[Entry], fence: int, batch_id: str, *, is_intent: bool
    ) -> None:
        with self._engine.begin() as connection:
            ledger.check_fence(connection, self._stack, fence)
            if is_intent:
                ledger.check_one_in_flight(connection, self._stack, entries)
            ledger.write(connection, self._stack, entries, batch_id)

    async def load(self) -> StackState:
        """Fold every entry of the stack."""

        def work() -> StackState:
            state = StackState()
            table = schema.entries
            with self._engine.connect() as connection:
                rows = connection.execute(
                    sa.select(table.c.kind, table.c.payload)
                    .where(table.c.stack == self._stack)
                    .order_by(table.c.seq)
                )
                for row in rows:
                    state = fold(state, decode(row.kind, row.payload))
            return state

        return await self._run(work)

    async def incidents(
        self, *, limit: int = 100, before: str | None = None, state: str | None = None
    ) -> Sequence[Incident]:
        """Newest first; `before` is the id of the last one of the previous page."""
        table = schema.incidents
        where = [table.c.stack == self._stack]
        if state is not None:
            where.append(table.c.state == state)
        bodies = await self._page(table, where, limit, before)
        return [loads(Incident, body) for body in bodies]

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> Sequence[ActionRecord]:
        """Newest first; `before` is the id of the last one of the previous page."""
        table = schema.actions
        where = [table.c.stack == self._stack]
        if service is not None:
            where.append(table.c.service == service)
        bodies = await self._page(table, where, limit, before)
        return [loads(ActionRecord, body) for body in bodies]

    async def _page(
        self, table: sa.Table, where: list[sa.ColumnElement[bool]], limit: int, before: str | None
    ) -> list[str]:
        def work() -> list[str]:
            conditions = list(where)
            with self._engine.connect() as connection:
                if before is not None:
                    seq = connection.execute(
                        sa.select(table.c.seq).where(
                            table.c.stack == self._stack, table.c.id == before
                        )
                    ).scalar()
                    conditions.append(table.c.seq < (seq if seq is not None else 0))
                query = sa.select(table.c.body).where(*conditions).order_by(table.c.seq.desc())
                return [row.body for row in connection.execute(query.limit(min(limit, PAGE_MOST)))]

        return await self._run(work)

    async def incident(self, incident_id: str) -> Incident | None:
        """One incident with its attempts."""

        def work() -> Incident | None:
            with self._engine.connect() as connection:
                return projections.read_incident(connection, self._stack, incident_id)

        return await self._run(work)

    async def action(self, action_id: str) -> ActionRecord | None:
        """One action with its evidence."""

        def work() -> ActionRecord | None:
            with self._engine.connect() as connection:
                return projections.read_action(connection, self._stack, action_id)

        return await self._run(work)

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]:
        """(sequence, hash, entry) in order; an incident's include those of its actions."""
        table, acts = schema.entries, schema.actions
        where = [table.c.stack == self._stack, table.c.seq > after]
        if incident_id is not None:
            mine = sa.select(acts.c.id).where(
                acts.c.stack == self._stack, acts.c.incident_id == incident_id
            )
            where.append(sa.or_(table.c.incident_id == incident_id, table.c.action_id.in_(mine)))

        def work() -> list[tuple[int, str, Entry]]:
            query = sa.select(table).where(*where).order_by(table.c.seq)
            with self._engine.connect() as connection:
                return [
                    (row.seq, row.hash, decode(row.kind, row.payload))
                    for row in connection.execute(query.limit(min(limit, PAGE_MOST)))
                ]

        return await self._run(work)

    async def verify_chain(self) -> str:
        """Empty when the chain is whole."""

        def work() -> str:
            with self._engine.connect() as connection:
                return ledger.find_break(connection, self._stack)

        return await self._run(work)

    async def close(self) -> None:
        """Let go of the database."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self._engine.dispose()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            if self._thread is None:
                return work()
            future = asyncio.get_running_loop().run_in_executor(self._thread, work)
            return await asyncio.wait_for(asyncio.shield(future), self._timeout_s)
        except TimeoutError as error:
            raise JournalUnavailable(f"no answer within {self._timeout_s:g} s") from error
        except sa.exc.IntegrityError as error:
            raise JournalUnavailable(f"refused: {error.orig}") from error
        except sa.exc.DBAPIError as error:
            raise JournalUnavailable(str(error.orig)) from error


def _engine(url: str) -> sa.Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_pre_ping=True)
    engine = sa.create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    is_memory = ":memory:" in url or url in ("sqlite://", "sqlite:///")

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        if not is_memory:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine
