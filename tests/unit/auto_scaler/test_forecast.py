"""Forecasts: whatever is asked they are numbers, and what they say of themselves adds up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.auto_scaler.demand.features import V_SIZE, X_SIZE, moment
from everup.auto_scaler.demand.forecast import (
    ERRORS_LEAST,
    STRETCH_MOST,
    SUMMED_EACH,
    Forecaster,
    Spread,
    far,
    highest_of,
    mean_of,
    near,
)
from everup.auto_scaler.demand.past import DemandPast
from everup.auto_scaler.demand.regression import WIDTH_LEAST, WIDTH_MOST, Line

SPREADS = st.lists(
    st.tuples(st.floats(0.0, 1e6), st.floats(1e-3, 1.0)), min_size=1, max_size=40
).map(
    lambda pairs: Spread(
        np.array([value for value, _ in pairs]),
        np.array([mass for _, mass in pairs]) / sum(mass for _, mass in pairs),
    )
)


def followed(
    demands: list[float], past: DemandPast | None = None
) -> tuple[DemandPast, Forecaster, Forecaster]:
    past = past or DemandPast()
    soon = Forecaster(5, highest_of(5), near)
    ahead = Forecaster(64, mean_of(4), far, 4)
    for demand in demands:
        past.take(demand)
        now = moment(past)
        assert np.isfinite(now.x).all()
        assert np.isfinite(now.v).all()
        for one in (soon, ahead):
            one.follow(past, now)
    return past, soon, ahead


def check(found: Spread | None) -> None:
    assert found is not None
    assert np.isfinite(found.values).all()
    assert (found.values >= 0.0).all()
    assert (found.masses >= 0.0).all()
    assert found.masses.sum() == pytest.approx(1.0)
    told = found.quantiles((0.05, 0.5, 0.95, 1.0))
    assert list(told) == sorted(told)


@given(SPREADS, st.floats(0.01, 1.0))
def test_a_quantile_is_the_smallest_that_so_much_is_not_above(spread: Spread, share: float) -> None:
    (value,) = spread.quantiles((share,))
    assert 1.0 - spread.chance_above(value) >= share - 1e-9
    below = spread.values[spread.values < value]
    if len(below):
        assert 1.0 - spread.chance_above(float(below.max())) < share + 1e-9


@given(SPREADS, st.floats(0.0, 1e6), st.floats(0.0, 1e6))
def test_more_is_never_more_probable(spread: Spread, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0.0 <= spread.chance_above(high) <= spread.chance_above(low) <= 1.0 + 1e-9
    assert spread.chance_above(float(spread.values.max())) == 0.0


KINDS: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "nothing": lambda rng, n: np.zeros(n),
    "always the same": lambda rng, n: np.full(n, 17.0),
    "hardly anything": lambda rng, n: rng.uniform(0, 1e-9, n),
    "jumps": lambda rng, n: np.where(rng.random(n) < 0.02, 1e6, 1.0) * rng.uniform(0.5, 2.0, n),
    "up a million times": lambda rng, n: np.where(np.arange(n) < n // 2, 1e-3, 1e3),
    "down a million times": lambda rng, n: np.where(np.arange(n) < n // 2, 1e6, 0.0),
    "with holes": lambda rng, n: np.where(rng.random(n) < 0.2, np.nan, rng.lognormal(3, 1, n)),
    "unseen at first": lambda rng, n: np.where(np.arange(n) < 50, np.nan, 30.0),
    "beyond belief": lambda rng, n: np.where(rng.random(n) < 0.05, 1e15, 3.0),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("error")
def test_whatever_is_asked_it_is_foretold_by_numbers(kind: str) -> None:
    demands = KINDS[kind](np.random.default_rng(3), 700)
    _, soon, ahead = followed([float(value) for value in demands])
    if kind != "with holes":
        check(soon.now)
        check(ahead.now)
    for one in (soon, ahead):
        assert one.weights.sum() == pytest.approx(1.0)
        assert (one.weights >= 0.0).all()
        assert 0.0 <= one.missed <= 1.0
        assert 1.0 <= one._stretch <= STRETCH_MOST


@given(
    st.lists(
        st.floats(0.0, 1e15) | st.sampled_from([0.0, 1e15, 1e-15, math.nan]),
        min_size=1,
        max_size=30,
    ),
    st.floats(1e-6, 1e6),
)
@settings(deadline=None, max_examples=40)
def test_whatever_comes_after_it_is_still_foretold(demands: list[float], unit: float) -> None:
    known = [float(v) for v in np.random.default_rng(1).lognormal(2.0, 0.3, 160)]
    _, soon, _ = followed([*known, *demands], DemandPast(unit))
    check(soon.now)


def test_nothing_is_foretold_before_enough_came_of_it() -> None:
    _, soon, _ = followed([5.0] * (ERRORS_LEAST + 4))
    assert soon.now is None
    assert soon.weights.tolist() == [0.25] * 4
    _, soon, _ = followed([5.0] * (ERRORS_LEAST + SUMMED_EACH + 6))
    assert soon.now is not None
    low, high = soon.now.quantiles((0.05, 0.95))
    assert low == pytest.approx(5.0, rel=0.05)
    assert high == pytest.approx(5.0, rel=0.05)


def test_it_holds_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    at = np.arange(3000)
    level = 200.0 * (1.0 + 0.5 * np.sin(2 * np.pi * at / 1500))
    demands = rng.poisson(level).astype(float)
    past, soon, _ = followed([])
    told: list[tuple[int, float, float]] = []
    above = inside = count = 0
    for step, demand in enumerate(demands):
        while told and told[0][0] <= step:
            _, low, high = told.pop(0)
            came = float(demands[step - 5 : step].max())
            inside += low <= came <= high
            above += came > high
            count += 1
        past.take(float(demand))
        soon.follow(past, moment(past))
        if soon.now is not None and step > 600:
            low, high = soon.now.quantiles((0.05, 0.95))
            told.append((step + 6, low, high))
    assert 0.84 <= inside / count <= 0.97
    assert above / count <= 0.09


def test_what_was_not_wholly_seen_teaches_nothing() -> None:
    demands = [float(value) for value in np.random.default_rng(2).lognormal(3, 0.2, 300)]
    _, one, _ = followed(demands)
    _, other, _ = followed([*demands, *[math.nan] * 40])
    assert other._count == one._count, "what ends in a hole is not settled"
    assert len(other._waiting) <= other.after


def test_another_stretch_keeps_what_was_learned_and_begins_to_wait_anew() -> None:
    past, soon, _ = followed([20.0] * 200)
    count = soon._count
    soon.retarget(2, highest_of(2))
    past.take(20.0)
    soon.follow(past, moment(past))
    assert soon._count >= count
    assert len(soon._waiting) <= 2
    soon.retarget(40, highest_of(40))
    for _ in range(100):
        past.take(20.0)
        soon.follow(past, moment(past))
    assert len(soon._waiting) <= 40
    check(soon.now)


def test_a_line_that_the_features_explain_is_found() -> None:
    rng = np.random.default_rng(4)
    line = Line(3, 2)
    slope = np.array([0.1, -0.4, 0.2])
    for _ in range(800):
        x = np.r_[1.0, rng.normal(0, 1, 2)]
        v = np.array([1.0, abs(x[1])])
        rise = float(x @ slope) + rng.normal(0, 0.02)
        said, width = line.say(x, v)
        line.learn(x, v, rise, rise - said, width)
    said, width = line.say(np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0]))
    assert said == pytest.approx(-0.3, abs=0.05)
    assert WIDTH_LEAST <= width < 0.1


@given(st.lists(st.floats(-50, 50), min_size=X_SIZE, max_size=X_SIZE), st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=30)
def test_a_line_says_no_more_than_it_may(x: list[float], rise: float) -> None:
    line = Line(X_SIZE, V_SIZE)
    v = np.linspace(-3.0, 3.0, V_SIZE)
    for _ in range(200):
        said, width = line.say(np.array(x), v)
        assert -2.0 <= said <= 2.0
        assert WIDTH_LEAST <= width <= WIDTH_MOST
        line.learn(np.array(x), v, rise, rise - said, width)
