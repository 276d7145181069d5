"""The rooms beside the loop: what hears of each look, and that no look ever waits for.

Flows in: completed looks and journal entries. Flows out: messages, a heartbeat, log lines, history.
`app` fills them in; in simulation and tests they are empty unless a test puts something there.
Called by `Control` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from everup.loop.anomalies import Anomalies
from everup.loop.habits import Habits
from everup.loop.herald import Herald
from everup.loop.history_ring import HistoryRing
from everup.loop.ports import Clock, Heartbeat, History, Log, ModelShelf, Notifier, Trainer
from everup.loop.sample import believable, needs_of, sample
from everup.loop.scaler import Scaler
from everup.loop.sleep import Sleep
from everup.model.assessment import OwnHealth
from everup.model.entries import Entry
from everup.model.history import HistoryCounts
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack

if TYPE_CHECKING:
    from everup.loop.control import Control


class NoLog:
    """Where nobody keeps a log."""

    def entry(self, entry: Entry) -> None:
        """Nothing."""

    def warning(self, event: str, **fields: object) -> None:
        """Nothing."""

    def counts(self) -> tuple[int, int]:
        """None."""
        return 0, 0

    def close(self) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """What `app` opened."""

    notifiers: Sequence[Notifier] = ()
    heartbeat: Heartbeat | None = None
    log: Log = field(default_factory=NoLog)
    history: History | None = None
    models: ModelShelf | None = None
    trainer: Trainer | None = None


@dataclass(frozen=True, slots=True)
class RouterCounts:
    """Orders and questions that the router answered, and that failed; why, while it does not."""

    answered: int = 0
    failed: int = 0
    fault: str = ""
    held: int = 0


@dataclass(frozen=True, slots=True)
class RoomCounts:
    """What the rooms count, for the metrics: by (notifier, sent | failed | shed), by sent | failed
    | skipped, and as their own words say."""

    notifications: Mapping[tuple[str, str], int] = field(default_factory=dict)
    heartbeats: Mapping[str, int] = field(default_factory=dict)
    log_lines: int = 0
    log_lost: int = 0
    history: HistoryCounts = field(default_factory=HistoryCounts)
    router: RouterCounts | None = None


class Beside:
    """Drives the rooms of one control."""

    def __init__(self, rooms: Rooms, stack: Stack, settings: Settings, clock: Clock) -> None:
        self.rooms = rooms
        self.herald = Herald(rooms.notifiers, clock, rooms.log)
        self.ring = HistoryRing(
            tuple(stack.services),
            slots=settings.history_slots,
            interval_s=settings.sample_interval_s,
            gap_s=settings.gap_ticks * settings.tick_s,
        )
        self._needs, self.habits = needs_of(stack), Habits(stack, settings)
        self.anomalies = Anomalies(stack, settings)
        self.scaler, self.sleep = Scaler(stack, settings), Sleep()
        self._said: dict[str, str] = {}

    def take_sample(self, at_s: float, observation: Observation, own: OwnHealth) -> None:
        """Keep what a look saw, at most once per sample interval."""
        if not self.ring.is_due(at_s):
            return
        seen = sample(self.ring.services, observation, own, self._needs)
        self.anomalies.take(at_s, seen)  # it counts what cannot be
        seen = believable(seen)
        self.ring.append(at_s, seen)
        self.habits.learn(at_s, observation, seen, self.ring)
        if self.rooms.history is not None:
            self.rooms.history.append(at_s, seen)

    async def after_look(self, control: Control) -> None:
        """A look is complete: tell whoever wants to know."""
        cannot_act = control.cannot_act()
        if self.rooms.heartbeat is not None and not cannot_act:
            self.rooms.heartbeat.beat()
        self.anomalies.after_look(self.rooms.history, control.clock.now())
        self.scaler.after_look(control, self.rooms.history)
        history = self.rooms.history.counts() if self.rooms.history is not None else None
        self._warn("cannot_act", cannot_act)
        self._warn("entries_shed", str(control.entries_shed or ""))
        self._warn("history_not_written", history.fault if history else "")
        await self.herald.after_look(control)

    def log(self, entries: Iterable[Entry]) -> None:
        """Entries that the journal got, or will get as soon as it can be written."""
        for entry in entries:
            self.rooms.log.entry(entry)

    def counts(self) -> RoomCounts:
        """For the metrics."""
        rooms = self.rooms
        lines, lost = rooms.log.counts()
        return RoomCounts(
            self.herald.counts(),
            {} if rooms.heartbeat is None else rooms.heartbeat.counts(),
            lines,
            lost,
            HistoryCounts() if rooms.history is None else rooms.history.counts(),
        )

    async def close(self) -> None:
        """Close every room."""
        await self.anomalies.close()
        await self.scaler.close()
        await self.herald.close()
        if self.rooms.heartbeat is not None:
            await self.rooms.heartbeat.close()
        if self.rooms.history is not None:
            await self.rooms.history.close()
        self.rooms.log.close()

    def _warn(self, event: str, text: str) -> None:
        """Once per change, and once more when it is over."""
        before = self._said.get(event, "")
        if text != before:
            self._said[event] = text
            self.rooms.log.warning(event, text=text or "over")
