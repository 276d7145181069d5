"""The test of a regression: right in direction, deaf to units, safe with NaN, held when peeked."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.rollback_manager.regression import Measure, Regression, regression, said
from everup.rollback_manager.samples import Samples, joined, samples
from everup.rollback_manager.sequential import boundary, evidence, share_most, too_many

BEFORE_S, AFTER_S, CHANGED_S = 1200.0, 300.0, 1_000_000.0
SEEDS = st.integers(0, 9_999)


def answered(
    seed: int, *, slower: float = 1.0, variation: float = 0.3, scale: float = 1.0
) -> tuple[Samples, Samples]:
    """One answer a second before and after; `scale`: seconds of the clock in a second of theirs."""
    random = np.random.default_rng(seed)
    t = np.arange(-BEFORE_S, AFTER_S)
    spread = math.sqrt(math.log1p(variation**2))
    latency_s = 0.1 * np.exp(spread * random.standard_normal(len(t)))
    latency_s *= np.where(t >= 0.0, slower, 1.0) * scale
    found = samples(CHANGED_S + t * scale, latency_s)
    return found.between(0.0, CHANGED_S), found.between(CHANGED_S, math.inf)


def asked(pair: tuple[Samples, Samples]) -> Regression:
    return regression(*pair, CHANGED_S)


def test_half_as_slow_again_is_seen_and_said() -> None:
    found = asked(answered(1, slower=1.5))
    (latency,) = found.worse
    assert latency.measure is Measure.LATENCY
    assert latency.ratio == pytest.approx(1.5, rel=0.1)
    assert 1.03 < latency.ratio_least < latency.ratio
    assert said(found)[0].startswith("latency 0.0")


@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_the_same_is_no_regression_however_often_one_looks(seed: int) -> None:
    before, after = answered(seed, variation=0.5)
    for now_s in np.arange(80.0, AFTER_S, 40.0):
        seen = after.between(CHANGED_S, CHANGED_S + now_s)
        assert not regression(before, seen, CHANGED_S).worse


@given(SEEDS, st.floats(0.0, 0.5))
@settings(max_examples=8, deadline=None)
def test_identical_data_is_no_regression(seed: int, variation: float) -> None:
    before, _ = answered(seed, variation=variation)
    again = before.between(CHANGED_S - AFTER_S, CHANGED_S)
    after = samples(again.times_s + AFTER_S, again.latency_s)
    assert not regression(before, after, CHANGED_S).worse
    even = samples(before.times_s, np.full(len(before), 0.1))
    same = samples(after.times_s, np.full(len(after), 0.1))
    assert not regression(even, same, CHANGED_S).worse


@given(SEEDS, st.sampled_from([0.001, 0.2, 60.0]), st.sampled_from([1.0, 1.25, 2.0]))
@settings(max_examples=8, deadline=None)
def test_units_of_time_change_nothing(seed: int, scale: float, slower: float) -> None:
    plain = answered(seed, slower=slower)
    one = asked(plain)
    milli = [samples(part.times_s, scale * part.latency_s) for part in plain]
    other = regression(milli[0], milli[1], CHANGED_S)
    assert [c.is_worse for c in one.compared] == [c.is_worse for c in other.compared]
    assert one.compared[0].ratio_least == pytest.approx(other.compared[0].ratio_least, rel=1e-6)


def test_at_another_pace_all_times_go_together() -> None:
    one = asked(answered(3, slower=1.5)).compared[0]
    fast = answered(3, slower=1.5, scale=0.25)
    other = regression(*fast, CHANGED_S, time_scale=0.25).compared[0]
    assert one.is_worse
    assert other.ratio_least == pytest.approx(one.ratio_least)
    assert (other.answers, other.lasted_s) == (one.answers, one.lasted_s)


@given(SEEDS, st.floats(0.2, 4.0), st.floats(1.0, 3.0))
@settings(max_examples=12, deadline=None)
def test_slower_is_never_less_of_a_regression(seed: int, slower: float, more: float) -> None:
    some, worse = asked(answered(seed, slower=slower)), asked(answered(seed, slower=slower * more))
    assert worse.compared[0].ratio >= some.compared[0].ratio - 1e-9
    assert worse.compared[0].ratio_least >= some.compared[0].ratio_least - 1e-9
    assert len(worse.worse) >= len(some.worse)


@given(SEEDS, st.floats(0.0, 1.0))
@settings(max_examples=12, deadline=None)
def test_nan_is_left_out(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    parts = []
    for part in answered(seed):
        hole = np.where(random.random(len(part)) < share, np.nan, 1.0)
        parts.append(
            samples(
                part.times_s * np.where(random.random(len(part)) < share / 2, np.nan, 1.0),
                part.latency_s * hole,
                errors=hole - 1.0,
                cpu_ratio=hole,
                rate_per_s=hole,
            )
        )
    found = regression(parts[0], parts[1], CHANGED_S)
    assert not found.worse
    assert all(math.isfinite(one.ratio) for one in found.compared if one.measure != "errors")


def test_nothing_at_all_says_why() -> None:
    nothing = samples([], [])
    assert "before the change" in regression(nothing, nothing, CHANGED_S).held
    before, after = answered(1)
    assert "too few yet" in regression(before, after.between(0, CHANGED_S + 60), CHANGED_S).held
    assert "before the change" in regression(nothing, after, CHANGED_S).held


@pytest.mark.parametrize("seed", [4, 5, 6, 7])
def test_a_cold_start_is_no_regression(seed: int) -> None:
    before, after = answered(seed)
    since_s = after.times_s - CHANGED_S
    cold = samples(after.times_s, after.latency_s * np.where(since_s < 60.0, 4.0, 1.0))
    for now_s in np.arange(80.0, AFTER_S, 10.0):
        seen = cold.between(0.0, CHANGED_S + now_s)
        assert now_s < 110.0 or not regression(before, seen, CHANGED_S).worse


def loaded(*, slower: float, surge: float, tells: str) -> Regression:
    """M/M/1 at 30 % before; the load goes up within the five minutes after."""
    random = np.random.default_rng(7)
    t = np.arange(-BEFORE_S, AFTER_S)
    ratio = np.where(t >= 0.0, slower, 1.0)
    load = surge ** np.clip(t / 200.0, 0.0, 1.0) * (1.0 + 0.03 * random.standard_normal(len(t)))
    busy = np.clip(0.3 * load * ratio, 0.0, 0.97)
    latency_s = 0.05 * ratio / (1.0 - busy) * np.exp(0.2 * random.standard_normal(len(t)))
    found = samples(
        CHANGED_S + t,
        latency_s,
        cpu_ratio=None if tells == "rate" else busy,
        rate_per_s=None if tells == "cpu" else 10.0 * load,
    )
    parts = found.between(0.0, CHANGED_S), found.between(CHANGED_S, math.inf)
    return regression(*parts, CHANGED_S)


@pytest.mark.parametrize("tells", ["cpu", "rate", "rate and cpu"])
def test_load_alone_is_no_regression(tells: str) -> None:
    assert not loaded(slower=1.0, surge=2.8, tells=tells).worse


@pytest.mark.parametrize("tells", ["cpu", "rate and cpu"])
def test_a_regression_under_load_is_one(tells: str) -> None:
    found = loaded(slower=1.8, surge=1.3, tells=tells).worse
    assert found
    assert found[0].allowed > 1.0


def test_busier_than_anything_before_cannot_be_compared() -> None:
    found = loaded(slower=3.0, surge=3.0, tells="cpu")
    assert not found.worse
    assert "busier than can be compared" in found.held


def test_a_climb_from_before_goes_on() -> None:
    before, after = answered(5, variation=0.1)
    both = joined([before, after])
    climbing = samples(both.times_s, both.latency_s * np.exp((both.times_s - CHANGED_S) / 1500.0))
    parts = climbing.between(0.0, CHANGED_S), climbing.between(CHANGED_S, math.inf)
    assert not regression(*parts, CHANGED_S).worse


def test_what_it_does_every_day_is_no_regression() -> None:
    before, after = answered(6, variation=0.1)
    both = joined([before, after])
    rises = np.where(both.times_s >= CHANGED_S, 1.5, 1.0)
    today = samples(both.times_s, both.latency_s * rises)
    parts = today.between(0.0, CHANGED_S), today.between(CHANGED_S, math.inf)
    assert regression(*parts, CHANGED_S).worse
    days = [samples(today.times_s - d * 86_400.0, today.latency_s) for d in range(1, 6)]
    assert not regression(*parts, CHANGED_S, past=joined(days)).worse


def test_slower_everywhere_is_not_its_own() -> None:
    parts = answered(8, slower=1.6)
    assert asked(parts).worse
    assert not regression(*parts, CHANGED_S, elsewhere=1.7).worse


def test_errors_that_last_are_seen_and_a_burst_is_not() -> None:
    before, after = answered(9)
    random = np.random.default_rng(9)
    some = (random.random(len(after)) < 0.2).astype(float)
    lasting = samples(after.times_s, after.latency_s, errors=some)
    found = regression(before, lasting, CHANGED_S)
    assert [one.measure for one in found.worse] == [Measure.ERRORS]
    assert "errors 0.0% before" in said(found)[-1]
    since_s = after.times_s - CHANGED_S
    burst = samples(after.times_s, after.latency_s, errors=((since_s > 40) & (since_s < 60)) * 1.0)
    for now_s in np.arange(80.0, AFTER_S, 10.0):
        assert not regression(before, burst.between(0, CHANGED_S + now_s), CHANGED_S).worse


def test_more_cpu_for_each_request_is_seen() -> None:
    before, after = answered(10)
    parts = [
        samples(p.times_s, p.latency_s, cpu_ratio=c * np.ones(len(p)), rate_per_s=np.ones(len(p)))
        for p, c in ((before, 0.1), (after, 0.2))
    ]
    found = regression(parts[0], parts[1], CHANGED_S)
    assert [one.measure for one in found.worse] == [Measure.CPU]


def test_sums_over_intervals_do_as_well() -> None:
    before, after = answered(11, slower=1.5)
    parts = []
    for part in (before, after):
        many = len(part) // 10
        logs = np.log(part.latency_s[: 10 * many]).reshape(many, 10).mean(axis=1)
        parts.append(samples(part.times_s[: 10 * many : 10], np.exp(logs), answers=[10.0] * many))
    assert regression(parts[0], parts[1], CHANGED_S).worse


def test_the_boundary_holds_for_walks_that_are_looked_at_all_the_time() -> None:
    random, crossed, walks = np.random.default_rng(12), 0, 1_000
    share = np.arange(1, 401) / 100.0
    limit = np.array([boundary(s, 0.02) for s in share])
    for _ in range(walks):
        walk = np.cumsum(random.standard_normal(400)) / np.sqrt(np.arange(1, 401))
        crossed += bool((walk > limit).any())
    assert crossed / walks <= 0.02


def test_the_evidence_for_errors_holds_when_looked_at_all_the_time() -> None:
    random, called = np.random.default_rng(13), 0
    for _ in range(150):
        failed = np.cumsum(random.random(200) < 0.05)
        called += any(too_many(float(failed[n]), n + 1.0, 0.05, 0.05) for n in range(9, 200, 10))
    assert called / 150 <= 0.05
    assert evidence(10.0, 20.0, 0.05) > math.log(1e4)


@given(st.integers(0, 50), st.integers(1, 500))
def test_the_most_of_a_share_lies_above_it(failed: int, more: int) -> None:
    asked_ = float(failed + more)
    assert failed / asked_ <= share_most(failed, asked_, 4.4) <= 1.0
    assert share_most(0.0, 0.0, 4.4) == 1.0


def test_arrays_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        samples([1.0, 2.0], [0.1])
    with pytest.raises(ValueError, match="alpha"):
        boundary(1.0, 0.7)


def test_who_was_how_busy_before_is_not_known_excuses_all_that_load_can() -> None:
    before, after = answered(3, slower=1.6)
    busy = replace(after, cpu_ratio=np.full(len(after), 0.5))
    assert asked((before, after)).worse
    assert not asked((before, busy)).worse, "half of it busy: twice as slow as idle"
    known = replace(before, cpu_ratio=np.full(len(before), 0.5))
    assert asked((known, busy)).worse, "it was as busy before"
