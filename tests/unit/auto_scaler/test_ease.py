"""What is counted on of an instance whose end nobody knows: what it has carried with ease for a few
steps, no more for what just happened, and no less for others that came."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.capacity import EXPLORE, Capacity
from everup.auto_scaler.ease import BEYOND, SOON, STEPS, Ease, alone, is_calm
from everup.model.kinds import UNKNOWN

RATE = st.floats(0.1, 1e5)
RATES = st.lists(RATE, min_size=STEPS, max_size=20)
STEP_S, WINDOW_S = 15.0, 300.0


def told(
    rates: list[float], proven: float = UNKNOWN, *, calm: bool = True, made: Ease | None = None
) -> float:
    """After these steps, one after the other."""
    made, found = made or Ease(WINDOW_S), UNKNOWN
    for step, rate in enumerate(rates):
        found = made.take(step * STEP_S, proven, rate, is_calm=calm)
    return found


@given(RATE, st.integers(STEPS, 20), st.integers(1, 50))
def test_who_is_at_rest_is_given_no_more(rate: float, steps: int, instances: int) -> None:
    carries = told([rate] * steps)
    assert math.ceil(rate * instances / carries - 1e-6) <= instances


@given(RATES)
def test_it_is_a_rate_of_a_few_steps_and_a_fifth_more(rates: list[float]) -> None:
    found = told(rates)
    assert sum(rate * BEYOND >= found for rate in rates) >= STEPS - (len(rates) < SOON)
    assert found <= max(rates) * BEYOND


@given(RATES, RATE)
def test_what_just_came_is_not_counted_on_yet(rates: list[float], more: float) -> None:
    assert told([*rates, max(rates) + more]) <= max(rates) * BEYOND


@given(st.lists(RATE, min_size=STEPS, max_size=10), st.lists(RATE, max_size=5))
def test_others_that_come_make_none_of_them_carry_less(
    before: list[float], after: list[float]
) -> None:
    assert told(before + after) >= min(before)


@given(RATES, RATE)
def test_told_twice_of_a_step_it_says_the_same(rates: list[float], proven: float) -> None:
    made = Ease(WINDOW_S)
    found = told(rates, proven, made=made)
    at_s = (len(rates) - 1) * STEP_S
    assert made.take(at_s, proven, rates[-1], is_calm=True) == pytest.approx(found, nan_ok=True)


@given(st.lists(RATE, min_size=1, max_size=40))
def test_what_is_proven_counts_and_grows_by_a_quarter_in_a_window(proven: list[float]) -> None:
    made, told_so_far = Ease(WINDOW_S), list[float]()
    for step, one in enumerate(proven):
        found = made.take(step * STEP_S, one, 0.0, is_calm=False)
        window = told_so_far[-19:]
        assert found == min(one, EXPLORE * min(window, default=math.inf))
        told_so_far.append(found)


def test_what_is_felt_is_not_counted_on_and_what_is_long_ago_neither() -> None:
    assert math.isnan(told([100.0] * 10, calm=False))
    made = Ease(WINDOW_S)
    assert told([100.0] * STEPS, made=made) == pytest.approx(120.0)
    assert made.take(WINDOW_S - 1.0, UNKNOWN, 900.0, is_calm=False) == pytest.approx(120.0)
    assert math.isnan(made.take(2 * WINDOW_S, UNKNOWN, 900.0, is_calm=False))
    told([100.0] * STEPS, made=made)
    made.forget()
    assert math.isnan(made.take(3 * WINDOW_S, UNKNOWN, 100.0, is_calm=True))


@pytest.mark.parametrize(
    ("latency_s", "base_s", "target_s", "waiting", "errors", "calm"),
    [
        (0.12, 0.1, 0.3, 0.0, 0.0, True),
        (0.14, 0.1, 0.3, 0.0, 0.0, False),  # it takes longer than without load
        (0.12, math.nan, 0.3, 0.0, 0.0, True),
        (0.16, math.nan, 0.3, 0.0, 0.0, False),  # more than half of the target
        (0.16, 0.15, 0.18, 0.0, 0.0, True),
        (0.19, 0.15, 0.18, 0.0, 0.0, False),  # beyond the target
        (0.12, 0.1, math.nan, math.nan, math.nan, True),
        (0.12, 0.1, 0.3, 0.6, 0.0, False),
        (0.12, 0.1, 0.3, 0.0, 0.006, False),
        (0.12, math.nan, math.nan, 0.0, 0.0, False),
        (math.nan, 0.1, 0.3, 0.0, 0.0, False),
    ],
)
def test_calm_is_what_nothing_is_felt_in(
    latency_s: float, base_s: float, target_s: float, waiting: float, errors: float, calm: bool
) -> None:
    assert is_calm(latency_s, base_s, target_s, waiting, errors, 0.01) is calm


def known(base_s: float) -> Capacity:
    return Capacity(UNKNOWN, UNKNOWN, math.inf, False, base_s, "rules", "")


@given(st.floats(0.001, 10.0), st.floats(0.001, 10.0))
def test_one_after_the_other_is_carried_within_the_target_or_not_at_all(
    latency_s: float, target_s: float
) -> None:
    found = alone(latency_s, target_s, known(UNKNOWN))
    assert found == alone(latency_s, target_s, known(latency_s))
    assert 0.0 <= found * latency_s <= 0.6 + 1e-9
    assert (found > 0.0) == (target_s > latency_s)


def test_without_a_target_the_default_one_says_what_is_carried_alone() -> None:
    assert alone(0.1, UNKNOWN, known(UNKNOWN)) == pytest.approx(1.0 / 0.3)
    assert alone(UNKNOWN, 0.3, known(0.1)) == alone(0.0, 0.3, known(0.1)) == 0.0
