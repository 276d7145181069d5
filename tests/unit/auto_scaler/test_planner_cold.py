"""The planner before it has seen enough for a forecast: no more than is needed at rest, in time in
a rise, and fewer only after a window of demand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.ease import BEYOND
from everup.auto_scaler.planner import TARGET_OF_EASE, By, CountPlan, CountPlanner, CountView
from everup.auto_scaler.shadow import STILL_STEPS, TARGET

STARTS_IN = 1


def played(
    demands: list[float], carries: float, first: int, *, is_certain: bool
) -> tuple[list[int], CountPlan]:
    """What was wanted after each step, each wish carried out by the next."""
    planner = CountPlanner(STARTS_IN, unit=0.04 * carries)
    target = TARGET if is_certain else TARGET_OF_EASE
    now, wanted, plan = first, [], None
    for demand in demands:
        view = CountView(now, now, 1, 100, carries, is_certain=is_certain, target=target)
        planner.follow(demand, view)
        plan = planner.plan(view)
        now = plan.wanted
        wanted.append(now)
    assert plan is not None
    return wanted, plan


@given(st.floats(0.5, 1e4), st.integers(1, 20))
def test_at_rest_what_was_proven_calls_for_no_more(rate: float, instances: int) -> None:
    """Nobody knows where the end is, and what is there carries what is asked."""
    carries = rate * BEYOND  # than what it carries with ease now
    wanted, _ = played([rate * instances] * 40, carries, instances, is_certain=False)
    assert set(wanted) == {instances}


@given(st.floats(0.5, 1e4), st.integers(1, 20))
def test_where_its_end_is_known_a_third_is_left(rate: float, instances: int) -> None:
    wanted, _ = played([rate * instances] * 40, rate, instances, is_certain=True)
    assert wanted[-1] * 0.7 * rate * 1.11 >= min(rate * instances, 100 * 0.7 * rate)


@given(st.lists(st.floats(8.0, 12.0), min_size=40, max_size=60))
def test_what_is_counted_on_wavers_and_nothing_goes_for_it_within_a_window(
    carries: list[float],
) -> None:
    planner, now, counts = CountPlanner(STARTS_IN), 8, list[int]()
    for one in carries:
        view = CountView(now, now, 1, 100, one, is_certain=False, target=TARGET_OF_EASE)
        planner.follow(80.0, view)
        now = planner.plan(view).wanted
        counts.append(now)
    for step in range(len(counts)):
        needs = [math.ceil(80.0 / one - 1e-6) for one in carries[max(0, step - 19) : step + 1]]
        assert counts[step] >= max(needs)


def test_a_rise_is_gone_ahead_of() -> None:
    """Five times as much in eight steps: who is ordered after a step is there for the one after
    the next, and whoever is there then is enough."""
    demands = [30.0] * 4 + [30.0 + 15.0 * step for step in range(1, 9)] + [150.0] * 10
    wanted, _ = played(demands, 15.0, 3, is_certain=False)
    for step, demand in list(enumerate(demands))[6:]:  # it began after the fourth
        assert wanted[step - 2] * 15.0 >= demand * 0.99, (step, wanted)
    assert max(wanted) <= 20


def test_a_rise_is_left_to_the_plain_rule_where_the_end_is_known() -> None:
    """It leaves a third: what leaps all the time would have twice that."""
    demands = [30.0] * 4 + [30.0 + 15.0 * step for step in range(1, 9)] + [150.0] * 10
    wanted, _ = played(demands, 15.0, 3, is_certain=True)
    assert max(wanted) <= math.ceil(150.0 / (0.7 * 15.0))


def test_a_rise_that_ends_is_kept_for_a_window_and_no_longer() -> None:
    rise = [30.0, 30.0, 45.0, 60.0]
    wanted, plan = played(rise, 10.0, 6, is_certain=False)
    assert (plan.by, plan.wanted) == (By.PLAIN, 11)
    assert "rising to" in plan.text
    wanted, _ = played(rise + [60.0] * (STILL_STEPS + 6), 10.0, 6, is_certain=False)
    assert wanted[10] == 11
    assert wanted[-1] == 7


@pytest.mark.parametrize("steps", [-3, 0, 1, 5])
def test_steps_that_nobody_saw_end_a_rise_and_none_do_not(steps: int) -> None:
    planner = CountPlanner(STARTS_IN)
    view = CountView(3, 3, 1, 100, 15.0, is_certain=False, target=TARGET_OF_EASE)
    for demand in (30.0, 30.0, 45.0):
        planner.follow(demand, view)
        planner.skip(steps)
    assert (planner.rise.most > 45.0) is (steps <= 0)


def test_what_is_not_seen_removes_nothing_and_says_so() -> None:
    demands = [100.0] * 30 + [math.nan] * 100
    wanted, plan = played(demands, 10.0, 20, is_certain=True)
    assert set(wanted[30:]) == {wanted[29]}
    assert plan.by is By.HELD
    assert "nothing is removed" in plan.text
    wanted, plan = played([*demands, *[10.0] * (STILL_STEPS + 2)], 10.0, 20, is_certain=True)
    assert wanted[-1] == 2, "it goes on"
