"""Detectors to stand beside ours on single series: a windowed Gaussian and a plain Isolation
Forest.

Each gives one score per row from rows up to that one. `told_once` keeps a score only where it is
the highest of the last rows, which is the least that a person would ask of any detector.
"""

from __future__ import annotations

from collections import deque
from math import erfc, sqrt

import numpy as np

from benchmarks.series import Floats

GAUSSIAN_ROWS = 6400
FOREST_EVERY, FOREST_PAST = 500, 4000
SHORT, LONG = 12, 72
QUIET_ROWS = 100


def windowed_gaussian(values: Floats) -> Floats:
    """1 − the tail probability of each value under a normal law of the rows before it."""
    filled = np.where(np.isfinite(values), values, np.nanmean(values))
    found = np.zeros(len(filled))
    ones, squares = (np.concatenate([[0.0], np.cumsum(filled**power)]) for power in (1, 2))
    for row in range(1, len(filled)):
        first = max(0, row - GAUSSIAN_ROWS)
        count = row - first
        mean = (ones[row] - ones[first]) / count
        spread = sqrt(max((squares[row] - squares[first]) / count - mean * mean, 1e-12))
        found[row] = 1.0 - 0.5 * erfc(abs(filled[row] - mean) / spread / sqrt(2.0))
    return found


def sliding_features(values: Floats) -> Floats:
    """Value, change, and means and spreads over a short and a long window."""
    ones, squares = (np.concatenate([[0.0], np.cumsum(values**power)]) for power in (1, 2))
    last = np.arange(len(values))

    def moments(rows: int) -> tuple[Floats, Floats]:
        first = np.maximum(0, last + 1 - rows)
        count = last + 1 - first
        mean = (ones[last + 1] - ones[first]) / count
        square = (squares[last + 1] - squares[first]) / count
        return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))

    (short, short_spread), (long, long_spread) = moments(SHORT), moments(LONG)
    change = np.concatenate([[0.0], np.diff(values)])
    columns = (values, change, short, short_spread, values - short, long, long_spread)
    return np.stack([*columns, values - long], axis=1)


def isolation_forest(values: Floats, seed: int = 0) -> Floats:
    """scikit-learn's, fitted anew every 500 rows on the 4,000 before."""
    from sklearn.ensemble import IsolationForest

    filled = np.where(np.isfinite(values), values, np.nanmean(values))
    features, found = sliding_features(filled), np.zeros(len(filled))
    start = max(2, int(min(0.15 * len(filled), 750)) // 2)
    while start < len(filled):
        end = min(len(filled), start + FOREST_EVERY)
        past = features[max(0, start - FOREST_PAST) : start]
        forest = IsolationForest(
            n_estimators=100, max_samples=min(256, len(past)), random_state=seed
        ).fit(past)
        found[start:end] = -forest.score_samples(features[start:end])
        start = end
    return found


def told_once(scores: Floats, rows: int = QUIET_ROWS) -> Floats:
    """Zero where one of the last rows had at least the same score."""
    found = np.zeros(len(scores))
    highest: deque[tuple[int, float]] = deque(maxlen=rows + 1)  # falling scores, the oldest first
    for row, score in enumerate(scores):
        while highest and highest[0][0] < row - rows:
            highest.popleft()
        if not highest or score > highest[0][1]:
            found[row] = score
        while highest and highest[-1][1] <= score:
            highest.pop()
        highest.append((row, float(score)))
    return found
