"""The real loop with rooms beside it, in a virtual world: told once over kills, seen and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from everup.history import MemoryHistory
from everup.journal import SqlJournal
from everup.loop.control import Control
from everup.loop.rooms import NoLog, Rooms
from everup.model.entries import Entry, Notified
from everup.model.history import Signal
from everup.model.kinds import Mode
from everup.model.notice import Message, Occasion
from everup.model.request import Request, Verb
from everup.model.settings import Settings
from everup.runtimes.simulated import (
    Operations,
    SimulatedHost,
    SimulatedProber,
    SimulatedRuntime,
    World,
)
from everup.runtimes.simulated.nature import Nature
from everup.simulation.virtual_clock import CountedIds, SeededRandom, VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, end
from everup.testing.journal_faults import FaultyJournal
from tests.unit.builders import service, stack

NATURES = {"well": Nature(), "bad": Nature(boot_s=0.1, crashes_after_s=2.0)}


@dataclass
class Kept(NoLog):
    """A notifier, a heartbeat and a log that remember."""

    clock: VirtualClock
    messages: list[Message] = field(default_factory=list)
    beats_s: list[float] = field(default_factory=list)
    logged: list[Entry] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)
    name: str = "kept"
    on: frozenset[Occasion] = frozenset(Occasion)
    timeout_s: float = 5.0
    attempts: int = 3

    async def send(self, message: Message) -> None:
        await self.clock.sleep(0.2)
        self.messages.append(message)

    def beat(self) -> None:
        self.beats_s.append(self.clock.now())

    def entry(self, entry: Entry) -> None:
        self.logged.append(entry)

    def warning(self, event: str, **fields: object) -> None:
        self.warned.append(event)


class Beat:
    """The port of a heartbeat over what is kept."""

    def __init__(self, kept: Kept) -> None:
        self.beat = kept.beat

    def counts(self) -> Mapping[str, int]:
        return {}

    async def close(self) -> None:
        """Nothing is held."""


class Told:
    """The port of a notifier over what is kept."""

    name, on, timeout_s, attempts = "kept", frozenset(Occasion), 5.0, 3

    def __init__(self, kept: Kept) -> None:
        self.send = kept.send

    async def close(self) -> None:
        """Nothing is held."""


class Life:
    """A world that outlives its controllers."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.stack = stack(service("well"), service("bad"), mode=Mode.AUTO)
        self.world = World(self.stack, NATURES, loop=self.loop, now=self.clock.now)
        self.operations = Operations(self.world)
        self.journal = FaultyJournal(SqlJournal("sqlite://", clock=self.clock, inline=True))
        self.kept = Kept(self.clock)
        self.history = MemoryHistory(tuple(self.stack.services))
        self.number = 0
        self.control: Control | None = None

    async def live(self, for_s: float) -> Control:
        """One life of a controller, ended as by a kill."""
        self.number += 1
        runtime = SimulatedRuntime(self.world, self.operations, life=self.number)
        await runtime.open()
        control = Control(
            self.stack,
            Settings(),
            runtime,
            SimulatedProber(self.world),
            SimulatedHost(self.world),
            self.journal,
            self.clock,
            CountedIds(self.number),
            SeededRandom("x"),
            rooms=Rooms([Told(self.kept)], Beat(self.kept), self.kept, self.history),
        )
        await control.open()
        self.control = control
        task = asyncio.create_task(control.run())
        await self.clock.sleep(for_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await control.beside.herald.close()
        return control

    def occasions(self, service_name: str = "bad") -> list[Occasion]:
        return [m.occasion for m in self.kept.messages if m.service == service_name]


def test_one_thread_per_incident_over_kills_at_any_time() -> None:
    life = Life()

    async def told() -> None:
        life.world.start_all()
        for _ in range(12):
            await life.live(37.0)
        control = await life.live(600.0)
        assert life.occasions()[:2] == [Occasion.OPENED, Occasion.ESCALATED]
        assert len({m.thread for m in life.kept.messages if m.service == "bad"}) == 1
        keys = [m.key for m in life.kept.messages]
        again = {key for key in keys if keys.count(key) > 1}
        assert len(again) <= 1, "only a kill between sending and writing may repeat a message"
        entries = [entry for _, _, entry in await life.journal.entries()]
        written = [entry.key for entry in entries if isinstance(entry, Notified)]
        assert sorted(written) == sorted(set(keys))
        assert control.state.threads
        assert repr(control.state) == repr(await life.journal.load())

    try:
        life.loop.run_until_complete(told())
    finally:
        end(life.loop)


def test_looks_beat_are_logged_and_leave_a_past() -> None:
    life = Life()

    async def told() -> None:
        life.world.start_all()
        control = await life.live(400.0)
        gaps = np.diff(life.kept.beats_s)
        assert gaps.max() <= control.settings.tick_s + 1.0
        assert [type(e).__name__ for e in life.kept.logged[:1]] == ["ControllerStarted"]
        assert any(type(e).__name__ == "IncidentEscalated" for e in life.kept.logged)
        times, scores = control.ring.series("well", Signal.SCORE)
        assert len(times) > 10
        assert np.diff(times).min() >= 4.0
        assert scores[-1] == 1.0
        kept = await life.history.read("well", 0.0, 2e9, (Signal.SCORE,))
        np.testing.assert_array_equal(kept.times_s[-len(times) :], times)
        assert control.counts.history.samples == len(kept.times_s)

    try:
        life.loop.run_until_complete(told())
    finally:
        end(life.loop)


def test_a_journal_that_cannot_be_written_silences_the_heart_and_is_told() -> None:
    life = Life()

    async def told() -> None:
        life.world.start_all()

        async def trouble() -> None:
            await life.clock.sleep(100.0)
            life.journal.broken = "disk full"
            assert life.control is not None
            await life.control.request(Request(Verb.FREEZE, by="Ann", service="well"))
            await life.clock.sleep(300.0)
            life.journal.broken = ""

        began_s = life.clock.now()
        troubled = asyncio.create_task(trouble())
        await life.live(600.0)
        await troubled
        frozen = [m for m in life.kept.messages if not m.service]
        assert [m.occasion for m in frozen] == [Occasion.FROZEN, Occasion.RESOLVED]
        assert "disk full" in frozen[0].text
        assert len({m.thread for m in frozen}) == 1
        silent = [s for s in life.kept.beats_s if 140.0 < s - began_s < 400.0]
        assert silent == []
        assert life.kept.beats_s[-1] - began_s > 550.0
        assert life.kept.warned.count("cannot_act") == 2

    try:
        life.loop.run_until_complete(told())
    finally:
        end(life.loop)


def test_long_blindness_is_told_and_its_end_too() -> None:
    life = Life()

    async def told() -> None:
        life.world.start_all()
        life.world.senses.failing_canaries = ("dns: no answer",)
        await life.live(300.0)
        assert life.kept.messages == []
        await life.live(500.0)
        assert [m.occasion for m in life.kept.messages] == [Occasion.FROZEN]
        life.world.senses.failing_canaries = ()
        await life.live(120.0)
        blind = [m for m in life.kept.messages if not m.service]
        assert len({m.thread for m in blind}) == 1

    try:
        life.loop.run_until_complete(told())
    finally:
        end(life.loop)
