"""When what is seen is no longer what a model was trained on: by feature and day, with a reason."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.predictive_monitor.drift import (
    BINS,
    PART_TAKES,
    PARTS,
    ROWS_LEAST,
    SHIFTED,
    TAKES_LEAST,
    Drift,
    Spread,
    counts_of,
    judge,
    stability,
)

RNG = np.random.default_rng(3)
FEATURES, SERVICES = 20, 6
TRAINED = RNG.normal(0, 1, (5000, FEATURES))
SPREAD = Spread.over(TRAINED)


def fed(
    shift: float = 0.0,
    *,
    shifted: int = FEATURES,
    takes: int = TAKES_LEAST,
    services: int = SERVICES,
) -> Drift:
    drift = Drift()
    drift.expect(SPREAD)
    rng = np.random.default_rng(5)
    for _ in range(takes):
        rows = rng.normal(0, 1, (services, FEATURES))
        rows[:, :shifted] += shift
        drift.take(rows)
    return drift


def test_each_bin_holds_a_tenth() -> None:
    assert SPREAD.shares == pytest.approx(np.full((FEATURES, BINS), 0.1), abs=0.001)


def test_the_index_is_that_of_the_formula() -> None:
    then, now = np.full((1, BINS), 0.1), np.array([[0.0] * 5 + [200_000.0] * 5])
    # Five bins that doubled, five that were emptied, but for the rows that are imagined.
    empty = 0.5 / 1_000_005
    expected = 5 * (0.2 - 0.1) * np.log(2) + 5 * (empty - 0.1) * np.log(empty / 0.1)
    assert stability(then, now)[0] == pytest.approx(expected, rel=1e-3)


@given(st.lists(st.integers(0, 10_000), min_size=BINS, max_size=BINS))
def test_the_index_is_finite_and_never_negative(counts: list[int]) -> None:
    found = stability(np.full((1, BINS), 0.1), np.array([counts], dtype=float))
    assert np.isfinite(found).all()
    assert found[0] >= 0.0


@given(st.floats(0.5, 500.0))
def test_the_same_shares_are_no_shift_however_many_rows(times: float) -> None:
    counts = counts_of(SPREAD.edges, TRAINED) * times
    assert stability(SPREAD.shares, counts) == pytest.approx(np.zeros(FEATURES), abs=1e-9)


def test_more_rows_than_bins_hold_are_all_counted() -> None:
    assert counts_of(SPREAD.edges, TRAINED).sum(axis=1).tolist() == [5000.0] * FEATURES


def test_what_stays_the_same_is_no_drift() -> None:
    found = fed().found()
    assert not found.has_drifted
    assert found.reason.startswith("0 of 20 features")


def test_when_enough_features_shift_it_is_one() -> None:
    found = fed(1.0, shifted=5).found()
    assert found.has_drifted
    assert "5 of 20" in found.reason


def test_fewer_are_none() -> None:
    assert not fed(1.0, shifted=4).found().has_drifted


def test_nothing_is_said_before_half_a_day() -> None:
    assert fed(3.0, takes=TAKES_LEAST - 1).found().reason == ""
    assert fed(3.0, services=1, takes=TAKES_LEAST).found().reason == ""  # 144 rows are too few
    assert fed(3.0, services=1, takes=ROWS_LEAST).found().has_drifted


def test_the_oldest_hour_goes() -> None:
    drift = fed(3.0)
    assert drift.found().has_drifted
    rng = np.random.default_rng(6)
    for _ in range(PARTS * PART_TAKES):
        drift.take(rng.normal(0, 1, (SERVICES, FEATURES)))
    assert not drift.found().has_drifted


def test_another_model_begins_anew() -> None:
    drift = fed(3.0)
    drift.expect(Spread.over(TRAINED + 3.0))
    assert drift.found().reason == ""
    drift.expect(None)
    drift.take(TRAINED[:3])
    assert drift.found().reason == ""


def test_unknown_services_and_foreign_rows_count_for_nothing() -> None:
    drift = fed()
    before = drift.found()
    for _ in range(TAKES_LEAST):
        drift.take(np.zeros((SERVICES, FEATURES)))
        drift.take(np.full((SERVICES, FEATURES), np.nan))
        drift.take(np.ones((SERVICES, FEATURES + 1)))
    assert not drift.found().has_drifted
    assert before.reason


def test_a_feature_that_never_varied_weighs_nothing_until_it_does() -> None:
    rows = TRAINED.copy()
    rows[:, 4:] = 0.0
    spread = Spread.over(rows)
    same = judge(spread, counts_of(spread.edges, rows[:1000]))
    assert "of 4 features" in same.reason
    rows[:1000, 4:] = -1.0
    assert judge(spread, counts_of(spread.edges, rows[:1000])).has_drifted


def test_a_shift_by_chance_alone_stays_below() -> None:
    rng = np.random.default_rng(8)
    found = [
        stability(SPREAD.shares, counts_of(SPREAD.edges, rng.normal(0, 1, (ROWS_LEAST, FEATURES))))
        for _ in range(50)
    ]
    assert np.max(found) < SHIFTED


def test_it_is_kept_and_believed_only_whole() -> None:
    again = Spread.of(SPREAD.arrays())
    assert again is not None
    assert (again.edges == SPREAD.edges).all()
    assert Spread.of({}) is None
    with pytest.raises(ValueError, match="spread"):
        Spread.of({"edges": SPREAD.edges})
    with pytest.raises(ValueError, match="spread"):
        Spread(SPREAD.edges[:, :3], SPREAD.shares)
    with pytest.raises(ValueError, match="finite"):
        Spread(SPREAD.edges * np.nan, SPREAD.shares)
