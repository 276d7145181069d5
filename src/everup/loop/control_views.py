"""What anybody may ask a `Control` about itself: may it act, what waits, what fails, what differs.

Flows in: the parts that the control holds. Flows out: words and counts for the gate, the API and
the heartbeat. Read-only; `control` inherits it, so that the loop itself stays readable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from everup.loop.anomalies import Anomalies
from everup.loop.book import Book
from everup.loop.clock_set_back import clock_note
from everup.loop.desk import Desk
from everup.loop.history_ring import HistoryRing
from everup.loop.loads import Loads
from everup.loop.mishaps import Mishaps
from everup.loop.ports import Clock
from everup.loop.rooms import Beside, RoomCounts
from everup.loop.scaler import Scaler
from everup.loop.sleep import Sleep
from everup.loop.traffic import Traffic
from everup.loop.under_way import UnderWay


class ControlViews:
    """Made whole by `Control`, which sets these."""

    _book: Book
    _last_look_s: float
    _under_way: UnderWay
    beside: Beside
    clock: Clock
    desk: Desk
    loads: Loads
    mishaps: Mishaps
    traffic: Traffic
    wall_ahead_s: Callable[[], float]

    @property
    def fence(self) -> int:
        """What proves to the journal that this controller holds the stack."""
        return self._book.fence

    @property
    def journal_fault(self) -> str:
        """Why the journal cannot be written now; "" when it can."""
        return self._book.fault

    @property
    def halted(self) -> str:
        """Why this process will never act again; "" while it may."""
        return self._book.halted

    @property
    def journal_queue(self) -> tuple[int, int]:
        """Batches that wait to be written, and entries that were left out meanwhile."""
        return self._book.waiting, self._book.shed

    @property
    def lost_leadership(self) -> str:
        """Who holds the stack instead of us; "" while we do."""
        return self._book.lost_leadership

    @property
    def entries_shed(self) -> int:
        """Entries that were left out because too many waited for the journal."""
        return self._book.shed

    @property
    def news(self) -> asyncio.Event:
        """Set whenever the journal has taken something; who tells it on clears it."""
        return self._book.news

    @property
    def ring(self) -> HistoryRing:
        """The recent past of every service; `assess` reads trends from it."""
        return self.beside.ring

    @property
    def scaler(self) -> Scaler:
        """What each service should have of instances and limits."""
        return self.beside.scaler

    @property
    def sleep(self) -> Sleep:
        """Who sleeps since nothing is asked of it."""
        return self.beside.sleep

    @property
    def queue_faults(self) -> Mapping[str, str]:
        """Service → why its queue cannot be read now."""
        return self.loads.faults

    @property
    def anomalies(self) -> Anomalies:
        """How unusual each service is."""
        return self.beside.anomalies

    @property
    def counts(self) -> RoomCounts:
        """What the rooms beside the loop count."""
        return replace(self.beside.counts(), router=self.traffic.counts())

    def now_s(self) -> float:
        """By the loop's clock."""
        return self.clock.now()

    def last_look_age_s(self) -> float:
        """Seconds since the last look ended; NaN before the first."""
        return self.clock.now() - self._last_look_s

    def during(self, action_id: str) -> tuple[str, ...]:
        """What was kept while the action ran; empty after a restart of ours."""
        return self._under_way.during(action_id)

    def cannot_act(self) -> str:
        """Why this controller may not act at all; "" when it may."""
        if self.halted:
            return self.halted
        if self._book.fault:
            return f"the journal cannot be written: {self._book.fault}; acting stops until it can"
        mishap = self.mishaps.why_not_act(self.clock.now())
        return f"{mishap}; acting stops until it works again" if mishap else ""

    def mismatches(self) -> list[str]:
        """Where what runs is not what is declared, as last seen, and the clock not what it was."""
        found = [mismatch.text for mismatch in self.desk.mismatches]
        return [*found, *clock_note(self.wall_ahead_s())]

    def failing(self) -> list[str]:
        """What of our own fails at present, by a flaw that nobody expected."""
        return [mishap.text for mishap in self.mishaps.present(self.clock.now())]
