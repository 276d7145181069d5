"""The plain rule beside us is the usual autoscaler, step by step, and what both cost is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.scaling.policies import Hpa
from benchmarks.scaling.traces import STEP_S, made
from benchmarks.scaling.world import CAPACITY, LAG_STEPS, START_S, Sight, play
from everup.auto_scaler.balance import CHANGE_STEPS, FACTOR_MOST, SHORT_STEPS, Balance
from everup.auto_scaler.shadow import PlainRule

STARTS_IN = START_S // STEP_S
MOST = 10**9


class Beside:
    """Wants what the usual autoscaler wants, and asks the plain rule the same."""

    def __init__(self) -> None:
        self.usual, self.plain = Hpa(0.7), PlainRule(STARTS_IN)
        self.wanted: list[tuple[int, int]] = []
        self.readies: list[tuple[int, int]] = []
        self._before = 0

    def want(self, sight: Sight) -> int:
        for demand in sight.seen if sight.step == LAG_STEPS else sight.seen[-1:]:
            plain = self.plain.follow(float(demand), CAPACITY, 1, MOST)
        usual = self.usual.want(sight)
        self.wanted.append((usual, plain))
        return usual


def demands(seed: int, steps: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    level = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.15, steps)))
    level *= np.where(rng.random(steps) < 0.05, rng.uniform(0, 6, steps), 1.0)
    return np.minimum(level, 1e5)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_it_wants_what_the_usual_autoscaler_wants(seed: int) -> None:
    beside = Beside()
    play(demands(seed, 300), beside)
    usual, plain = zip(*beside.wanted, strict=True)
    assert plain == usual


def test_so_it_does_on_a_day_that_is_made() -> None:
    for demand in made(1, days=1).values():
        beside = Beside()
        play(demand, beside)
        assert all(usual == plain for usual, plain in beside.wanted)


def test_it_is_short_when_those_that_take_work_carry_less_than_is_asked() -> None:
    rule = PlainRule(4)
    for demand in (70.0, 70.0, 70.0):
        rule.follow(demand, 100.0, 1, MOST)
        assert not rule.was_short
    rule.follow(250.0, 100.0, 1, MOST)
    assert rule.was_short
    assert rule.has_changed
    for _ in range(6):
        rule.follow(250.0, 100.0, 1, MOST)
    assert not rule.was_short, "those that were ordered take work by now"


@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=60), st.integers(1, 5), st.integers(0, 9))
def test_it_keeps_to_the_bounds(asked: list[float], least: int, more: int) -> None:
    rule = PlainRule(4)
    before = 0
    for demand in asked:
        found = rule.follow(demand, 25.0, least, least + more)
        assert least <= found <= least + more
        assert not before or found <= max(2 * before, before + 4)
        assert rule.ready <= max(found, before or found)
        before = found


def test_a_start_may_take_longer_than_was_thought() -> None:
    rule = PlainRule(2)
    for demand in (10.0, 10.0, 200.0, 200.0):
        rule.follow(demand, 100.0, 1, MOST)
    rule.starts_anew(6)
    for _ in range(20):
        rule.follow(200.0, 100.0, 1, MOST)
    assert rule.ready == rule.instances
    rule.starts_anew(1)
    assert rule.ready == rule.instances


FLAGS = st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans())


@given(st.lists(FLAGS, max_size=40), st.floats(1, 1000), st.floats(0.1, 10))
def test_prices_stay_within_their_factor(
    steps: list[tuple[bool, bool, bool, bool]], costs: float, gains: float
) -> None:
    balance = Balance(costs, gains)
    for short, plain_short, changed, plain_changed in steps:
        balance.follow(
            was_short=short,
            plain_was_short=plain_short,
            has_changed=changed,
            plain_has_changed=plain_changed,
        )
        assert 0.0 <= balance.short <= 1.0
        assert costs / FACTOR_MOST <= balance.shortage_price <= costs * FACTOR_MOST
        assert gains <= balance.change_price <= gains * FACTOR_MOST


def told(balance: Balance, steps: int, **flags: bool) -> Balance:
    for _ in range(steps):
        balance.follow(
            was_short=flags.get("short", False),
            plain_was_short=flags.get("plain_short", False),
            has_changed=flags.get("changed", False),
            plain_has_changed=flags.get("plain_changed", False),
        )
    return balance


def test_whoever_is_short_more_often_pays_more_and_less_when_it_is_not() -> None:
    assert Balance(100.0, 1.0).shortage_price == 100.0
    assert told(Balance(100.0, 1.0), 2000, short=True).shortage_price == 400.0
    assert told(Balance(100.0, 1.0), 2000, plain_short=True).shortage_price < 30.0
    both = told(Balance(100.0, 1.0), 2000, short=True, plain_short=True)
    assert both.shortage_price == pytest.approx(100.0)
    forgot = told(told(Balance(100.0, 1.0), 500, short=True), int(12 * SHORT_STEPS))
    assert forgot.shortage_price == pytest.approx(100.0, rel=0.01)


def test_whoever_changes_more_often_must_gain_more() -> None:
    assert told(Balance(1.0, 0.7), 2000, changed=True).change_price == pytest.approx(2.8)
    assert told(Balance(1.0, 0.7), 2000, plain_changed=True).change_price == 0.7
    assert told(Balance(1.0, 0.7), int(CHANGE_STEPS)).change_price == 0.7
