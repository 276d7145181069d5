"""The cheapest number for a demand that is not certain, against trying every number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.cheapest import COUNT_MOST, cheapest, needed
from everup.auto_scaler.demand import Spread

SPREADS = st.lists(
    st.tuples(st.floats(0.0, 500.0), st.floats(1e-3, 1.0)), min_size=1, max_size=30
).map(
    lambda pairs: Spread(
        np.array([value for value, _ in pairs]),
        np.array([mass for _, mass in pairs]) / sum(mass for _, mass in pairs),
    )
)
CAPACITIES = st.floats(5.0, 100.0)
PRICES = st.floats(0.1, 500.0)


def cost(spread: Spread, capacity: float, count: int, price: float) -> float:
    """E[max(0, count - needed)] + price x P(needed > count), by the definition."""
    total = 0.0
    for value, mass in zip(spread.values, spread.masses, strict=True):
        need = needed(float(value), capacity)
        total += float(mass) * (max(0, count - need) + price * (need > count))
    return total


def chance(spread: Spread, capacity: float, count: int) -> float:
    pairs = zip(spread.values, spread.masses, strict=True)
    return sum(float(mass) for value, mass in pairs if needed(float(value), capacity) > count)


@given(SPREADS, CAPACITIES, PRICES, st.integers(1, 20), st.integers(1, 12))
def test_no_number_is_cheaper(
    spread: Spread, capacity: float, price: float, now: int, least: int
) -> None:
    found = cheapest(spread, capacity, now, shortage_price=price, change_price=0.0, least=least)
    assert found.instances >= least
    assert not found.is_bound
    top = max(needed(float(spread.values.max()), capacity), now, least)
    best = min(cost(spread, capacity, count, price) for count in range(least, top + 1))
    assert cost(spread, capacity, found.instances, price) == pytest.approx(best, abs=1e-6)
    assert found.chance == pytest.approx(chance(spread, capacity, found.instances), abs=1e-9)


@given(SPREADS, CAPACITIES, PRICES, PRICES, st.integers(1, 20))
def test_the_dearer_a_shortage_the_more_there_are(
    spread: Spread, capacity: float, one: float, other: float, now: int
) -> None:
    low, high = (
        cheapest(spread, capacity, now, shortage_price=price, change_price=-math.inf)
        for price in sorted((one, other))
    )
    assert high.instances >= low.instances
    assert high.chance <= low.chance


@given(SPREADS, CAPACITIES, PRICES, st.integers(1, 20), st.floats(0.001, 0.5), st.floats(0, 5))
def test_a_declared_chance_is_kept(
    spread: Spread, capacity: float, price: float, now: int, most: float, gains: float
) -> None:
    found = cheapest(
        spread, capacity, now, shortage_price=price, change_price=gains, chance_most=most
    )
    assert found.chance <= most + 1e-9
    free = cheapest(spread, capacity, now, shortage_price=price, change_price=-math.inf)
    if found.is_bound and not found.is_kept:
        assert found.instances > free.instances
        assert chance(spread, capacity, found.instances - 1) > most - 1e-9


@given(SPREADS, CAPACITIES, PRICES, st.integers(1, 20), st.floats(0.0, 5.0), st.integers(1, 6))
def test_the_present_number_stays_only_where_another_one_gains_too_little(
    spread: Spread, capacity: float, price: float, now: int, gains: float, least: int
) -> None:
    found = cheapest(spread, capacity, now, shortage_price=price, change_price=gains, least=least)
    assert found.instances >= least
    if found.is_kept:
        assert found.instances == now >= least
        free = cheapest(
            spread, capacity, now, shortage_price=price, change_price=-math.inf, least=least
        )
        gain = cost(spread, capacity, now, price) - cost(spread, capacity, free.instances, price)
        assert gain <= gains + 1e-6


@given(st.floats(0.0, 1e15), st.floats(1e-3, 1e6))
def test_what_is_needed_carries_it_and_one_fewer_does_not(demand: float, capacity: float) -> None:
    count = needed(demand, capacity)
    assert 1 <= count <= COUNT_MOST
    if count < COUNT_MOST:
        assert count * capacity >= demand * (1.0 - 1e-6) - 1e-5 * capacity
        assert count == 1 or (count - 1) * capacity < demand


def test_rounding_alone_needs_no_instance() -> None:
    assert needed(0.1 + 0.2, 0.3) == 1
    assert needed(0.0, 5.0) == 1
    assert needed(50.1, 25.0) == 3


def test_a_demand_beyond_belief_costs_no_memory() -> None:
    spread = Spread(np.array([10.0, 1e17]), np.array([0.5, 0.5]))
    found = cheapest(
        spread, 1e-3, 5, shortage_price=100.0, change_price=0.0, least=needed(1e15, 1e-3)
    )
    assert found.instances == COUNT_MOST
