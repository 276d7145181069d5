"""What is carried with ease is counted on: now as it is, from before with some luck taken off."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.ease import Ease, is_calm

RATES = st.floats(0.1, 1e5)
STEP_S = 15.0


def ease() -> Ease:
    return Ease(300.0, STEP_S)


@given(RATES, st.integers(1, 50))
def test_what_is_asked_now_is_carried_by_those_that_are_there(demand: float, ready: int) -> None:
    carries = ease().take(0.0, demand, ready, is_calm=True)
    assert math.ceil(demand / carries - 1e-6) == ready


@given(RATES, st.integers(1, 50), st.integers(1, 50))
def test_more_instances_make_none_of_them_carry_less_but_for_luck(
    demand: float, before: int, more: int
) -> None:
    made = ease()
    had = made.take(0.0, demand, before, is_calm=True)
    has = made.take(STEP_S, demand, before + more, is_calm=True)
    luck = min(1.0, 1.0 / math.sqrt(demand * STEP_S))
    assert has == pytest.approx(max(had * (1.0 - luck), demand / (before + more)))


@given(RATES)
def test_told_twice_it_says_the_same(demand: float) -> None:
    made = ease()
    assert made.take(9.0, demand, 3, is_calm=True) == made.take(9.0, demand, 3, is_calm=True)


def test_what_is_felt_is_not_counted_on_and_what_is_long_ago_neither() -> None:
    made = ease()
    assert made.take(0.0, 300.0, 3, is_calm=False) == 0.0
    made.take(15.0, 300.0, 3, is_calm=True)
    assert 95.0 < made.take(300.0, 900.0, 3, is_calm=False) < 100.0
    assert made.take(315.0, 900.0, 3, is_calm=False) == 0.0
    made.take(330.0, 300.0, 3, is_calm=True)
    made.forget()
    assert made.take(345.0, 0.0, 3, is_calm=True) == 0.0


@pytest.mark.parametrize(
    ("latency_s", "base_s", "target_s", "waiting", "errors", "calm"),
    [
        (0.12, 0.1, 0.3, 0.0, 0.0, True),
        (0.14, 0.1, 0.3, 0.0, 0.0, False),  # it takes longer than without load
        (0.12, math.nan, 0.3, 0.0, 0.0, True),
        (0.16, math.nan, 0.3, 0.0, 0.0, False),  # more than half of the target
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
