"""How much a mean varies: waves are found, counted over hours, and not taken for calm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.rollback_manager.noise import Noise, Series, noise_of

HOUR_S = 3600.0
SEEDS = st.integers(0, 9_999)


def hour(seed: int, *, every_s: float = 5.0, waves: float = 0.0, climbs: float = 0.0) -> Series:
    """Noise of variance 1, of which `waves` comes and goes over minutes."""
    random = np.random.default_rng(seed)
    t = np.arange(0.0, HOUR_S, every_s)
    slow = np.repeat(random.standard_normal(30), round(120.0 / every_s))
    values = np.sqrt(1.0 - waves) * random.standard_normal(len(t)) + np.sqrt(waves) * slow
    return t, np.ones(len(t)), values + climbs * t


def slow_of(seeds: range, hours: int) -> list[float]:
    found = []
    for seed in seeds:
        earlier = [hour(1000 * (seed + 1) + part) for part in range(1, hours)]
        found.append(noise_of(hour(seed), earlier).slow)
    return found


def test_more_hours_tell_more_surely_that_there_are_no_waves() -> None:
    one, three = slow_of(range(60), 1), slow_of(range(60), 3)
    assert np.mean(three) < 0.8 * np.mean(one)
    assert np.quantile(three, 0.9) < np.quantile(one, 0.9)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_waves_of_the_last_hour_count_alone_however_calm_it_was(seed: int) -> None:
    last = hour(seed, every_s=1.0, waves=0.3)
    calm = [hour(seed + 10_000 + part, every_s=1.0) for part in range(2)]
    assert noise_of(last, calm).slow == noise_of(last).slow
    assert noise_of(last).slow > 6.0


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_waves_before_the_last_hour_count_too(seed: int) -> None:
    waves = [hour(seed + 10_000 + part, waves=0.3) for part in range(2)]
    assert noise_of(hour(seed), waves).slow > noise_of(hour(seed)).slow


@pytest.mark.parametrize("climbs", [0.0, 1e-3])
def test_a_steady_climb_is_no_wave(climbs: float) -> None:
    found = noise_of(hour(3, climbs=climbs), [hour(4, climbs=climbs), hour(5, climbs=climbs)])
    assert found.climbs_per_s == pytest.approx(climbs, abs=2e-4)
    assert found.slow < 3.0


def test_too_little_to_tell_is_no_wave() -> None:
    times_s, weights, values = hour(1)
    few = times_s[:2], weights[:2], values[:2]
    assert isinstance(noise_of(few, [few]), Noise)
    assert noise_of(few).slow == 0.0
