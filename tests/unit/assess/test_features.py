"""Features of all services at once: what they say, and what they leave unsaid."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from numpy.typing import NDArray

from everup.loop.history_ring import HistoryRing
from everup.model.history import INDEX, SIGNALS, Signal
from everup.predictive_monitor.baselines import Baselines
from everup.predictive_monitor.features import (
    KNOWN_LEAST,
    OF_TIME,
    RESIDUAL_MOST,
    features,
    names_of,
)

Floats = NDArray[np.float64]
AT_S = 1_000_000.0
EVERY_S = 30.0
CPU = Signal.CPU_RATIO
MODEST = settings(max_examples=50, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def ring(series: Floats, signal: Signal = CPU) -> HistoryRing:
    """`series[time, service]`, the latest at AT_S."""
    many, services = series.shape
    made = HistoryRing([f"s{n}" for n in range(services)], slots=240, interval_s=5.0, gap_s=1e6)
    for index in range(many):
        sample = np.full((len(SIGNALS), services), np.nan, dtype=np.float32)
        sample[INDEX[signal]] = series[index]
        made.append(AT_S - EVERY_S * (many - 1 - index), sample)
    return made


def row(values: Floats) -> dict[str, float]:
    found = features(ring(values[:, None])).of("s0")
    return {part: found[f"cpu_ratio.{part}"] for part in ("level", "slope", "spread", "off_trend")}


def test_each_says_what_it_is_named_for() -> None:
    random = default_rng(1)
    minutes = np.arange(60) * EVERY_S / 60.0
    found = row(0.2 + 0.01 * minutes + 0.001 * random.standard_normal(60))
    assert found["level"] == pytest.approx(0.2 + 0.01 * minutes[-1], abs=0.005)
    assert found["slope"] == pytest.approx(0.01, rel=0.05)
    assert found["spread"] > 0.05
    assert abs(found["off_trend"]) < 4.0


def test_a_leap_is_off_its_trend_and_turns_the_slope_little() -> None:
    random = default_rng(2)
    values = 0.3 + 0.01 * random.standard_normal(60)
    calm = row(values)
    values[-1] = 3.0
    leapt = row(values)
    assert leapt["off_trend"] == RESIDUAL_MOST
    assert leapt["level"] == pytest.approx(3.0)
    assert abs(leapt["slope"] - calm["slope"]) < 0.005


def test_what_never_moved_has_no_deviation_to_count_in() -> None:
    found = row(np.full(60, 0.5))
    assert (found["slope"], found["spread"], found["off_trend"]) == (0.0, 0.0, 0.0)


def test_the_time_of_day_has_no_edge() -> None:
    made = features(ring(np.zeros((10, 1)))).of("s0")
    assert made["hour_sin"] ** 2 + made["hour_cos"] ** 2 == pytest.approx(1.0)
    assert names_of()[-2:] == OF_TIME


def test_before_there_is_a_sample_nothing_is_known() -> None:
    empty = HistoryRing(["a"], slots=10, interval_s=5.0, gap_s=90.0)
    found = features(empty)
    assert found.values.shape == (1, len(names_of()))
    assert np.all(np.isnan(found.values))


def test_the_season_is_what_is_usual_at_this_hour() -> None:
    made, learned = ring(np.full((60, 2), 0.02), Signal.LATENCY_S), Baselines(("s0", "s1"))
    sample = np.full((len(SIGNALS), 2), np.nan, dtype=np.float32)
    sample[INDEX[Signal.LATENCY_S]] = 0.02
    for _ in range(50):
        learned.learn(AT_S, sample, np.array([True, False]), made)
    found = features(made, learned)
    assert found.of("s0")["latency_s.off_season"] == pytest.approx(0.0, abs=0.01)
    assert np.isnan(found.of("s1")["latency_s.off_season"]), "nothing is usual of it"
    assert np.isnan(found.of("s0")["memory_ratio.off_season"]), "not a signal with seasons"
    late = ring(np.vstack([np.full((59, 2), 0.02), [[0.2, 0.2]]]), Signal.LATENCY_S)
    assert features(late, learned).of("s0")["latency_s.off_season"] > 10.0


@MODEST
@given(SEEDS, st.floats(0.0, 1.0), st.sampled_from([np.nan, np.inf, -np.inf]))
def test_poison_is_left_out_and_never_raises(seed: int, share: float, poison: float) -> None:
    random = default_rng(seed)
    series = random.uniform(0.0, 1.0, (60, 5))
    holes = random.random(series.shape) < share
    found = features(ring(np.where(holes, poison, series)))
    clean = features(ring(np.where(holes, np.nan, series)))
    np.testing.assert_array_equal(found.values, clean.values)
    assert not np.any(np.isinf(found.values))
    place = found.names.index("cpu_ratio.slope")
    for service in range(5):
        few = np.count_nonzero(~holes[:, service]) < KNOWN_LEAST
        assert np.isnan(found.values[service, place]) == few


@MODEST
@given(SEEDS, st.floats(0.01, 100.0), st.floats(-5.0, 5.0))
def test_scale_and_shift_change_what_they_should(seed: int, scale: float, far: float) -> None:
    shift = far * scale
    values = default_rng(seed).uniform(0.0, 1.0, 60)
    one, other = row(values), row(values * scale + shift)
    assert other["level"] == pytest.approx(one["level"] * scale + shift, rel=1e-3, abs=1e-3)
    assert other["slope"] == pytest.approx(one["slope"] * scale, rel=1e-2, abs=1e-4 * (1 + scale))
    assert other["spread"] == pytest.approx(one["spread"] * scale, rel=1e-2, abs=1e-4)
    assert other["off_trend"] == pytest.approx(one["off_trend"], rel=2e-2, abs=2e-2)


@MODEST
@given(SEEDS)
def test_a_service_says_the_same_among_others(seed: int) -> None:
    random = default_rng(seed)
    series = random.uniform(0.0, 1.0, (60, 4))
    order = random.permutation(4)
    together = features(ring(series)).values
    np.testing.assert_allclose(features(ring(series[:, order])).values, together[order])
    np.testing.assert_allclose(features(ring(series[:, :1])).values, together[:1])


def test_a_thousand_services_take_well_under_a_second() -> None:
    """1,000 services × 10 signals × 240 slots; in processor time, with room for a slow machine."""
    past = ring(default_rng(0).uniform(0.0, 1.0, (240, 1000)))
    began_s = time.process_time()
    features(past, signals=[CPU] * 10, window_s=1e5)
    assert time.process_time() - began_s < 1.0
