"""Writing to the journal without losing anything when it cannot be written.

Flows in: entries. Flows out: the state they fold into. While the journal is unavailable, entries
wait in order, bounded (`waiting`); acting stops until the last of them is written. A batch carries
an id, so writing it again after an ambiguous failure does not double it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from everup.loop.fold import fold_all
from everup.loop.ports import Ids, Journal
from everup.loop.waiting import A_PERSONS_WORD, NEVER_HELD_BACK, Waiting
from everup.model.entries import Entry, Finished, Intended, Verified
from everup.model.errors import Contradiction, FenceLost, JournalUnavailable, TryAgain
from everup.model.evidence import OutcomeState
from everup.model.settings import Settings
from everup.model.state import StackState

PATIENCE = 2  # times `pending_entries_most`: more than that is not even taken from a person


class Book:
    """The journal as the control task sees it. `state` is replaced, never changed.

    Requests of people write beside the look: one writer at a time, in the order of their coming, so
    that the journal and the state have seen the same entries in the same order.
    """

    def __init__(self, journal: Journal, settings: Settings, ids: Ids) -> None:
        self._journal, self._settings, self._ids = journal, settings, ids
        self._pending = Waiting(settings.pending_entries_most)
        self._writing = asyncio.Lock()
        self.state = StackState()
        self.fence = 0
        self.fault = ""
        self.lost_leadership = ""
        self.contradiction = ""

    @property
    def halted(self) -> str:
        """Why nothing will ever be written any more; "" while it may be."""
        if self.lost_leadership:
            return f"another controller holds the stack: {self.lost_leadership}"
        if self.contradiction:
            return f"memory and journal differ, restart Everup: {self.contradiction}"
        return ""

    @property
    def waiting(self) -> int:
        """Batches that are not written yet."""
        return len(self._pending)

    @property
    def shed(self) -> int:
        """Entries that were left out because too many waited."""
        return self._pending.shed

    async def open(self, stack: str, holder: str) -> None:
        """Take the lease and the state that the journal folds into."""
        self.fence = await self._journal.open(stack, holder)
        self.state = await self._journal.load()

    async def write(self, entries: Sequence[Entry]) -> None:
        """Fold the entries and write them, after whatever still waits. When nothing more can wait,
        what a look has found is not taken, neither here nor into the state: a later one finds it.

        Raises:
            TryAgain: a person's word, and far too many wait.
        """
        async with self._writing:
            if self._pending.is_full:
                entries = self._only_what_must(entries)
            if entries:
                self.state = fold_all(self.state, entries)
                self._pending.put(self._ids.new("bat"), entries)
            await self._flush()

    def _only_what_must(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        most = PATIENCE * self._settings.pending_entries_most
        if len(self._pending) >= most and any(isinstance(x, A_PERSONS_WORD) for x in entries):
            raise TryAgain(f"{len(self._pending)} entries wait for the journal: {self.fault}")
        return [entry for entry in entries if isinstance(entry, NEVER_HELD_BACK)]

    async def write_intent(self, intent: Intended, ending: Verified | None = None) -> bool:
        """True when the intent stands in the journal and may be acted upon. `ending` ends the
        action that it takes the place of, in the same transaction.

        When the journal failed in a way that may or may not have written it, the intent is
        written again later together with the outcome *failed: not begun*.
        """
        async with self._writing:
            return await self._write_intent(intent, ending)

    async def _write_intent(self, intent: Intended, ending: Verified | None) -> bool:
        if self._pending or self.lost_leadership or self.contradiction:
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
            self._pending.put(batch, entries, is_tried=True)
            self._pending.put(self._ids.new("bat"), (undone,))
            return False
        except FenceLost as error:
            self.lost_leadership = str(error)
            return False
        except Contradiction:
            await self._begin_anew()
            return False
        self.state = fold_all(self.state, entries)
        return True

    async def _begin_anew(self) -> None:
        """The journal knows what we do not, as an action of which we have lost the memory: from
        here on we know it too."""
        try:
            state = await self._journal.load()
        except JournalUnavailable as error:
            self.fault = str(error)
            return
        self.state = fold_all(state, self._pending)

    async def flush(self) -> None:
        """Write what waits; on failure say why and keep it."""
        async with self._writing:
            await self._flush()

    async def _flush(self) -> None:
        while self._pending and not (self.lost_leadership or self.contradiction):
            batch, entries = self._pending.first()
            try:
                await self._journal.append(entries, self.fence, batch_id=batch)
            except JournalUnavailable as error:
                self.fault = str(error)
                return
            except FenceLost as error:
                self.lost_leadership = str(error)
                return
            except Contradiction as error:
                self.contradiction = str(error)
                return
            self._pending.written()
        self.fault = ""
