"""The exam: what it asks, and that a model which sees failures coming does better in it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from everup.training.anomaly import fit
from everup.training.exam import (
    CALM_ROWS_LEAST,
    FAILURES_LEAST,
    Sheet,
    calmness,
    scores_of,
    separation,
)

NAMES = tuple("abcdef")
ROWS, SERVICES = 1200, 3


def sheet(*, failures: int = FAILURES_LEAST, shift: float = 4.0) -> Sheet:
    """Noise, and before each failure of the later part all features move."""
    rng = np.random.default_rng(2)
    features = rng.normal(0, 1, (ROWS, SERVICES, len(NAMES))).astype(np.float32)
    is_late = np.zeros((ROWS, SERVICES), dtype=np.bool_)
    is_late[900:] = True
    before = np.zeros_like(is_late)
    for number in range(failures):
        before[920 + 40 * number : 923 + 40 * number, number % SERVICES] = True
    features[before] += shift
    known = np.ones_like(is_late)
    return Sheet(features, known, known & ~is_late, is_late & ~before, before, is_late, failures)


def test_separation_counts_pairs() -> None:
    before, calm = np.array([3.0, 1.0], np.float32), np.array([1.0, 2.0, 0.0, 0.0], np.float32)
    # 3 beats all four; 1 beats two and ties with one
    assert separation(before, calm, 9) == pytest.approx((4 + 2.5) / 8)


def test_of_few_failures_nothing_is_said() -> None:
    ones = np.ones(3, np.float32)
    assert math.isnan(separation(ones, ones, FAILURES_LEAST - 1))
    assert math.isnan(separation(ones[:0], ones, 9))


def test_calm_is_best_where_the_promise_is_kept() -> None:
    rng = np.random.default_rng(1)
    kept = -np.log10(rng.uniform(size=20_000)).astype(np.float32)
    assert calmness(kept) > 0.95
    loud, mute = calmness(kept + 1), calmness(np.zeros(20_000, np.float32))
    assert loud == pytest.approx(0.5, abs=0.05)
    assert mute < 0.5
    assert math.isnan(calmness(kept[: CALM_ROWS_LEAST - 1]))


def test_a_model_that_sees_failures_coming_separates_them() -> None:
    seen, unseen = sheet(), sheet(shift=0.0)
    rows = seen.features[seen.teaches]
    model = fit(rows.astype(np.float64), NAMES)
    found = scores_of(model, [seen])
    assert found["separation"] > 0.95
    assert found["calm"] > 0.7
    assert scores_of(model, [unseen])["separation"] < 0.75
    assert math.isnan(scores_of(model, [sheet(failures=0)])["separation"])


def test_sheets_count_together() -> None:
    one = sheet()
    model = fit(one.features[one.teaches].astype(np.float64), NAMES)
    alone, twice = scores_of(model, [one]), scores_of(model, [one, one])
    assert twice["separation"] == pytest.approx(alone["separation"])
