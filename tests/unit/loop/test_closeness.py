"""What shows trouble, an event or an answer, begins close sampling at once, not after the rest
under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Heard, Instance, ProbeResult
from everup.model.runtime import EventKind, Listing, RuntimeEvent
from everup.model.stack import ProbeSpec
from everup.simulation.virtual_clock import VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, run_virtual
from tests.unit.builders import service
from tests.unit.loop.samplers import samplers_of

EVENT_S = 1.5


class _Runtime:
    """One event after a while; lists nobody, and remembers when it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self.listed_s = clock, list[float]()
        self._began_s = clock.now()

    async def list(self) -> Listing:
        self.listed_s.append(round(self._clock.now() - self._began_s, 3))
        return Listing(self._clock.now(), ())

    async def watch(self) -> AsyncIterator[RuntimeEvent]:
        await self._clock.sleep(EVENT_S)
        yield RuntimeEvent(EventKind.HEALTH, self._clock.now(), "api", "api-0")
        await self._clock.sleep(1000.0)


def _listed_s(*, unwell_from_s: float) -> list[float]:
    found: list[float] = []

    async def live() -> None:
        clock = VirtualClock(cast(VirtualLoop, asyncio.get_running_loop()))
        runtime, began_s = _Runtime(clock), clock.now()
        samplers = samplers_of(
            clock, lambda _: clock.now() - began_s >= unwell_from_s, runtime=runtime
        )
        lists = asyncio.create_task(
            samplers._for_ever("listing", samplers._listings, stops_acting=True)
        )
        hears = asyncio.create_task(
            samplers._for_ever("the events", samplers._events, stops_acting=False)
        )
        await clock.sleep(6.0)
        for task in (lists, hears):
            task.cancel()
        await asyncio.gather(lists, hears, return_exceptions=True)
        found.extend(runtime.listed_s)

    run_virtual(live())
    return found


def test_an_event_that_shows_nothing_wrong_changes_no_pace() -> None:
    assert _listed_s(unwell_from_s=1000.0) == [0.0, EVENT_S, 5.0]


def test_trouble_is_looked_at_each_second_from_the_event_on() -> None:
    assert _listed_s(unwell_from_s=1.0) == [0.0, EVENT_S, 2.5, 3.5, 4.5, 5.5]


class _Silent:
    """Answers the first question, and then keeps silent until its time is over."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock, self._asked = clock, 0

    async def probe(self, probe: ProbeSpec, *rest: Any) -> ProbeResult:
        self._asked += 1
        if self._asked == 1:
            return ProbeResult(ProbeVerdict.PASS, self._clock.now())
        await self._clock.sleep(probe.timeout_s)
        return ProbeResult(ProbeVerdict.FAIL, self._clock.now(), heard=Heard.SILENCE)


class _Lists(_Runtime):
    """One instance that runs, and no event."""

    async def list(self) -> Listing:
        await super().list()
        one = Instance("api", "api-0", "api!1", InstanceState.RUNNING, self._began_s)
        return Listing(self._clock.now(), (one,))


def test_silence_is_looked_at_each_second_from_the_first_one_on() -> None:
    found: list[float] = []

    async def live() -> None:
        clock = VirtualClock(cast(VirtualLoop, asyncio.get_running_loop()))
        runtime, probe = _Lists(clock), ProbeSpec(http="http://127.0.0.1/", interval_s=1.0)
        samplers = samplers_of(clock, lambda _: False, runtime=runtime, prober=_Silent(clock))
        await samplers.list_once()
        tasks = (
            asyncio.create_task(
                samplers._for_ever("listing", samplers._listings, stops_acting=True)
            ),
            asyncio.create_task(samplers._probes(service("api"), probe)),
        )
        await clock.sleep(5.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        found.extend(runtime.listed_s[1:])

    run_virtual(live())
    assert found == [0.0, 3.0, 4.0, 5.0]  # asked at 1.0 s, silent until 3.0 s
