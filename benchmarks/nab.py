"""NAB's score, from its published formulas: Lavin and Ahmad (2015), standard profile.

An alert inside of a window counts by how early it is, the best of each window alone; a window
without one costs 1; an alert outside costs up to 0.11, less just behind a window. Normalised, 0 is
what saying nothing gets, 100 is every window at its first row. The first 15 % of a file (at most
750 rows) are not scored. "Optimised" takes the threshold that is best on the set of files itself,
as NAB does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.series import Floats, Series

RIGHT, WRONG, MISSED = 1.0, 0.11, 1.0
PROBATION_SHARE, PROBATION_MOST = 0.15, 750
FAR = 3.0  # so many window widths behind a window an alert costs the whole


@dataclass(frozen=True)
class Score:
    """On a set of files: normalised, at which threshold, what was hit and what was wrong."""

    score: float
    threshold: float
    windows: int
    hit: int
    wrong_rows: int


@dataclass(frozen=True, eq=False)
class Rows:
    """The scored rows of one file: what an alert at each is worth, and its window (−1: none)."""

    worth: Floats
    window: NDArray[np.int64]
    first: int


def sigmoid(position: Floats) -> Floats:
    """1 far before 0, −1 far behind it."""
    near = np.minimum(position, FAR)
    return np.where(position > FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * near)) - 1.0)


def rows_of(series: Series) -> Rows:
    """What an alert at each row is worth."""
    count = len(series.values)
    worth, window = np.full(count, -WRONG), np.full(count, -1)
    starts = [first for first, _ in series.windows]
    for number, (first, last) in enumerate(series.windows):
        next_first = starts[number + 1] if number + 1 < len(starts) else count
        width = last - first + 1
        inside = np.arange(first, last + 1)
        top = sigmoid(np.array([-1.0]))[0]
        worth[inside] = RIGHT * sigmoid(-(last - inside + 1) / width) / top
        window[inside] = number
        behind = np.arange(last + 1, next_first)
        worth[behind] = WRONG * sigmoid((behind - last) / max(1, width - 1))
    return Rows(worth, window, int(min(PROBATION_SHARE * count // 1, PROBATION_MOST)))


def score_at(files: Sequence[Series], scores: Mapping[str, Floats], threshold: float) -> Score:
    """Every row whose score reaches the threshold is an alert."""
    total, hit, wrong, present, everything = 0.0, 0, 0, 0, 0
    for series in files:
        rows = rows_of(series)
        is_alert = np.asarray(scores[series.name]) >= threshold
        is_alert[: rows.first] = False
        outside = is_alert & (rows.window < 0)
        total += float(rows.worth[outside].sum())
        wrong += int(outside.sum())
        everything += len(series.windows)
        for number in set(rows.window[rows.first :].tolist()) - {-1}:
            present += 1
            alerts = rows.worth[is_alert & (rows.window == number)]
            hit += bool(len(alerts))
            total += max(-MISSED, float(alerts.max())) if len(alerts) else -MISSED
    return Score(_normalised(total, present, everything), threshold, present, hit, wrong)


def score_optimised(files: Sequence[Series], scores: Mapping[str, Floats]) -> Score:
    """At the threshold that is best on these files."""
    return score_at(files, scores, best_threshold(files, scores))


def best_threshold(files: Sequence[Series], scores: Mapping[str, Floats]) -> float:
    """From the highest score down: what does each row more change?"""
    worth, given, window, offset = [], [], [], 0
    for series in files:
        rows = rows_of(series)
        worth.append(rows.worth[rows.first :])
        given.append(np.asarray(scores[series.name], dtype=np.float64)[rows.first :])
        numbers = rows.window[rows.first :]
        window.append(np.where(numbers >= 0, numbers + offset, -1))
        offset += len(series.windows)
    all_worth, all_given, all_window = map(np.concatenate, (worth, given, window))
    order = np.argsort(-all_given, kind="stable")
    best, threshold, total = 0.0, np.inf, 0.0
    so_far = np.full(offset + 1, -MISSED)
    for place, row in enumerate(order):
        number = all_window[row]
        if number < 0:
            total += all_worth[row]
        elif all_worth[row] > so_far[number]:
            total += all_worth[row] - so_far[number]
            so_far[number] = all_worth[row]
        is_last = place + 1 == len(order) or all_given[order[place + 1]] != all_given[row]
        if is_last and total > best:
            best, threshold = total, float(all_given[row])
    return threshold


def _normalised(total: float, present: int, everything: int) -> float:
    nothing = -MISSED * present
    scale = everything * RIGHT - nothing
    return 100.0 * (total - nothing) / scale if scale else float("nan")
