"""What was needed over a day, the hours of the day, and how forecasts are held to account."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.amounts import amount, several, share
from everup.auto_scaler.demand.account import Account, pinball
from everup.auto_scaler.demand.forecast import TOLD_AT
from everup.auto_scaler.demand.past import DAY, DemandPast
from everup.auto_scaler.hours import HOUR, hours, idle_steps
from everup.auto_scaler.needs import KEPT_MOST, STRETCH_STEPS, Needs

DEMANDS = st.floats(0.0, 1e6)


@given(st.lists(st.one_of(st.integers(1, 9).map(float), st.just(math.nan)), max_size=90))
def test_each_stretch_is_the_most_of_its_steps(needs: list[float]) -> None:
    found = Needs()
    for one in needs:
        found.take(one)
    assert len(found.values) == len(needs) // STRETCH_STEPS
    for place, value in enumerate(found.values):
        known = [n for n in needs[place * STRETCH_STEPS :][:STRETCH_STEPS] if math.isfinite(n)]
        assert value == max(known) if known else math.isnan(value)


def test_steps_that_nobody_saw_take_their_time_and_the_record_is_bounded() -> None:
    found = Needs()
    found.take(3.0)
    found.take(math.nan, 5 * STRETCH_STEPS - 1)
    assert found.values[0] == 3.0
    assert [math.isnan(one) for one in found.values] == [False, True, True, True, True]
    found.take(math.nan, 10**9)
    assert len(found.values) == KEPT_MOST


@given(DEMANDS, DEMANDS, st.floats(0.01, 0.99))
def test_a_pinball_loss_is_no_gain_and_is_none_for_what_came(
    told: float, came: float, at: float
) -> None:
    assert pinball(told, came, at) >= 0.0
    assert pinball(came, came, at) == 0.0


@given(st.lists(st.tuples(DEMANDS, DEMANDS), min_size=1, max_size=40))
def test_saying_as_now_at_every_share_is_as_good_as_the_plain_forecast(
    pairs: list[tuple[float, float]],
) -> None:
    account = Account(TOLD_AT, 10.0)
    assert math.isnan(account.loss)
    for now, came in pairs:
        account.settle([now] * len(TOLD_AT), now, came)
    assert account.settled == len(pairs)
    assert account.loss == account.loss_as_now >= 0.0


def test_who_tells_what_came_has_less_loss_than_who_says_as_now() -> None:
    account = Account(TOLD_AT, 4.0)
    for step in range(20):
        account.settle([step + 1.0] * len(TOLD_AT), float(step), step + 1.0)
    assert account.loss == 0.0
    assert account.loss_as_now == pytest.approx(0.5)  # the mean share of one unit


def past_of(steps: int, first_at: int = 0) -> DemandPast:
    """In each hour of the day as much as its number."""
    past = DemandPast()
    past.first_at = first_at
    for _ in range(steps):
        past.take(float(past.place // HOUR))
    return past


def test_hours_of_the_day_are_found_again_also_in_another_zone() -> None:
    past = past_of(2 * DAY, first_at=700)
    found = hours(past)
    assert found.means == pytest.approx(tuple(float(hour) for hour in range(24)), abs=0.05)
    assert found.days == 1  # of the hours that were seen in part, whole ones alone count
    ahead = hours(past, shift_hours=2)
    assert ahead.means[2:] + ahead.means[:2] == pytest.approx(found.means)


def test_an_hour_that_was_never_seen_is_unknown() -> None:
    found = hours(past_of(3 * HOUR))
    assert found.means[:3] == pytest.approx((0.0, 1.0, 2.0))
    assert all(math.isnan(one) for one in found.means[3:])
    assert found.days == 0


@pytest.mark.parametrize(("idle", "least", "most"), [(0, 0, 0), (7, 7, 7), (3000, 2980, 3000)])
def test_how_long_nothing_was_asked(idle: int, least: int, most: int) -> None:
    past = DemandPast()
    for demand in [5.0] * 50 + [0.0] * idle:
        past.take(demand)
    assert least <= idle_steps(past) <= most


def test_what_was_not_seen_was_not_idle() -> None:
    past = DemandPast()
    for demand in [5.0, 0.0, 0.0, math.nan, 0.0, 0.0]:
        past.take(demand)
    assert idle_steps(past) == 2
    assert idle_steps(DemandPast()) == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.35, "0.35/s"), (42.0, "42/s"), (1234.5, "1234/s"), (math.nan, "?"), (math.inf, "no end")],
)
def test_amounts(value: float, said: str) -> None:
    assert amount(value, "/s") == said


def test_shares_and_numbers() -> None:
    shares = (0.0, 0.0004, 0.004, 0.12, math.nan)
    assert [share(s) for s in shares] == ["0 %", "under 0.1 %", "0.4 %", "12 %", "?"]
    assert (several(1), several(3)) == ("1 instance", "3 instances")
