"""Order and means of windows that may hold unknown values: many streams at once. Pure numpy.

Flows in: arrays `[stream, row]`, NaN = unknown. Flows out: one number per stream; unknown where too
few rows are known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
KNOWN_SHARE = 0.5
"""A window of which less is known says nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """Windows in order, unknown ones last, with how many are known."""

    values: Floats
    known: NDArray[np.int64]

    @classmethod
    def of(cls, window: Floats) -> Ordered:
        """Sort every row."""
        return cls(np.sort(window, axis=1), np.isfinite(window).sum(axis=1))

    def quantile(self, q: float) -> Floats:
        """The q-quantile of the known values, between neighbours by a straight line."""
        last = np.maximum(self.known - 1, 0)
        position = q * last
        lower = position.astype(np.int64)
        upper = np.minimum(lower + 1, last)
        rows = np.arange(len(self.values))
        low, high = self.values[rows, lower], self.values[rows, upper]
        part = np.asarray(position - lower, dtype=np.float32)
        return np.asarray(low + part * (high - low), dtype=np.float32)

    def enough(self, least: int) -> NDArray[np.bool_]:
        """Where so many are known."""
        return np.asarray(self.known >= least)


def mean_of(window: Floats) -> Floats:
    """The mean of what is known of each row; unknown when it is less than KNOWN_SHARE."""
    known = np.isfinite(window)
    count = known.sum(axis=1)
    total = np.where(known, window, 0.0).sum(axis=1, dtype=np.float64)
    is_enough = count >= max(1.0, KNOWN_SHARE * window.shape[1])
    return np.where(is_enough, total / np.maximum(count, 1), np.nan).astype(np.float32)


def calmed(values: Floats) -> Floats:
    """The median of each value and the two before it: a lone spike is gone, a step comes a row
    later. Two columns shorter; unknown where one of the three is."""
    first, second, third = values[:, :-2], values[:, 1:-1], values[:, 2:]
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.maximum(low, np.minimum(high, third))


def trailing_means(values: Floats, rows: int) -> Floats:
    """The mean of each value and the `rows − 1` before it; that much shorter."""
    total = values[:, rows - 1 :].copy()
    for back in range(1, rows):
        total += values[:, rows - 1 - back : values.shape[1] - back]
    return total / np.float32(rows)
