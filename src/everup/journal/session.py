"""The one connection of a journal, and its transactions: whole or not at all.

Flows in: a `Database`. Flows out: `reading()` with a SQLAlchemy connection on which one moment is
seen, and `writing()` with a `Writing` that runs prepared statements. Every error of the database
comes out translated; after one the connection is dropped, and the next call makes a new one, so
that the journal works again as soon as its cause is gone. Used by one thread at a time; `dispose`
alone comes from any, and leaves a connection that is in use to whoever uses it: SQLite ends the
whole process when one is closed under a running statement.

Writing goes past SQLAlchemy's execution (about 50 µs a statement) straight to the driver with SQL
that SQLAlchemy compiled once: a simulation writes hundreds of thousands of entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, NoReturn

import sqlalchemy as sa

from everup.journal.engines import Database
from everup.journal.errors import translate
from everup.journal.worker import Ticket


class Writing:
    """One open write transaction. `run(statement, …)` returns the driver's cursor."""

    def __init__(self, cursor: Any, dialect: sa.Dialect) -> None:
        self._cursor, self._dialect = cursor, dialect

    def run(self, statement: sa.Executable, **values: Any) -> Any:
        """Execute one of the module-level statements, bind values by name."""
        key = (self._dialect.name, id(statement))
        prepared = _PREPARED.get(key)
        if prepared is None:
            prepared = _PREPARED[key] = _Prepared(statement, self._dialect)
        self._cursor.execute(prepared.sql, prepared.parameters(values))
        return self._cursor

    def run_sql(self, sql: str, times: int) -> None:
        """Execute what one kind of database understands, again and again."""
        for _ in range(times):
            self._cursor.execute(sql)


class _Prepared:
    """A statement compiled once; it keeps the statement, so that its id stays its own."""

    def __init__(self, statement: sa.Executable, dialect: sa.Dialect) -> None:
        compiled: Any = statement.compile(  # type: ignore[attr-defined]
            dialect=dialect, compile_kwargs={"render_postcompile": True}
        )
        self.statement, self.sql = statement, compiled.string
        self._order: list[str] | None = compiled.positiontup
        self._constants = {n: v for n, v in compiled.params.items() if v is not None}

    def parameters(self, values: dict[str, Any]) -> Any:
        merged = {**self._constants, **values} if self._constants else values
        return merged if self._order is None else [merged[name] for name in self._order]


_PREPARED: dict[tuple[str, int], _Prepared] = {}
"""As many as there are statements in this package, for each kind of database."""


class Session:
    """Keeps the connection, drops it after an error, makes it again."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._connection: sa.Connection | None = None
        self._use, self._is_unwanted = Lock(), False

    @property
    def where(self) -> str:
        """What the journal is called in messages."""
        return self.database.where

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection on which all reads see the same moment.

        Raises:
            JournalUnavailable: the database does not answer.
        """
        with self._in_use() as connection, connection.begin():
            yield connection

    @contextmanager
    def changing(self) -> Iterator[sa.Connection]:
        """Like `reading`, for what SQLAlchemy itself changes: the schema, checkpoints."""
        with self.reading() as connection:
            self.database.check()
            yield connection

    @contextmanager
    def writing(self, ticket: Ticket) -> Iterator[Writing]:
        """One write transaction, committed at the end unless the ticket's caller has gone.

        Raises:
            JournalUnavailable: the database does not answer; nothing was written, unless the
                commit itself was cut off.
            Conflict: a unique constraint said no; nothing was written.
            Abandoned: nothing was written.
        """
        with self._in_use() as connection:
            self.database.check()
            raw = connection.connection
            cursor = raw.cursor()
            try:
                if self.database.begin_write:
                    cursor.execute(self.database.begin_write)
                yield Writing(cursor, connection.dialect)
                ticket.claim_commit()
                raw.commit()
            finally:
                cursor.close()

    def close(self) -> None:
        """As `dispose`, but what lives in the connection stays."""
        if not self.database.lives_in_connection:
            self.dispose()

    def dispose(self) -> None:
        """Drop the connection, also when the database lives in it; at the end of its use where it
        is used just now."""
        self._is_unwanted = True
        self._drop_if_unwanted()

    @contextmanager
    def _in_use(self) -> Iterator[sa.Connection]:
        try:
            with self._use:
                try:
                    yield self._connected()
                except BaseException as error:  # noqa: BLE001 - whatever it is, nothing half stays
                    self._fail(error)
        finally:
            self._drop_if_unwanted()

    def _drop_if_unwanted(self) -> None:
        if self._is_unwanted and self._use.acquire(blocking=False):
            try:
                self._drop()
                self._is_unwanted = False
            finally:
                self._use.release()

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self.database.engine.connect()
        return self._connection

    def _fail(self, error: BaseException) -> NoReturn:
        """Undo, and raise what `error` means."""
        meaning = translate(error, self.database.engine.dialect.loaded_dbapi, self.where)
        if self._connection is not None:
            with suppress(Exception):  # the first error is the one that counts
                self._connection.connection.rollback()
            if not self.database.lives_in_connection and meaning is not error:
                self._drop()
        if meaning is error:
            raise error
        raise meaning from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # a connection that cannot be closed is gone all the same
                connection.close()
