"""How often which amount was used: percentiles, fading, and what a restart keeps."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.histogram import BUCKETS_MOST, RATIO, Histogram, edges, numbers

HALF_LIFE_S = 86_400.0
values = st.floats(0.0, 1e6)
adds = st.lists(st.tuples(values, st.floats(0.01, 100.0), st.floats(0.0, 1e6)), min_size=1)


def filled(added: list[tuple[float, float, float]], first: float = 1.0) -> Histogram:
    made = Histogram(first, HALF_LIFE_S)
    for value, weight, at_s in added:
        made.add(value, weight, at_s)
    return made


def test_nothing_was_added() -> None:
    empty = Histogram(1.0, HALF_LIFE_S)
    assert empty.is_empty
    assert empty.total == 0.0
    assert math.isnan(empty.percentile(0.9))
    assert empty.buckets() == ()
    assert empty.pack() == {"at_s": None, "weights": {}}


@pytest.mark.parametrize(
    ("value", "weight", "at_s"),
    [(math.nan, 1.0, 0.0), (1.0, 0.0, 0.0), (1.0, math.nan, 0.0), (1.0, 1.0, math.nan)],
)
def test_what_was_not_seen_is_left_out(value: float, weight: float, at_s: float) -> None:
    made = Histogram(1.0, HALF_LIFE_S)
    made.add(value, weight, at_s)
    assert made.is_empty


@given(st.floats(1e-6, 1e12), st.floats(1e-3, 1e7))
def test_one_value_is_found_again_within_its_bucket(value: float, first: float) -> None:
    made = Histogram(first, HALF_LIFE_S)
    made.add(value, 1.0, 0.0)
    found = made.percentile(0.5)
    if value < edges(first)[-2]:
        assert value * (1 - 1e-9) <= found <= max(value * RATIO * (1 + 1e-9) + first, first)
    else:
        assert found == edges(first)[-1]


@given(adds, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_percentiles_rise_and_stay_within_what_was_added(
    added: list[tuple[float, float, float]], one: float, other: float
) -> None:
    made = filled(added)
    low, high = sorted((one, other))
    assert made.percentile(low) <= made.percentile(high)
    most = max(value for value, _, _ in added)
    assert made.percentile(1.0) >= min(most, edges(1.0)[-1]) * (1 - 1e-9)
    assert made.percentile(0.0) <= most * RATIO + 1.0


@given(adds, st.floats(0.0, 1e9))
def test_time_alone_changes_no_percentile(
    added: list[tuple[float, float, float]], later_s: float
) -> None:
    moved = [(value, weight, at_s + later_s) for value, weight, at_s in added]
    assert filled(added).percentile(0.9) == pytest.approx(filled(moved).percentile(0.9), rel=0.06)


def test_what_is_a_half_life_older_weighs_half() -> None:
    made = filled([(10.0, 1.0, 0.0), (100.0, 1.0, HALF_LIFE_S)])
    assert [round(weight, 9) for _, weight in made.buckets()] == [0.5, 1.0]
    assert made.total == pytest.approx(1.5)


def test_the_past_is_forgotten_and_weights_stay_finite() -> None:
    made = filled([(1000.0, 1.0, 0.0)])
    for day in range(0, 5000, 250):
        made.add(1.0, 1.0, day * HALF_LIFE_S)
    assert made.percentile(1.0) < 3.0
    assert math.isfinite(made.total)


def test_a_peak_that_goes_on_is_counted_once() -> None:
    made = filled([(10.0, 1.0, 0.0)])
    made.replace(10.0, 50.0, 1.0, 0.0)
    assert made.total == pytest.approx(1.0)
    assert made.percentile(0.1) >= 50.0


@given(adds)
def test_a_restart_keeps_it(added: list[tuple[float, float, float]]) -> None:
    before, after = filled(added), Histogram(1.0, HALF_LIFE_S)
    after.unpack(json.loads(json.dumps(before.pack())))
    assert after.total == pytest.approx(before.total, rel=1e-2)
    for share in (0.1, 0.5, 0.9):
        assert after.percentile(share) == pytest.approx(before.percentile(share), rel=0.06)


@pytest.mark.parametrize(
    "packed",
    [
        {},
        {"at_s": None, "weights": {}},
        {"at_s": 1.0, "weights": [1, 2]},
        {"at_s": 1.0, "weights": {"x": 1.0, "-1": 2.0, str(BUCKETS_MOST): 1.0, "3": "a"}},
        {"at_s": 1.0, "weights": {"1": math.nan, "2": -1.0, "3": math.inf}},
    ],
)
def test_what_was_not_packed_leaves_it_empty(packed: dict[str, object]) -> None:
    made = Histogram(1.0, HALF_LIFE_S)
    made.unpack(packed)
    assert made.is_empty
    made.add(5.0, 1.0, 10.0)
    assert made.percentile(0.5) >= 5.0


def test_numbers_of_a_list() -> None:
    assert numbers([1, 2.5, "x", 3], 2) == [2.5, 3.0]
    assert math.isnan(numbers([None], 2)[0])
    assert numbers("12", 2) == ()
    assert numbers(None, 2) == ()
