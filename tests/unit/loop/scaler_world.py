"""A service with a demand on a virtual clock, and the real loop over it: hours in moments.

Flows in: what is declared and what is asked when. Flows out: a `Control` that has lived, and what
it wrote. Nobody goes wrong here unless a test says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from everup.loop.control import Control
from everup.loop.rooms import Rooms
from everup.model import entries as e
from everup.model.kinds import UNKNOWN, ActionKind, Mode
from everup.model.load import Load
from everup.model.scaling import Spread
from everup.model.settings import Settings
from everup.model.sizing import ScalingSpec
from everup.model.stack import Limits, ProbeSpec, ServiceSpec, Stack
from everup.runtimes.simulated import Operations, SimulatedHost, SimulatedProber, World
from everup.runtimes.simulated.instance import Answer
from everup.runtimes.simulated.nature import Nature
from everup.runtimes.simulated.runtime import SimulatedRuntime
from everup.simulation.virtual_clock import CountedIds, SeededRandom, VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, end
from tests.unit.loop.small_world import Journal

WEB = "web"
MIB = 1024.0 * 1024.0
CAPACITY = 100.0
LATENCY_S = 0.01
CALM = Settings(sample_interval_s=15.0)
"""Samples as seldom as steps: most of what a virtual hour costs is sampling."""
Demand = Callable[[float], float]
"""Seconds since the beginning → requests a second; NaN: nobody counts."""


def web(**changes: Any) -> ServiceSpec:
    spec = ServiceSpec(
        WEB,
        instances=2,
        min_instances=1,
        max_instances=8,
        has_bounds=True,
        probe=ProbeSpec(http="http://127.0.0.1:{port}/health"),
        port=2000,
        limits=Limits(memory_bytes=512 * MIB),
        scaling=ScalingSpec(latency_target_s=0.05),
        start_period_s=10.0,
        spread=Spread.ROUTER,
    )
    return replace(spec, **changes)


class KeptJournal(Journal):
    """Small enough as it is."""

    async def prune(self, *_: Any, **__: Any) -> bool:
        return False


class ScalerWorld:
    """One service under a demand; `live` is one life of Everup."""

    def __init__(
        self,
        demand: Demand,
        *,
        mode: Mode = Mode.AUTO,
        settings: Settings | None = None,
        nature: Nature | None = None,
        **changes: Any,
    ) -> None:
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.demand, self.settings = demand, settings or CALM
        self.stack = Stack("s", {WEB: web(**changes)}, mode=mode, runtime="simulated")
        nature = nature or Nature(
            boot_s=2.0, warm_up_s=0.0, latency_s=LATENCY_S, capacity_rps=CAPACITY, demand_rps=1.0
        )
        self.world = World(
            self.stack, {WEB: nature}, loop=self.loop, now=self.clock.now, seed="scaler"
        )
        self.operations, self.journal = Operations(self.world), KeptJournal()
        self.control: Control
        self.counts: list[tuple[float, int]] = []
        self.is_counted = True
        self._lives = 0

    @property
    def instances(self) -> int:
        """That there are."""
        return len(self.world.services[WEB].instances)

    def of(self, kind: type) -> list[Any]:
        """Entries."""
        return self.journal.of(kind)

    def did(self) -> list[ActionKind]:
        """What was begun, in its order."""
        return [entry.step.kind for entry in self.of(e.Intended)]

    def run(self, *lives: Callable[[], Awaitable[None]]) -> None:
        """Each life from `open` to `close`; then nobody is left."""

        async def all_of_it() -> None:
            self.world.start_all()
            feeding = asyncio.create_task(self._feed())
            for life in lives:
                await life()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

        try:
            self.loop.run_until_complete(all_of_it())
        finally:
            end(self.loop)
        assert not self.loop.complaints, self.loop.complaints

    async def live(
        self,
        for_s: float,
        *,
        rooms: Rooms | None = None,
        at: tuple[tuple[float, Callable[[Control], Any]], ...] = (),
    ) -> None:
        """One life. `at`: (after how long, what is done then)."""
        self._lives += 1
        runtime = SimulatedRuntime(self.world, self.operations, life=self._lives)
        await runtime.open()
        control = self.control = Control(
            self.stack,
            self.settings,
            runtime,
            SimulatedProber(self.world),
            SimulatedHost(self.world),
            self.journal,  # type: ignore[arg-type]
            self.clock,
            CountedIds(self._lives),
            SeededRandom("scaler"),
            rooms=rooms,
        )
        await control.open()
        looking = asyncio.create_task(control.run())
        begun_s = self.loop.time()
        for after_s, call in sorted(at, key=lambda one: one[0]):
            await self.clock.sleep(begun_s + after_s - self.loop.time())
            found = call(control)
            if asyncio.iscoroutine(found):
                await found
        await self.clock.sleep(begun_s + for_s - self.loop.time())
        assert not looking.done(), looking
        assert not control.mishaps.total
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await control.close(stop_services=False)
        runtime.lose()

    async def _feed(self) -> None:
        """The world is asked, and a router counts it, every five seconds."""
        while True:
            asked = self.demand(self.loop.time())
            if asked == asked:
                self.world.set_environment(WEB, surge=asked)
            control = getattr(self, "control", None)
            if control is not None and self.is_counted and asked == asked:
                control.desk.loads.take_router({WEB: self._load(asked)})
            self.counts.append((self.loop.time(), self.instances))
            await self.clock.sleep(5.0)

    def _load(self, asked: float) -> Load:
        service = self.world.services[WEB]
        up = [i for i in service.instances.values() if i.is_up]
        times = [i.latency_s for i in up if i.answer is Answer.OK]
        latency_s = sum(times) / len(times) if times else UNKNOWN
        if up and not times and asked > CAPACITY:
            latency_s = 2.0  # whatever comes waits for long
        return Load(
            self.clock.now(),
            requests_per_s=asked,
            failures_per_s=0.0,
            latency_s=latency_s,
            waiting=0.0,
            source="router",
        )
