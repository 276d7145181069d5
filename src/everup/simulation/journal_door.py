"""A controller's door to the journal that outlives it: faults, moments to die at, and a record.

Flows in: the Journal port's calls of one life. Flows out: the same calls on the one real journal,
unless it is in trouble; what was truly committed goes to the chronicle. Each write takes a moment
before and after its commit, so that a kill can fall on either side of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum

from everup.loop.ports import ActionRecord, Journal
from everup.model.entries import Entry
from everup.model.errors import JournalUnavailable
from everup.model.incident import Incident
from everup.model.state import StackState
from everup.simulation.plans import Point

SLOW_S = 4.0
MOMENT_S = 0.002

Committed = Callable[[int, Sequence[Entry]], None]
Passing = Callable[[Point], None]


class Fault(StrEnum):
    """How the journal fails."""

    NONE = ""
    REFUSES = "refuses"  # nothing is written, and it says so
    AMBIGUOUS = "ambiguous"  # written, and it says that it was not
    SLOW = "slow"


class JournalFaults:
    """The store's state, shared by all doors. `writes_cannot_be_since_s`: NaN when they can."""

    def __init__(self) -> None:
        self.fault = Fault.NONE
        self.since_s = float("nan")
        self.batches: set[str] = set()

    def begin(self, fault: Fault, now_s: float) -> None:
        """From now on."""
        self.fault, self.since_s = fault, now_s

    def end(self) -> None:
        """It works again."""
        self.fault, self.since_s = Fault.NONE, float("nan")


class JournalDoor:
    """The Journal port of one life."""

    def __init__(
        self,
        journal: Journal,
        faults: JournalFaults,
        life: int,
        *,
        committed: Committed,
        passing: Passing,
        opened: Callable[[int], None],
    ) -> None:
        self._journal = journal
        self._faults = faults
        self._life = life
        self._committed = committed
        self._passing = passing
        self._opened = opened

    async def open(self, stack: str, holder: str) -> int:
        """Take the lease."""
        await self._before()
        fence = await self._journal.open(stack, holder)
        self._opened(self._life)
        return fence

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """Write."""
        await self._before()
        await self._journal.append(entries, fence, batch_id=batch_id)
        await self._after(entries, batch_id, Point.AFTER_COMMIT)

    async def begin(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """Write an intent."""
        await self._before()
        await self._journal.begin(entries, fence, batch_id=batch_id)
        await self._after(entries, batch_id, Point.AFTER_INTENT)

    async def _before(self) -> None:
        self._passing(Point.BEFORE_COMMIT)
        fault = self._faults.fault
        await asyncio.sleep(SLOW_S if fault is Fault.SLOW else MOMENT_S)
        if self._faults.fault is Fault.REFUSES:
            raise JournalUnavailable("the disk is full")

    async def _after(self, entries: Sequence[Entry], batch_id: str, point: Point) -> None:
        if batch_id not in self._faults.batches:
            self._faults.batches.add(batch_id)
            self._committed(self._life, entries)
        self._passing(point)
        await asyncio.sleep(MOMENT_S)
        if self._faults.fault is Fault.AMBIGUOUS:
            raise JournalUnavailable("no answer in time")

    async def load(self) -> StackState:
        """Everything."""
        await self._before()
        return await self._journal.load()

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        state: str | None = None,
        service: str | None = None,
    ) -> Sequence[Incident]:
        """As the port."""
        return await self._journal.incidents(
            limit=limit, before=before, state=state, service=service
        )

    async def incident(self, incident_id: str) -> Incident | None:
        """As the port."""
        return await self._journal.incident(incident_id)

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> Sequence[ActionRecord]:
        """As the port."""
        return await self._journal.actions(limit=limit, before=before, service=service)

    async def action(self, action_id: str) -> ActionRecord | None:
        """As the port."""
        return await self._journal.action(action_id)

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]:
        """As the port."""
        return await self._journal.entries(after=after, limit=limit, incident_id=incident_id)

    async def verify_chain(self) -> str:
        """As the port."""
        return await self._journal.verify_chain()

    async def close(self) -> None:
        """The journal itself lives on for the next life."""
