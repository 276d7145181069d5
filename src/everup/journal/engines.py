"""From a URL to a database: who connects, how a write begins, and whether the file is still there.

Flows in: a URL. Flows out: a `Database` whose engine hands out connections with the durability that
the journal needs. Called by `session`. Each scheme is one function in `ENGINES`.

A file: write-ahead log with a sync at every commit, since an intent has to survive a power cut.
In memory: no sync, and the one connection is the database.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from everup.model.errors import AskAHuman, JournalUnavailable


@dataclass(slots=True)
class Database:
    """One database of the journal.

    `used_bytes_sql` says how much of it is in use, `give_back_sql` returns some free room to the
    file system; empty where the database has no such thing.
    `begin_write`: the statement that takes the right to write at once; empty: the driver begins by
    itself. `lives_in_connection`: closing the connection would lose it. `check` raises
    JournalUnavailable when the store under an open connection was taken away. `may_create` is set
    while the journal is opened, and only then.
    """

    engine: sa.Engine
    where: str
    begin_write: str = ""
    lives_in_connection: bool = False
    check: Callable[[], None] = lambda: None
    may_create: bool = False
    used_bytes_sql: str = ""
    give_back_sql: str = ""


SQLITE_USED_BYTES = (
    "SELECT (page_count - freelist_count) * page_size"
    " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)
SQLITE_GIVE_BACK = "PRAGMA incremental_vacuum(1)"
"""One page: the driver runs a pragma no further than its first result, whatever it is told."""
SQLITE_CAN_SHRINK = "PRAGMA auto_vacuum=INCREMENTAL"
"""Has an effect on a new database alone; an older file keeps its size and uses its free room."""


def database_for(url: str, busy_timeout_s: float) -> Database:
    """The database behind a URL, not connected yet.

    Raises:
        AskAHuman: no URL, or a scheme that the journal cannot live in.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise AskAHuman(f"{url!r} is no database URL; try sqlite:///journal.db") from error
    scheme = parsed.get_backend_name()
    make = ENGINES.get(scheme)
    if make is None:
        known = ", ".join(sorted(ENGINES))
        raise AskAHuman(f"the journal cannot live in {scheme}; it can in {known}")
    return make(parsed, busy_timeout_s)


def _sqlite(url: sa.URL, busy_timeout_s: float) -> Database:
    if url.database in (None, "", ":memory:"):
        return _sqlite_in_memory()
    return _SqliteFile(Path(url.database or "").absolute(), busy_timeout_s).database


def _sqlite_in_memory() -> Database:
    return Database(
        _memory_engine(),
        "in memory",
        "BEGIN IMMEDIATE",
        lives_in_connection=True,
        used_bytes_sql=SQLITE_USED_BYTES,
        give_back_sql=SQLITE_GIVE_BACK,
    )


@cache
def _memory_engine() -> sa.Engine:
    """Every connection of it is a database of its own; what it compiled serves them all."""

    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        raw.execute("PRAGMA synchronous=OFF")
        raw.execute(SQLITE_CAN_SHRINK)
        return raw

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)
    _begin_explicitly(engine)
    return engine


class _SqliteFile:
    """A journal in one file, created with access for its owner alone: it quotes logs."""

    def __init__(self, path: Path, busy_timeout_s: float) -> None:
        self._path, self._busy_timeout_s = path, busy_timeout_s
        self._identity: tuple[int, int] | None = None
        engine = sa.create_engine("sqlite://", creator=self._connect, poolclass=NullPool)
        _begin_explicitly(engine)
        self.database = Database(
            engine,
            str(path),
            "BEGIN IMMEDIATE",
            check=self._check,
            used_bytes_sql=SQLITE_USED_BYTES,
            give_back_sql=SQLITE_GIVE_BACK,
        )

    def _connect(self) -> sqlite3.Connection:
        if self.database.may_create:
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        raw = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rw",
            uri=True,
            timeout=self._busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if os.stat(self._path).st_size == 0:
                raw.execute(SQLITE_CAN_SHRINK)
            raw.execute("PRAGMA journal_mode=WAL")
            raw.execute("PRAGMA synchronous=FULL")
            self._identity = self._seen()
        except BaseException:
            raw.close()
            raise
        return raw

    def _seen(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _check(self) -> None:
        if self._seen() != self._identity:
            raise JournalUnavailable(
                f"the journal {self._path} was removed or replaced while it was open; "
                "put it back, or start again to begin with what is there"
            )


def _begin_explicitly(engine: sa.Engine) -> None:
    """The driver is told not to begin by itself, so that reads too see one moment."""

    @sa.event.listens_for(engine, "begin")
    def _(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")


ENGINES: Mapping[str, Callable[[sa.URL, float], Database]] = {"sqlite": _sqlite}
