"""Canaries sing rarely while all is well, and with every sample as soon as something is not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from everup.model.observation import HostObservation
from tests.unit.builders import SETTINGS
from tests.unit.clocks import StepClock
from tests.unit.loop.samplers import samplers_of


class _Host:
    """Counts how often it was asked; `failing` is what it says."""

    def __init__(self) -> None:
        self.songs = 0
        self.failing: Sequence[str] = ()

    async def host(self) -> HostObservation:
        return HostObservation()

    async def canaries(self, timeout_s: float) -> Sequence[str]:
        self.songs += 1
        return self.failing

    def freezes(self) -> Mapping[str, str]:
        return {}

    async def close(self) -> None:
        """Nothing."""


def _songs_in(for_s: float, *, unwell: bool = False, failing: Sequence[str] = ()) -> int:
    host, clock = _Host(), StepClock()
    samplers = samplers_of(clock, lambda _: unwell, host=host)

    async def live() -> int:
        await samplers._host_once()
        host.songs, host.failing = 0, failing
        until_s = clock.now() + for_s
        while clock.now() < until_s:
            await clock.sleep(SETTINGS.sample_interval_s)
            await samplers._host_once()
        return host.songs

    return asyncio.run(live())


def test_at_rest_they_sing_every_half_minute() -> None:
    assert _songs_in(300.0) == 300.0 / SETTINGS.calm_canary_interval_s


def test_whenever_something_is_unwell_each_sample_has_a_song() -> None:
    assert _songs_in(60.0, unwell=True) == 60.0 / SETTINGS.sample_interval_s


def test_one_that_has_failed_is_asked_with_every_sample() -> None:
    """The first of these songs is still the rare one."""
    assert _songs_in(60.0, failing=("dns: no answer",)) == 7


def test_our_own_trouble_is_known_before_a_hang_is_proven() -> None:
    late_s = SETTINGS.sample_interval_s + SETTINGS.probe_timeout_s
    assert late_s < SETTINGS.hang_lasts_s
