"""Where a rise leads: never down, never on a hunch, along a line as far as it is."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.rise import JUMP, RISES_TO_MOST, STEPS, TOLERANCE, Rise, risen
from everup.model.kinds import UNKNOWN

DEMANDS = st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30)
AHEAD = st.integers(1, 12)


@given(DEMANDS, AHEAD)
def test_it_is_never_less_than_now_and_never_more_than_twice_as_much(
    demands: list[float], ahead: int
) -> None:
    found = risen(demands, ahead)
    assert demands[-1] <= found <= RISES_TO_MOST * demands[-1]


@given(DEMANDS, AHEAD, st.sampled_from([2.0, 1024.0, 0.25]))
def test_units_do_not_matter(demands: list[float], ahead: int, unit: float) -> None:
    assert risen([d * unit for d in demands], ahead) == pytest.approx(risen(demands, ahead) * unit)


@given(DEMANDS, AHEAD)
def test_further_ahead_is_no_less(demands: list[float], ahead: int) -> None:
    assert risen(demands, ahead + 1) >= risen(demands, ahead)


@given(st.floats(1.0, 1e5), st.floats(0.21, 0.4), st.integers(3, 15), st.integers(1, 3))
def test_a_steady_rise_is_led_on_as_it_is(low: float, share: float, steps: int, ahead: int) -> None:
    line = [low + low * share * step for step in range(3)]
    found = risen([low] * steps + line[1:], ahead)
    leads_to = min(line[-1] + low * share * ahead, 2 * line[-1])
    is_much = leads_to > line[-1] * (1.0 + TOLERANCE)
    assert found == pytest.approx(leads_to if is_much else line[-1])


@given(DEMANDS.filter(lambda found: len(found) >= 3), AHEAD)
def test_a_step_that_nobody_saw_ends_what_is_known(demands: list[float], ahead: int) -> None:
    before, after = demands[:2], demands[2:]
    assert risen([*before, math.nan, *after], ahead) == risen(after, ahead)


def test_of_nothing_seen_nothing_is_known() -> None:
    assert math.isnan(risen([], 3))
    assert math.isnan(risen([1.0, math.nan], 3))


def test_what_comes_at_once_is_no_rise() -> None:
    assert risen([0.0, 0.0, 12.0, 29.0], 3) == 29.0
    assert risen([1.0, 1.0, 2.5, JUMP + 0.1], 3) == JUMP + 0.1


def test_before_chance_is_known_two_fifths_are_little() -> None:
    assert risen([100.0, 120.0, 140.0], 3) == 140.0
    assert risen([100.0, 121.0, 142.0], 3) == pytest.approx(142.0 + 3 * 21.0)


def test_what_leads_to_little_is_left_to_the_room_that_there_is() -> None:
    line = [100.0 * (1.0 + 0.02 * step) for step in range(STEPS)]
    few = int(TOLERANCE * line[-1] / 2.0)
    assert risen(line, few) == line[-1]
    assert risen(line, few + 1) == pytest.approx(line[-1] + 2.0 * (few + 1))


def test_a_slow_rise_is_told_from_chance_by_a_longer_line() -> None:
    """A fifteenth a step, and off by nearly as much."""
    draw = random.Random(3)
    found = []
    for _ in range(200):
        line = [70.0] * 16 + [70.0 + 4.5 * step for step in range(1, 9)]
        seen = [draw.gauss(one, 4.0) for one in line]
        found.append(any(risen(seen[:n], 4) > seen[n - 1] for n in range(17, 25)))
    assert sum(found) > 150


def test_where_it_led_is_kept_for_a_window() -> None:
    rise = Rise(20)
    for demand in [30.0] * 5:
        rise.take(demand, 3)
        assert rise.most == 0.0
    for demand in (45.0, 60.0, 75.0):
        rise.take(demand, 3)
        assert rise.most >= demand + 20.0
    led_to = rise.most
    for _ in range(19):
        rise.take(75.0, 3)
        assert rise.most == led_to
    for demand in (75.0, 75.0, UNKNOWN):
        rise.take(demand, 3)
    assert rise.most == 0.0, "its end was seen a step late"


@pytest.mark.parametrize("requests", [30.0, 75.0, 450.0, 3000.0])
def test_chance_is_hardly_ever_a_rise(requests: float) -> None:
    """Counts of so many requests in a step, as they come by chance, are off by their root."""
    draw = random.Random(7)
    seen = [draw.gauss(requests, requests**0.5) for _ in range(4000)]
    fooled = sum(risen(seen[:n][-18:], 3) > seen[n - 1] for n in range(18, len(seen)))
    assert fooled < 0.01 * len(seen)
