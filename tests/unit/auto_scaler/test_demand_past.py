"""The past of a demand: the same means and maxima as a list of everything gives, in a bound."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.auto_scaler.demand.past import BIN, DAY, RECENT, WEEK, DemandPast

DEMANDS = st.floats(0.0, 1e6) | st.sampled_from([0.0, 1e-9, 1e6, math.nan])
COUNTS = (1, 4, 20, 240, 960)


def past_of(demands: list[float], unit: float = 1.0) -> DemandPast:
    past = DemandPast(unit)
    for demand in demands:
        past.take(demand)
    return past


def as_taken(demands: list[float]) -> list[float]:
    """A step that nobody saw is as the one before it."""
    found: list[float] = []
    for demand in demands:
        found.append((found[-1] if found else 0.0) if math.isnan(demand) else demand)
    return found


def walk(steps: int, seed: int) -> list[float]:
    moves = np.random.default_rng(seed).normal(0.0, 0.05, steps)
    return [float(value) for value in 50.0 * np.exp(np.cumsum(moves - moves.mean()))]


@given(st.lists(DEMANDS, min_size=1, max_size=80), st.integers(1, 100))
@settings(deadline=None)
def test_it_is_what_a_list_of_everything_says(demands: list[float], count: int) -> None:
    past, taken = past_of(demands), as_taken(demands)
    part = taken[-count:]
    assert past.last == taken[-1]
    assert past.steps == len(taken)
    assert past.latest(count).tolist() == part
    assert past.highest((1, count))[1] == max(part)
    assert past.mean(count) == pytest.approx(sum(part) / len(part), abs=1e-6)
    logs = [math.log(value + past.unit) for value in taken]
    moves = [abs(b - a) for a, b in pairwise(logs)][-count:]
    assert past.moved(count) == pytest.approx(sum(moves) / len(part), abs=1e-9)


@pytest.mark.parametrize("steps", [RECENT - 1, RECENT + 1, 3 * RECENT + 7])
def test_it_goes_round_without_a_seam(steps: int) -> None:
    demands = walk(steps, steps)
    past = past_of(demands)
    for count in COUNTS:
        assert past.mean(count) == pytest.approx(float(np.mean(demands[-count:])), rel=1e-9)
        assert past.highest((count,))[0] == max(demands[-count:])
    assert past.latest(10 * RECENT).tolist() == demands[-RECENT:]


def test_a_day_and_a_week_ago_are_still_known_after_more_than_a_week() -> None:
    demands = walk(WEEK + DAY, 5)
    past = past_of(demands)
    everything = np.array(demands)
    for lag in (DAY, WEEK):
        at = past.steps - lag
        for start, end in ((-20, 0), (0, 20), (20, 80), (-240, 240)):
            naive = float(everything[at + start : at + end].mean())
            assert past.mean_ago(lag, start, end) == pytest.approx(naive, rel=1e-6)


def test_between_two_points_of_the_curve_it_is_drawn_straight() -> None:
    demands = walk(DAY + BIN // 2 + 3, 6)
    past = past_of(demands)
    sums = np.concatenate([[0.0], np.cumsum(demands)])
    points = np.arange(0, len(sums), BIN)

    def drawn(step: int) -> float:
        return float(np.interp(step, points, sums[points]))

    at = past.steps - DAY
    naive = (drawn(at + 80) - drawn(at + 20)) / 60
    assert past.mean_ago(DAY, 20, 80) == pytest.approx(naive, rel=1e-9)


def test_before_the_first_step_nothing_is_known() -> None:
    past = DemandPast()
    assert math.isnan(past.last)
    assert math.isnan(past.mean(4))
    assert past.moved(4) == 0.0
    past.take(3.0)
    assert math.isnan(past.mean_ago(DAY, 0, 20))


@pytest.mark.parametrize("unseen", [math.nan, -1.0, math.inf, 1e300])
def test_what_cannot_be_is_a_step_that_nobody_saw(unseen: float) -> None:
    past = past_of([5.0, 7.0, unseen])
    assert past.last == 7.0
    assert past.unseen_at == 2
    assert math.isfinite(past.mean(3))
    past.take(8.0)
    assert past.unseen_at == 2


def test_the_place_of_the_day_goes_round() -> None:
    past = DemandPast()
    past.first_at = DAY - 1
    assert past.place == DAY - 1
    past.take(1.0)
    assert past.place == 0


@given(st.integers(1, 60), st.integers(1, 3000))
@settings(deadline=None, max_examples=25)
def test_steps_that_nobody_saw_are_taken_at_once_as_one_by_one(seen: int, unseen: int) -> None:
    demands = walk(seen, seen)
    one_by_one, at_once = past_of([*demands, *[math.nan] * unseen]), past_of(demands)
    at_once.skip(unseen)
    for past in (one_by_one, at_once):
        past.take(9.0)
    assert at_once.steps == one_by_one.steps
    assert at_once.unseen_at == one_by_one.unseen_at
    for count in COUNTS:
        assert at_once.mean(count) == pytest.approx(one_by_one.mean(count), rel=1e-9)
        assert at_once.moved(count) == pytest.approx(one_by_one.moved(count), abs=1e-9)
    assert at_once.latest(RECENT).tolist() == one_by_one.latest(RECENT).tolist()
    if unseen > 80:
        ago = unseen // 2
        assert at_once.mean_ago(ago, -20, 20) == pytest.approx(one_by_one.mean_ago(ago, -20, 20))
