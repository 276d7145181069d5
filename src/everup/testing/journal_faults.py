"""A journal that fails when it is told to, for tests and simulations of whoever writes to one.

Flows in: any Journal, and which of its writes fail how. Flows out: the same journal otherwise.
What fails *after* was written and says that it was not: the failure that only a batch id survives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from everup.loop.ports import ActionRecord, Journal
from everup.model.entries import Entry
from everup.model.errors import JournalUnavailable
from everup.model.incident import Incident
from everup.model.state import StackState

T = TypeVar("T")
Write = Callable[[], Awaitable[None]]


class WriteFault(StrEnum):
    """On which side of the commit a write fails."""

    BEFORE = "before"  # nothing is written
    AFTER = "after"  # it is written, and the answer is lost


class FaultyJournal:
    """`faults`: number of the write (append or begin, from 1) → how it fails.

    `writes` counts the attempts. `broken`: why every call fails at present; "" when none does.
    """

    def __init__(self, journal: Journal, faults: Mapping[int, WriteFault] | None = None) -> None:
        self.faults = dict(faults or {})
        self.writes = 0
        self.broken = ""
        self._journal = journal

    async def open(self, stack: str, holder: str) -> int:
        """As the port."""
        self._check()
        return await self._journal.open(stack, holder)

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """As the port, unless this write is to fail."""
        await self._write(lambda: self._journal.append(entries, fence, batch_id=batch_id))

    async def begin(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """As the port, unless this write is to fail."""
        await self._write(lambda: self._journal.begin(entries, fence, batch_id=batch_id))

    async def _write(self, write: Write) -> None:
        self._check()
        self.writes += 1
        fault = self.faults.get(self.writes)
        if fault is WriteFault.BEFORE:
            raise JournalUnavailable(f"write {self.writes} fails before its commit")
        await write()
        if fault is WriteFault.AFTER:
            raise JournalUnavailable(f"the answer to write {self.writes} is lost")

    def _check(self) -> None:
        if self.broken:
            raise JournalUnavailable(self.broken)

    async def _read(self, answer: Callable[[], Awaitable[T]]) -> T:
        self._check()
        return await answer()

    async def load(self) -> StackState:
        """As the port."""
        return await self._read(self._journal.load)

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        state: str | None = None,
        service: str | None = None,
    ) -> Sequence[Incident]:
        """As the port."""
        return await self._read(
            lambda: self._journal.incidents(
                limit=limit, before=before, state=state, service=service
            )
        )

    async def incident(self, incident_id: str) -> Incident | None:
        """As the port."""
        return await self._read(lambda: self._journal.incident(incident_id))

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> Sequence[ActionRecord]:
        """As the port."""
        return await self._read(
            lambda: self._journal.actions(limit=limit, before=before, service=service)
        )

    async def action(self, action_id: str) -> ActionRecord | None:
        """As the port."""
        return await self._read(lambda: self._journal.action(action_id))

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]:
        """As the port."""
        return await self._read(
            lambda: self._journal.entries(after=after, limit=limit, incident_id=incident_id)
        )

    async def verify_chain(self) -> str:
        """As the port."""
        return await self._read(self._journal.verify_chain)

    async def close(self) -> None:
        """As the port."""
        await self._journal.close()
