"""The formulas of the detector and what must hold for any input."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from everup.predictive_monitor.anomaly.daily import SLOT_ROWS_LEAST, DailyProfile, slots_of
from everup.predictive_monitor.anomaly.lifelong import FEATURES, ROWS_LEAST, Lifelong
from everup.predictive_monitor.anomaly.reports import (
    ALARMS_A_DAY,
    CONFIRMING_ROWS,
    QUIET_ROWS,
    RARE,
    ROWS_OF_RARE,
    Reports,
    bound_of,
)
from everup.predictive_monitor.anomaly.signs import (
    MEMBERS,
    PAST_ROWS,
    STARTING_LEAST,
    Given,
    settled_of,
    signs_of,
)
from everup.predictive_monitor.anomaly.tails import BINS, FULL, RARITY_MOST, Tails
from everup.predictive_monitor.anomaly.windows import Ordered, calmed, mean_of, trailing_means

FEW = settings(max_examples=40, deadline=None)
numbers = st.floats(-1e6, 1e6, width=32)
holed = arrays(np.float32, (3, 24), elements=st.one_of(numbers, st.just(np.float32(np.nan))))


@FEW
@given(holed, st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_a_quantile_is_that_of_the_known_values(window: np.ndarray, q: float) -> None:
    found = Ordered.of(window).quantile(q)
    for row, value in zip(window, found, strict=True):
        known = row[np.isfinite(row)].astype(np.float64)
        if len(known):
            assert value == pytest.approx(np.quantile(known, q), rel=1e-4, abs=1e-2)
        else:
            assert np.isnan(value)


@FEW
@given(holed)
def test_a_mean_is_unknown_where_half_is(window: np.ndarray) -> None:
    for row, value in zip(window, mean_of(window), strict=True):
        known = row[np.isfinite(row)].astype(np.float64)
        assert np.isfinite(value) == (len(known) >= 12)
        if np.isfinite(value):
            assert value == pytest.approx(known.mean(), rel=1e-4, abs=1e-2)


def test_calmed_removes_a_lone_spike_and_keeps_a_step() -> None:
    spike = np.array([[1, 1, 1, 9, 1, 1, 1]], dtype=np.float32)
    step = np.array([[1, 1, 1, 9, 9, 9, 9]], dtype=np.float32)
    assert calmed(spike).tolist() == [[1, 1, 1, 1, 1]]
    assert calmed(step).tolist() == [[1, 1, 9, 9, 9]]


def test_trailing_means() -> None:
    values = np.arange(6, dtype=np.float32)[None]
    assert trailing_means(values, 3).tolist() == [[1, 2, 3, 4]]


@FEW
@given(st.lists(st.floats(0, 1000, width=32), min_size=30, max_size=60))
def test_rarity_grows_with_the_score_and_is_bounded(past: list[float]) -> None:
    tails = Tails.new(1, 1)
    for score in past:
        tails.learn(np.array([[score]], dtype=np.float32))
    asked = np.linspace(0, 5000, 40, dtype=np.float32)
    found = [float(tails.rarity(np.array([[a]], dtype=np.float32))[0, 0]) for a in asked]
    assert all(0 <= r <= RARITY_MOST for r in found)
    # Between what is counted and the fitted tail there may be a small step, never a fall.
    assert all(b >= a - 0.35 for a, b in pairwise(found))


def test_rarity_is_the_tail_probability_of_what_was_seen() -> None:
    rng = np.random.default_rng(1)
    tails = Tails.new(1, 1)
    for score in rng.lognormal(0, 1, 6000).astype(np.float32):
        tails.learn(np.array([[score]]))
    for q in (0.5, 0.9, 0.99, 0.999):
        asked = np.quantile(rng.lognormal(0, 1, 200_000), q)
        found = tails.rarity(np.array([[asked]], dtype=np.float32))[0, 0]
        # A tail lighter than the fitted power law is taken as less rare, not as rarer.
        assert -0.4 <= found + np.log10(1 - q) <= 0.2


def test_unknown_scores_are_not_rare_and_teach_nothing() -> None:
    tails = Tails.new(2, 3)
    unknown = np.full((2, 3), np.nan, dtype=np.float32)
    tails.learn(unknown)
    assert tails.counts.sum() == 0
    assert tails.rarity(unknown).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_an_old_past_fades() -> None:
    tails = Tails.new(1, 1)
    tails.counts[0, 0, 4] = FULL - 1
    tails.counts[0, 0, 9] = 100
    tails.learn(np.array([[2.0**-4]], dtype=np.float32))
    assert tails.counts[0, 0, [4, 9]].tolist() == [FULL // 2, 50]
    assert tails.counts.shape[-1] == BINS


def given_of(past: np.ndarray, value: float) -> Given:
    row = past.astype(np.float32)[None]
    known = past[np.isfinite(past)]
    low, high = (np.array([f(known)], dtype=np.float32) for f in (np.min, np.max))
    return Given(row, np.array([value], dtype=np.float32), low, high)


def signs(past: np.ndarray, value: float) -> dict[str, float]:
    seen = given_of(past, value)
    found = signs_of(seen, settled_of(seen.past))[0]
    return dict(zip(MEMBERS, found.tolist(), strict=True))


NOISE = np.random.default_rng(3).normal(50, 5, PAST_ROWS)


@pytest.mark.parametrize("member", ["off_16_rows", "off_64_rows", "off_settled", "beyond_past"])
def test_a_far_value_is_far(member: str) -> None:
    assert signs(NOISE, 150)[member] > 3 * max(0.3, signs(NOISE, 52)[member])


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("shift_12_rows", lambda p: np.concatenate([p[:-14], p[-14:] + 30])),
        ("shift_48_rows", lambda p: np.concatenate([p[:-48], p[-48:] + 30])),
        ("spread_24_rows", lambda p: np.concatenate([p[:-24], 50 + 8 * (p[-24:] - 50)])),
        ("roughness_12_rows", lambda p: np.concatenate([p[:-14], 50 + 8 * (p[-14:] - 50)])),
        ("relative_entropy", lambda p: np.concatenate([p[:-36], p[-36:] + 12])),
        ("shape_12_rows", lambda p: np.concatenate([p[:-14], np.linspace(90, 190, 14)])),
        ("shape_48_rows", lambda p: np.concatenate([p[:-54], np.linspace(60, 160, 54)])),
    ],
)
def test_each_member_sees_its_kind_of_change(member: str, change: object) -> None:
    changed = change(NOISE)  # type: ignore[operator]
    assert signs(changed, float(changed[-1]))[member] > 1.5 * signs(NOISE, 50)[member]


def test_the_spectral_residual_sees_what_stands_out_of_a_rhythm() -> None:
    rhythm = 50 + 10 * np.sin(np.arange(PAST_ROWS) / 4)
    usual = 50 + 10 * np.sin(PAST_ROWS / 4)
    assert (
        signs(rhythm, usual + 40)["spectral_residual"] > signs(rhythm, usual)["spectral_residual"]
    )


@FEW
@given(
    arrays(np.float32, PAST_ROWS, elements=st.one_of(numbers, st.just(np.float32(np.nan)))),
    numbers,
    st.floats(0.5, 100, width=32),
)
def test_members_are_never_negative_nor_infinite(
    past: np.ndarray, value: float, scale: float
) -> None:
    if not np.isfinite(past).any():
        past[0] = 1.0
    for found in (signs(past, value), signs(past * scale, value * scale)):
        known = np.array([v for v in found.values() if not np.isnan(v)])
        assert np.isfinite(known).all()
        assert (known >= -1e-5).all()


def test_another_unit_changes_nothing() -> None:
    first, second = signs(NOISE, 80), signs(NOISE * 1000, 80_000)
    assert {
        k: pytest.approx(v, rel=1e-2, abs=1e-3, nan_ok=True) for k, v in first.items()
    } == second


def test_with_few_rows_nothing_is_said() -> None:
    past = np.full(PAST_ROWS, np.nan)
    past[-STARTING_LEAST + 1 :] = 5.0
    found = signs(past, 500.0)
    assert np.isnan(found["off_settled"])
    assert np.isnan(found["beyond_past"])


def test_a_daily_profile_knows_the_hour() -> None:
    profile = DailyProfile.new(1)
    spread = np.array([1.0], dtype=np.float32)
    for row in range(24 * 30):
        slot = np.array([row % 24])
        if row < 24 * SLOT_ROWS_LEAST:
            assert np.isnan(profile.sign(np.array([0.0], np.float32), spread, slot))
        level = np.array([100.0 if row % 24 < 8 else 10.0], dtype=np.float32)
        profile.learn(level, spread, slot)
    night = profile.sign(np.array([100.0], np.float32), spread, np.array([3]))
    day = profile.sign(np.array([100.0], np.float32), spread, np.array([12]))
    assert night < 1 < day
    assert slots_of(np.array([0.0, 3600.0 * 23.5, np.nan, 86_400.0 * 9 + 1])).tolist() == [
        0,
        23,
        0,
        0,
    ]


@FEW
@given(st.floats(0.01, 1000), st.integers(0, 50))
def test_features_of_a_life_have_no_unit(scale: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = (rng.normal(10, 1, ROWS_LEAST + 30)).astype(np.float32)
    found = []
    for factor in (1.0, scale):
        life = Lifelong.new(1)
        for row in range(1, len(values)):
            value, before = (np.array([values[r] * factor], np.float32) for r in (row, row - 1))
            measured = life.measure(value, value, value - before, value - before)
            life.learn(value, value - before, value - before)
        found.append(measured)
    assert found[0].shape == (1, len(FEATURES))
    assert found[0] == pytest.approx(found[1], rel=0.05, abs=0.05)


def test_one_absurd_row_does_not_move_a_life() -> None:
    life = Lifelong.new(1)
    rng = np.random.default_rng(0)
    for value in rng.normal(10, 1, 200).astype(np.float32):
        life.learn(np.array([value]), np.array([0.5], np.float32), np.array([0.5], np.float32))
    before = life.usual.copy()
    far = np.array([1e12], np.float32)
    life.learn(far, far, far)
    assert life.usual == pytest.approx(before, rel=0.05)


def test_the_bound_is_rare_and_rises_slowly() -> None:
    rows = np.array([0.0, ROWS_OF_RARE, 100 * ROWS_OF_RARE])
    assert bound_of(rows)[1] == RARE
    assert bound_of(rows)[2] == RARE + 1.0
    assert (np.diff(bound_of(np.arange(0.0, 1e5, 500))) >= 0).all()


YES, NO = np.array([True]), np.array([False])


def said(reports: Reports, rarity: list[float], step_s: float = 300.0) -> tuple[int, int]:
    notes = alarms = 0
    for row, value in enumerate(rarity):
        given_now = np.array([value], dtype=np.float32)
        reports.push(given_now, given_now, NO, YES)
        noted, alarm = reports.speak(np.array([row * step_s]), np.array([ROWS_OF_RARE]), YES)
        notes, alarms = notes + int(noted[0]), alarms + int(alarm[0])
    return notes, alarms


def test_one_rare_row_is_not_enough_and_two_are() -> None:
    assert said(Reports.new(1), [0.0] * 9 + [5.9] + [0.0] * 9) == (0, 0)
    assert said(Reports.new(1), [0.0] * 9 + [3.1, 0.0, 3.1] + [0.0] * 9) == (1, 1)
    apart = [3.1, *[0.0] * CONFIRMING_ROWS, 3.1]
    assert said(Reports.new(1), [*apart, 0.0]) == (0, 0)


def test_the_same_anomaly_is_told_once() -> None:
    assert said(Reports.new(1), [4.0] * (QUIET_ROWS + 1)) == (1, 1)
    assert said(Reports.new(1), [4.0] * (2 * QUIET_ROWS + 1)) == (2, 2)


def test_there_is_a_budget_for_a_day_and_what_is_over_is_counted() -> None:
    reports = Reports.new(1)
    rows = (QUIET_ROWS + 1) * (ALARMS_A_DAY + 3)
    notes, alarms = said(reports, [4.0] * rows, step_s=30.0)
    assert (notes, alarms) == (ALARMS_A_DAY + 3, ALARMS_A_DAY)
    assert reports.shed.tolist() == [3]


def test_what_may_be_lone_counts_when_it_stood() -> None:
    for stood, expected in ((NO, False), (YES, True)):
        reports = Reports.new(1)
        rare, usual = np.array([9.0], np.float32), np.array([0.0], np.float32)
        reports.push(rare, usual, NO, YES)
        reports.push(usual, usual, stood, YES)
        noted, alarms = reports.speak(np.array([0.0]), np.array([ROWS_OF_RARE]), YES)
        assert (bool(noted[0]), bool(alarms[0])) == (True, expected)
