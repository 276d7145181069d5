"""Writing to the journal without losing anything when it cannot be written.

Flows in: entries. Flows out: the state they fold into. While the journal is unavailable, entries
wait in order, bounded; acting stops until the last of them is written. A batch carries an id, so
writing it again after an ambiguous failure does not double it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from everup.loop.fold import fold_all
from everup.loop.ports import Ids, Journal
from everup.model.entries import Entry, Finished, Intended, Verified
from everup.model.errors import FenceLost, JournalUnavailable
from everup.model.evidence import OutcomeState
from everup.model.settings import Settings
from everup.model.state import StackState


class Book:
    """The journal as the control task sees it. `state` is replaced, never changed.

    Requests of people write beside the look: one writer at a time, in the order of their coming, so
    that the journal and the state have seen the same entries in the same order.
    """

    def __init__(self, journal: Journal, settings: Settings, ids: Ids) -> None:
        self._journal, self._settings, self._ids = journal, settings, ids
        self._pending: deque[tuple[str, Sequence[Entry]]] = deque()
        self._writing = asyncio.Lock()
        self.state = StackState()
        self.fence = 0
        self.fault = ""
        self.lost_leadership = ""
        self.shed = 0
        self.news = asyncio.Event()

    async def open(self, stack: str, holder: str) -> None:
        """Take the lease and the state that the journal folds into."""
        self.fence = await self._journal.open(stack, holder)
        self.state = await self._journal.load()

    async def write(self, entries: Sequence[Entry]) -> None:
        """Fold the entries and write them, after whatever still waits."""
        async with self._writing:
            self.state = fold_all(self.state, entries)
            self._queue(self._ids.new("bat"), entries)
            await self._flush()

    async def write_intent(self, intent: Intended, ending: Verified | None = None) -> bool:
        """True when the intent stands in the journal and may be acted upon. `ending` ends the
        action that it takes the place of, in the same transaction.

        When the journal failed in a way that may or may not have written it, the intent is
        written again later together with the outcome *failed: not begun*.
        """
        async with self._writing:
            return await self._write_intent(intent, ending)

    async def _write_intent(self, intent: Intended, ending: Verified | None) -> bool:
        if self._pending or self.lost_leadership:
            return False
        batch = self._ids.new("bat")
        entries: tuple[Entry, ...] = (intent,) if ending is None else (ending, intent)
        try:
            await self._journal.begin(entries, self.fence, batch_id=batch)
        except JournalUnavailable as error:
            self.fault = str(error)
            undone = Finished(
                intent.at_s,
                intent.action_id,
                intent.step.target,
                OutcomeState.FAILED,
                error=f"not begun: the journal did not take the intent ({error})",
                has_happened=False,
            )
            self.state = fold_all(self.state, (*entries, undone))
            self._queue(batch, entries)
            self._queue(self._ids.new("bat"), (undone,))
            return False
        except FenceLost as error:
            self.lost_leadership = str(error)
            return False
        self.state = fold_all(self.state, entries)
        self.news.set()
        return True

    def _queue(self, batch: str, entries: Sequence[Entry]) -> None:
        if len(self._pending) >= self._settings.pending_entries_most:
            self.shed += 1
            self._pending.popleft()
        self._pending.append((batch, tuple(entries)))

    async def flush(self) -> None:
        """Write what waits; on failure say why and keep it."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        while self._pending and not self.lost_leadership:
            batch, entries = self._pending[0]
            try:
                await self._journal.append(entries, self.fence, batch_id=batch)
            except JournalUnavailable as error:
                self.fault = str(error)
                return
            except FenceLost as error:
                self.lost_leadership = str(error)
                return
            self._pending.popleft()
            self.news.set()
        self.fault = ""
