"""Poisoned input through the whole of Everup: nothing raises, alarms or acts; it is counted."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from everup.app.plugins import load_runtime
from everup.loop.anomalies import Anomalies
from everup.model.disk import Disk
from everup.model.entries import AnomalyNoticed, IncidentOpened, Intended, PredictionMade
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.kinds import Mode
from everup.model.observation import Instance, ProbeResult
from everup.model.resources import Resources
from everup.model.runtime import Listing
from everup.model.settings import Settings
from everup.replay import Recording, of_names, play
from everup.replay.recording import Blocks
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import Prober, Runtime, World, until

NAN, INF = float("nan"), float("inf")
POISON = (NAN, INF, -INF, -5.0, 0.0, 1e30, 3e38, 1e9, 1e-300)
LIMIT_BYTES = 4e9
"""Well above what could be true among these: a listing that comes late is no memory running out."""
LOOKS = 40
QUICKER = Settings().scaled(0.005)


@dataclass
class PoisonedRuntime(Runtime):
    """Each listing has another poison in every number."""

    def __post_init__(self) -> None:
        self._poison = itertools.cycle(POISON)

    async def list(self) -> Listing:
        found = await super().list()
        return replace(found, instances=tuple(self._poisoned(one) for one in found.instances))

    def _poisoned(self, one: Instance) -> Instance:
        bad = next(self._poison)
        disk = Disk("/", size_bytes=bad, free_bytes=next(self._poison))
        return replace(
            one,
            cpu_seconds=bad, io_bytes=bad, memory_bytes=bad, memory_limit_bytes=LIMIT_BYTES,
            accept_queue=bad, waited_s=bad, disk=disk,
            resources=Resources(bad, bad, bad, bad, bad, bad, bad, bad, bad, bad, disk),
        )  # fmt: skip


@dataclass
class PoisonedProber(Prober):
    """It passes, after a time that cannot be."""

    def __post_init__(self) -> None:
        self._poison = itertools.cycle(POISON)

    async def probe(self, *given: object) -> ProbeResult:
        found = await super().probe(*given)  # type: ignore[arg-type]
        bad = next(self._poison)
        ends_s = NAN if 0.0 <= bad <= 1e10 else bad  # no date of this world
        return replace(found, latency_s=bad, took_s=bad, certificate_ends_s=ends_s)


def test_a_living_loop() -> None:
    async def story() -> World:
        world = World(stack(service("a"), service("b"), mode=Mode.AUTO))
        world.settings = replace(QUICKER, anomaly_row_s=2 * QUICKER.sample_interval_s)
        world.runtime = PoisonedRuntime(world.clock)
        world.prober = PoisonedProber(world.clock)
        for name in ("a", "b"):
            world.runtime.run(name)
        async with world.life() as control:
            await until(lambda: control.memory.looks > LOOKS, within_s=60.0)
            assert control.failing() == []
            assert dict(control.mishaps.total) == {}
            assert control.cannot_act() == ""
            assert {flaw.service for flaw in control.anomalies.flaws()} == {"a", "b"}
            assert world.runtime.did == []
        return world

    world = asyncio.run(story())
    for kind in (Intended, PredictionMade, AnomalyNoticed, IncidentOpened):
        assert world.journal.of(kind) == [], kind


START_S, ROW_S, ROWS = 1_767_225_600.0, 300.0, 420
CALM_ROWS = 320


def samples(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Two days of calm rows of one service, and then the poison."""
    rng = np.random.default_rng(11)
    times = START_S + ROW_S * np.arange(ROWS)
    values = np.full((ROWS, len(SIGNALS), 1), np.nan, dtype=np.float32)
    calm = {
        Signal.CPU_RATIO: 0.3, Signal.MEMORY_RATIO: 0.4, Signal.MEMORY_BYTES: 4e8,
        Signal.LATENCY_S: 0.02, Signal.SENT_PER_S: 1e5, Signal.CONNECTIONS: 40.0,
    }  # fmt: skip
    for signal, usual in calm.items():
        values[:, INDEX[signal], 0] = usual * (1.0 + 0.05 * rng.standard_normal(ROWS))
    for signal, always in ((Signal.PROBE_OK, 1.0), (Signal.INSTANCES_UP, 1.0)):
        values[:, INDEX[signal], 0] = always
    hurt = values[CALM_ROWS:, [INDEX[signal] for signal in calm], 0]
    if kind == "nan":
        hurt[::2] = np.nan
    elif kind == "inf":
        hurt[::7], hurt[3::7] = np.inf, -np.inf
    elif kind == "stuck":
        hurt[:] = hurt[0]
    elif kind == "spikes":
        hurt[::20] *= 10.0
    elif kind == "missing":
        hurt[20:80] = np.nan
    values[CALM_ROWS:, [INDEX[signal] for signal in calm], 0] = hurt
    if kind == "backwards":
        times[CALM_ROWS::10] -= 3600.0
    if kind == "gap":
        times[CALM_ROWS:] += 7.3 * 3600.0
    return times, values


KINDS = {
    "nan": "missing",
    "inf": "not_finite",
    "stuck": "stuck",
    "spikes": "lone_spike",
    "missing": "missing",
    "backwards": "backwards",
    "gap": "gap",
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_detector_is_not_alarmed_and_counts(kind: str) -> None:
    times, values = samples(kind)
    anomalies = Anomalies(stack(service("a")), replace(Settings(), anomaly_row_s=ROW_S))
    for at_s, row in zip(times[:CALM_ROWS], values[:CALM_ROWS], strict=True):
        anomalies.take(float(at_s), row)
    before = {flaw.kind: flaw.count for flaw in anomalies.flaws() if flaw.signal == "cpu_ratio"}
    anomalies.due()
    for at_s, row in zip(times[CALM_ROWS:], values[CALM_ROWS:], strict=True):
        anomalies.take(float(at_s), row)
    told = [one.anomaly for one in anomalies.due() if isinstance(one, AnomalyNoticed)]
    assert [one for one in told if one.is_alarm] == []
    after = {flaw.kind: flaw.count for flaw in anomalies.flaws() if flaw.signal == "cpu_ratio"}
    assert after.get(KINDS[kind], 0) > before.get(KINDS[kind], 0)


@pytest.mark.parametrize("kind", ["inf", "gap", "spikes"])
def test_a_replay_foretells_and_does_nothing(kind: str) -> None:
    """The files of a recording are in time order; a clock that was set back is the loop's test."""
    times, values = samples(kind)

    def blocks() -> Blocks:
        yield times, values

    what = Recording("here", ("a",), float(times[0]), float(times[-1]), ROW_S, blocks, ())
    settings = replace(Settings(), sample_interval_s=ROW_S, tick_s=ROW_S, anomaly_row_s=ROW_S)
    manifest = load_runtime("processes").MANIFEST
    found = asyncio.run(play(what, of_names(("a",)), settings, manifest))
    assert (found.rows, list(found.predictions), list(found.deeds)) == (ROWS, [], [])
