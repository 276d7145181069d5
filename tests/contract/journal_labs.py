"""Labs for the built-in journal: in a file with its own thread, in a file inline, and in memory."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from everup.journal import SqlJournal
from everup.testing import Tampering

CHANGES = {
    Tampering.CHANGED: "UPDATE entries SET payload = replace(payload, 'why', 'not') WHERE seq = ?1",
    Tampering.REMOVED: "DELETE FROM entries WHERE seq = ?1",
}
ASIDE = "UPDATE entries SET seq = -seq WHERE seq IN (?1, ?1 + 1)"
BACK = "UPDATE entries SET seq = ?1 * 2 + 1 + seq WHERE seq < 0"


class WallOfTheLab:
    """A clock that stands still: nothing in a journal depends on time."""

    def now(self) -> float:
        return 1_700_000_000.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def tamper(connection: sqlite3.Connection, sequence: int, how: Tampering) -> None:
    """As somebody with access to the database would."""
    if how is Tampering.SWAPPED:
        connection.execute(ASIDE, (sequence,))
        connection.execute(BACK, (sequence,))
    else:
        connection.execute(CHANGES[how], (sequence,))


class _Lab:
    """Closes every journal that it gave out."""

    def __init__(self) -> None:
        self.given: list[SqlJournal] = []

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        asyncio.run(self._to_the_end(story))

    async def _to_the_end(self, story: Coroutine[Any, Any, None]) -> None:
        try:
            await story
        finally:
            for journal in self.given:
                await journal.close()
                journal.dispose()


class FileLab(_Lab):
    """A journal in a file. It cannot be written to while another connection locks it."""

    def __init__(self, folder: Path, *, inline: bool) -> None:
        super().__init__()
        self.path, self._inline = folder / "journal.sqlite3", inline

    def journal(self) -> SqlJournal:
        made = SqlJournal(
            f"sqlite:///{self.path}", clock=WallOfTheLab(), inline=self._inline, timeout_s=2.0
        )
        self.given.append(made)
        return made

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, isolation_level=None)

    def tamper(self, sequence: int, how: Tampering) -> None:
        with closing(self._connect()) as connection:
            tamper(connection, sequence, how)

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield
            connection.execute("ROLLBACK")


class MemoryLab(_Lab):
    """A journal in memory: one object, whatever happens to its controllers."""

    def journal(self) -> SqlJournal:
        if not self.given:
            self.given.append(SqlJournal("sqlite://", clock=WallOfTheLab(), inline=True))
        return self.given[0]

    def _raw(self) -> sqlite3.Connection:
        with self.given[0]._session.reading() as connection:
            raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        return raw

    def tamper(self, sequence: int, how: Tampering) -> None:
        tamper(self._raw(), sequence, how)

    @contextmanager
    def unavailable(self) -> Iterator[None]:
        raw = self._raw()
        raw.execute("PRAGMA query_only=ON")
        yield
        raw.execute("PRAGMA query_only=OFF")


LABS: dict[str, Callable[[Path], FileLab | MemoryLab]] = {
    "file": lambda folder: FileLab(folder, inline=False),
    "file-inline": lambda folder: FileLab(folder, inline=True),
    "memory": lambda _: MemoryLab(),
}
