"""What a probability is worth, and from when it pays to act: from what came of earlier ones."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.fold import fold_all
from everup.loop.tuning import (
    Alarms,
    anomaly_budget_of,
    calibration_of,
    due,
    in_force,
    taken_back,
)
from everup.model import entries as e
from everup.model.accuracy import ForecastTally
from everup.model.state import StackState
from everup.model.tuning import Calibration, Knob
from everup.predictive_monitor import thresholds
from everup.predictive_monitor.calibration import (
    RAISED_MOST,
    SETTLED_LEAST,
    error_of,
    isotonic,
    learned,
    moved_most,
)
from tests.unit.builders import NOW_S, SETTINGS

DAY_S = 86_400.0


def tally(tenth: int, count: int, came: int, service: str = "") -> ForecastTally:
    p = tenth / 10 + 0.05
    squared = came * (1 - p) ** 2 + (count - came) * p * p
    return ForecastTally(service, tenth, count, came, count * p, squared)


TALLIES = st.lists(st.tuples(st.integers(0, 200), st.floats(0.0, 1.0)), min_size=10, max_size=10)


@given(TALLIES)
def test_it_never_falls_and_never_raises_far(drawn: list[tuple[int, float]]) -> None:
    known = [tally(i, n, round(n * share)) for i, (n, share) in enumerate(drawn)]
    found = learned(known)
    assert found.is_sound
    points = [found.of(i / 100) for i in range(101)]
    assert all(a <= b + 1e-12 for a, b in pairwise(points))
    assert all(0.0 <= p <= 1.0 for p in points)
    for one in known:
        if one.count:
            said = one.sum_p / one.count
            assert found.of(said) <= said + RAISED_MOST + 1e-9


@given(TALLIES)
def test_little_is_no_calibration(drawn: list[tuple[int, float]]) -> None:
    some = [tally(i, min(n, 4), 0) for i, (n, _) in enumerate(drawn)]
    assert sum(t.count for t in some) < SETTLED_LEAST
    assert learned(some) == Calibration()


def test_nothing_is_learned_where_all_came_or_none_did() -> None:
    assert learned([tally(7, 200, 200)]) == Calibration()
    assert learned([tally(7, 200, 0)]) == Calibration()


def test_what_came_half_as_often_as_said_is_worth_half() -> None:
    known = [tally(i, 400, round(400 * (i / 10 + 0.05) / 2)) for i in range(10)]
    found = learned(known)
    assert found.of(0.75) == pytest.approx(0.375, abs=0.02)
    assert error_of(known, found) < 0.1 * error_of(known, Calibration())


def test_what_came_as_said_stays() -> None:
    known = [tally(i, 400, round(400 * (i / 10 + 0.05))) for i in range(10)]
    assert moved_most(Calibration(), learned(known)) < 0.08  # above the highest tenth it is level


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 9)), min_size=1, max_size=12))
def test_isotonic_keeps_the_mean_and_rises(drawn: list[tuple[float, float]]) -> None:
    values, weights = [v for v, _ in drawn], [w for _, w in drawn]
    found = isotonic(values, weights)
    assert all(a <= b + 1e-12 for a, b in pairwise(found))
    mean = sum(v * w for v, w in drawn)
    assert sum(v * w for v, w in zip(found, weights, strict=True)) == pytest.approx(mean)
    again = isotonic(found, weights)
    assert again == pytest.approx(found)


@pytest.mark.parametrize(
    "knots", [((0.5, 0.4), (0.4, 0.5)), ((0.4, 0.5), (0.5, 0.4)), ((0.0, 0.1),), ((0.5, 1.1),)]
)
def test_a_map_that_falls_is_none(knots: tuple[tuple[float, float], ...]) -> None:
    said, worth = tuple(x for x, _ in knots), tuple(y for _, y in knots)
    assert not Calibration(said, worth).is_sound
    entry = e.Recalibrated(1.0, said, worth, 9, "", "everup")
    state = fold_all(StackState(), [entry])
    assert state.tuned.calibration == Calibration()


def settled(*tallies: ForecastTally, at_s: float = NOW_S) -> e.ForecastsSettled:
    return e.ForecastsSettled(at_s, tuple(replace(t, service="a") for t in tallies), 0, tallies)


def test_once_a_day_by_itself_and_back_by_hand() -> None:
    poor = [tally(i, 60, round(60 * (i / 10 + 0.05) / 3)) for i in range(10)]
    state = fold_all(StackState(), [settled(*poor)])
    first = due(state, SETTINGS, NOW_S)
    assert [type(x) for x in first] == [e.Recalibrated, e.ThresholdTuned]
    state = fold_all(state, first)
    assert calibration_of(SETTINGS, state).of(0.75) < 0.5
    assert in_force(SETTINGS, state).prediction_acts_above == pytest.approx(0.75)
    assert due(state, SETTINGS, NOW_S + 0.9 * DAY_S) == []
    (second,) = due(state, SETTINGS, NOW_S + 1.1 * DAY_S)  # the calibration has not moved
    assert isinstance(second, e.ThresholdTuned)
    assert second.new == pytest.approx(0.8)

    back = taken_back(state, SETTINGS, Knob.ACTS_ABOVE, NOW_S + DAY_S, "Ann", "too timid")
    back += taken_back(state, SETTINGS, Knob.CALIBRATION, NOW_S + DAY_S, "Ann", "")
    state = fold_all(state, back)
    assert in_force(SETTINGS, state) is SETTINGS
    assert calibration_of(SETTINGS, state) == Calibration()
    assert due(state, SETTINGS, NOW_S + 20 * DAY_S) == []
    assert taken_back(state, SETTINGS, Knob.ACTS_ABOVE, NOW_S, "Ann", "") == []
    assert due(state, SETTINGS, NOW_S + 40 * DAY_S)


def test_switched_off_nothing_is_tuned_and_nothing_applied() -> None:
    poor = [tally(i, 60, 2 * i) for i in range(10)]
    state = fold_all(StackState(), [settled(*poor)])
    state = fold_all(state, due(state, SETTINGS, NOW_S))
    off = replace(SETTINGS, tuning_enabled=False)
    assert due(state, off, NOW_S + 9 * DAY_S) == []
    assert in_force(off, state) is off
    assert calibration_of(off, state) == Calibration()
    assert anomaly_budget_of(off, state) == 1.0


@given(TALLIES, st.floats(0.7, 0.95), st.integers(1, 20), st.integers(1, 60))
def test_the_level_stays_between_what_is_set_and_95(
    drawn: list[tuple[int, float]], start: float, costs: int, days: int
) -> None:
    known = [tally(i, n, round(n * share)) for i, (n, share) in enumerate(drawn)]
    now = start
    for _ in range(days):
        move = thresholds.acts_above(known, 0.7, now, costs)
        if move is None:
            break
        assert abs(move.new - now) <= thresholds.STEP + 1e-8
        now = move.new
        assert 0.7 <= now <= thresholds.MOST


def test_good_forecasts_keep_the_level_and_bring_it_back() -> None:
    good = [tally(7, 30, 25), tally(8, 30, 27), tally(9, 30, 29)]
    assert thresholds.acts_above(good, 0.7, 0.7, 1) is None
    move = thresholds.acts_above(good, 0.7, 0.9, 1)
    assert move is not None
    assert move.new == pytest.approx(0.85)


def test_only_the_lowest_part_that_does_not_come_is_left_out() -> None:
    known = [tally(7, 40, 8), tally(8, 30, 27), tally(9, 30, 29)]
    move = thresholds.acts_above(known, 0.7, 0.75, 1)
    assert move is not None
    assert move.new == pytest.approx(0.8)
    assert "56%" not in move.why
    assert thresholds.acts_above(known, 0.7, 0.8, 1) is None
    assert thresholds.acts_above(known, 0.7, 0.7, 9) is None, "a miss is nine times as bad"


def test_the_budget_of_alarms_follows_what_they_were_good_for() -> None:
    kwargs = {"failures": 12, "announced": 6, "miss_costs": 1}
    fewer = thresholds.anomaly_budget(1.0, alarms=40, useful=3, **kwargs)
    assert fewer is not None
    assert fewer.new == pytest.approx(0.8)
    more = thresholds.anomaly_budget(
        1.0, alarms=6, useful=5, failures=12, announced=2, miss_costs=1
    )
    assert more is not None
    assert more.new == pytest.approx(1.25)
    assert thresholds.anomaly_budget(0.5, alarms=40, useful=0, **kwargs) is None
    state = fold_all(StackState(), [settled(tally(5, 1, 0))])
    (entry,) = due(state, SETTINGS, NOW_S, lambda: Alarms(40, 3))
    assert isinstance(entry, e.ThresholdTuned)
    state = fold_all(state, [entry])
    assert anomaly_budget_of(SETTINGS, state) == pytest.approx(0.8)
    state = fold_all(state, taken_back(state, SETTINGS, Knob.ANOMALY_BUDGET, NOW_S, "Ann", "no"))
    assert anomaly_budget_of(SETTINGS, state) == 1.0
    assert math.isnan(state.tuned.acts_above)
