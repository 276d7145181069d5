"""What was changed is asked more often, as long as that does not keep it busy."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from everup.loop.sampling import BUSY_SHARE_MOST
from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Instance, ProbeResult
from everup.model.runtime import Listing
from everup.model.stack import ProbeSpec
from everup.simulation.virtual_clock import VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, run_virtual
from tests.unit.builders import SETTINGS, service
from tests.unit.loop.samplers import samplers_of

FOR_S = 60.0
HTTP, EXEC = ProbeSpec(http="http://127.0.0.1/health"), ProbeSpec(command=("true",))


class _Prober:
    """Answers after so long, and counts."""

    def __init__(self, clock: VirtualClock, takes_s: float, verdict: ProbeVerdict) -> None:
        self._clock, self._takes_s, self._verdict = clock, takes_s, verdict
        self.asked = 0

    async def probe(self, *asked: Any) -> ProbeResult:
        self.asked += 1
        await self._clock.sleep(self._takes_s)
        return ProbeResult(self._verdict, self._clock.now(), latency_s=self._takes_s)


def _asked(
    takes_s: float,
    *,
    probe: ProbeSpec = HTTP,
    is_tried: bool = True,
    verdict: ProbeVerdict = ProbeVerdict.PASS,
) -> int:
    """How often within a minute."""
    found: list[int] = []

    async def live() -> None:
        clock = VirtualClock(cast(VirtualLoop, asyncio.get_running_loop()))
        prober = _Prober(clock, takes_s, verdict)
        samplers = samplers_of(
            clock, lambda _: is_tried, prober=prober, is_tried=lambda _: is_tried
        )
        one = Instance("api", "api-0", "api!1", InstanceState.RUNNING, clock.now())
        samplers._desk.take_listing(Listing(clock.now(), (one,)))
        task = asyncio.create_task(samplers._probes(service("api"), probe))
        await clock.sleep(FOR_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found.append(prober.asked)

    run_virtual(live())
    return found[0]


def test_what_was_changed_is_asked_twice_a_second_and_else_at_its_own_pace() -> None:
    assert _asked(0.0) == FOR_S / (SETTINGS.close_sample_interval_s / 2.0)
    assert _asked(0.0, is_tried=False) == FOR_S / HTTP.interval_s


@pytest.mark.parametrize("takes_s", [0.05, 0.2, 0.5, 0.9])
def test_it_is_busy_with_that_for_a_fifth_of_its_time_at_most(takes_s: float) -> None:
    asked = _asked(takes_s)
    assert (asked - 1) * takes_s <= BUSY_SHARE_MOST * FOR_S + 1e-6
    assert asked > _asked(takes_s, is_tried=False)


def test_the_declared_pace_is_kept_however_slow_it_is() -> None:
    assert _asked(1.9) == _asked(1.9, is_tried=False)


def test_a_command_costs_more_and_is_run_once_a_second() -> None:
    assert _asked(0.0, probe=EXEC) == FOR_S / SETTINGS.close_sample_interval_s


def test_what_fails_is_asked_as_closely_as_any_trouble() -> None:
    asked = _asked(0.5, verdict=ProbeVerdict.FAIL)
    assert asked == FOR_S / (0.5 + SETTINGS.close_sample_interval_s)
