"""The benchmark of calibration: worlds, formulas, and a short day through the product."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.calibration import ece, figures, interval, linear, played, table
from benchmarks.strained import ROW_S, world


def test_a_seed_is_a_world_and_its_failures_are_at_the_limit() -> None:
    one, other = world(3, 0.5, 4), world(3, 0.5, 4)
    for mine, its in zip(one.services, other.services, strict=True):
        assert (mine.values == its.values).all()
        assert mine.failed_s == its.failed_s
        for at_s in mine.failed_s:
            (index,) = np.flatnonzero(one.times == at_s)
            assert mine.values[index] > 0.9


def test_the_error_is_the_distance_of_said_from_came() -> None:
    said, came = np.array([0.9] * 10 + [0.1] * 10), np.array([1.0] * 7 + [0.0] * 13)
    assert ece(said, came) == pytest.approx((10 * 0.2 + 10 * 0.1) / 20)
    assert [point["count"] for point in table(said, came)] == [10, 10]


def test_the_interval_holds_the_mean() -> None:
    squared = np.random.default_rng(1).random(200)
    low, high = interval(squared, np.arange(200) // 10, 0)
    assert low < squared.mean() < high


def test_a_short_day_through_the_products_own_parts() -> None:
    """Four services and six hours: each forecast is settled by what the world did."""
    known = played(5, 0.25, 4)
    made = world(5, 0.25, 4)
    failed = {s.name: np.array(s.failed_s) for s in made.services}
    assert known
    for one in known:
        ahead = failed[one.service] - one.at_s
        assert one.came == bool(((ahead > 0) & (ahead <= 900.0)).any())
        assert 0.0 <= one.said <= 1.0
    found = figures(known)
    assert found["settled"] == len(known)
    by_name = {s.name: s for s in made.services}
    late_s = made.times[-1] - ROW_S
    assert linear(made.times, by_name["s0"], late_s) in (0.0, 1.0)
