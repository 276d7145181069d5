"""Canaries sing rarely while all is well, and with every sample as soon as something is not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from everup.loop.desk import Desk
from everup.loop.mishaps import Mishaps
from everup.loop.sampling import Samplers
from everup.model.observation import HostObservation
from everup.model.settings import Settings
from tests.unit.builders import service, stack

SETTINGS = Settings()


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


class _Clock:
    now_s = 1000.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def _songs_in(for_s: float, *, unwell: bool = False, failing: Sequence[str] = ()) -> int:
    host, clock = _Host(), _Clock()
    made = stack(service("api"))
    nothing = cast(Any, None)
    samplers = Samplers(
        made,
        SETTINGS,
        nothing,
        nothing,
        host,
        clock,
        Desk(made, SETTINGS),
        lambda _: None,
        lambda _: unwell,
        lambda _: False,
        Mishaps(SETTINGS.tick_s),
    )

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
