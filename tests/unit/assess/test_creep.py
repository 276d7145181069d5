"""Answers that take longer and longer: what is foretold of them, and what is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.loop.history_ring import HistoryRing
from everup.model.assessment import Prediction
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.kinds import Cause
from everup.model.observation import HostObservation
from everup.model.stack import ProbeSpec
from everup.model.state import StackState
from everup.predictive_monitor.creep import creeping
from everup.predictive_monitor.steps import BURST_MOST, BURSTS_MOST, in_bursts
from everup.predictive_monitor.trend import TOGETHER, medians
from tests.unit.builders import NOW_S, SETTINGS, seen, service, stack, up

TIMEOUT_S = 2.0
MANY = 200
Values = np.ndarray[tuple[int], np.dtype[np.float64]]
ONE = stack(service("a", probe=ProbeSpec(http="http://127.0.0.1/", timeout_s=TIMEOUT_S)))


def told(shares: Values, pressure_ratio: float = 0.0) -> Prediction | None:
    """Of answers that take such shares of the time-out."""
    ring = HistoryRing(("a",), slots=240, interval_s=5.0, gap_s=90.0)
    for index, share in enumerate(shares):
        sample = np.full((len(SIGNALS), 1), np.nan, dtype=np.float32)
        sample[INDEX[Signal.LATENCY_S], 0] = share * TIMEOUT_S
        ring.append(NOW_S - 5.0 * (len(shares) - 1 - index), sample)
    observation = replace(seen(up("a")), host=HostObservation(pressure_ratio=pressure_ratio))
    found = creeping(ONE, observation, ring, StackState(), SETTINGS)
    return found[0][1] if found else None


def noise(seed: int, size: float = 0.03) -> Values:
    return size * np.random.default_rng(seed).standard_normal(MANY)


@pytest.mark.parametrize("seed", range(10))
def test_a_noisy_creep_towards_the_time_out_is_foretold(seed: int) -> None:
    found = told(np.linspace(0.1, 0.7, MANY) + noise(seed))
    assert found is not None
    assert found.cause is Cause.SLOW
    assert found.probability >= SETTINGS.prediction_acts_above
    assert "2 s" in found.evidence[0]


@pytest.mark.parametrize("seed", range(10))
def test_what_came_as_a_step_and_stays_is_no_creep(seed: int) -> None:
    step = np.where(np.arange(MANY) < 120, 0.1, 0.6)
    found = told(step + noise(seed, 0.02))
    assert found is None or found.probability < SETTINGS.prediction_acts_above


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("at", [0, 30, 45])
def test_a_minute_of_slowness_before_a_creep_does_not_hide_it(seed: int, at: int) -> None:
    """The fall at its end is no sign that answers get quick again by themselves."""
    calm = 0.1 + noise(seed, 0.01)[:70]
    calm[at : at + 12] = 0.6
    found = told(np.append(calm, np.linspace(0.1, 0.75, MANY - 70) + noise(seed + 50)[70:]))
    assert found is not None
    assert found.probability >= SETTINGS.prediction_acts_above


@pytest.mark.parametrize("seed", range(10))
def test_a_slowness_that_comes_again_and_again_is_no_creep(seed: int) -> None:
    found = told(np.where(np.arange(MANY) % 40 >= 25, 0.6, 0.1) + noise(seed, 0.02))
    assert found is None or found.probability < SETTINGS.prediction_acts_above


def test_a_burst_that_ends_in_several_falls_is_one() -> None:
    values = np.full(40, 0.1) + 0.001 * (np.arange(40) % 3)
    values[20:23] = 0.9, 0.6, 0.35
    assert list(np.flatnonzero(in_bursts(values))) == [20, 21, 22]


@pytest.mark.parametrize("seed", range(10))
def test_ramps_that_fell_back_by_themselves_are_no_bursts(seed: int) -> None:
    shares = 0.1 + noise(seed, 0.01)
    for begin in (30, 80):
        shares[begin : begin + 28] += np.linspace(0.0, 0.5, 28)
    shares[140:190] += np.linspace(0.0, 0.6, 50)
    found = told(shares[:190])
    assert found is None or found.probability < SETTINGS.prediction_acts_above


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=0, max_size=60))
def test_what_is_in_bursts_is_little_and_high(given_values: list[float]) -> None:
    values = np.array(given_values, dtype=np.float64)
    found = in_bursts(values)
    assert found.shape == values.shape
    assert np.count_nonzero(found) <= BURSTS_MOST * BURST_MOST
    if found.any():
        assert values[found].max() > values[~found].min()


def test_a_machine_short_of_processors_explains_it() -> None:
    creep = np.linspace(0.1, 0.7, MANY)
    assert told(creep) is not None
    assert told(creep, pressure_ratio=0.9) is None


def test_the_quick_and_the_unknown_are_not_looked_at() -> None:
    assert told(np.linspace(0.01, 0.15, MANY)) is None
    assert told(np.full(MANY, np.nan)) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.0, 1.0) | st.just(float("nan")), min_size=0, max_size=60))
def test_medians_stay_within_what_was_seen(given_values: list[float]) -> None:
    values = np.array(given_values, dtype=np.float64)
    at, middle = medians(np.arange(len(values), dtype=np.float64), values)
    known = values[np.isfinite(values)]
    assert len(at) == len(middle) == len(known) // TOGETHER
    if len(middle):
        assert known.min() <= middle.min() <= middle.max() <= known.max()
