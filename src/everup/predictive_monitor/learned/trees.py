"""Boosted trees as plain arrays: `Trees.sums(rows)`. Pure numpy, no training library.

Flows in: rows of features, NaN is unknown. Flows out: the sum of all trees' leaves per row, equal
to what scikit-learn's histogram gradient boosting says of the same trees. Each node knows which way
an unknown value goes. All trees lie in one table, and all rows walk all trees at once.

Friedman: Greedy function approximation: a gradient boosting machine (2001).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NODES_MOST = 1_000_000
DEPTH_MOST = 64
ROWS_AT_ONCE = 4096
NAMES = ("feature", "threshold", "unknown_left", "left", "right", "value", "roots")


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Nodes of all trees in one table. A leaf is its own child; `value` is what it adds. `start` is
    what all rows begin with."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    unknown_left: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    roots: NDArray[np.int32]
    levels: int
    start: float

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        tables = (self.threshold, self.unknown_left, self.left, self.right, self.value)
        if not 0 < nodes <= NODES_MOST or any(t.shape != (nodes,) for t in tables):
            raise ValueError("trees need one entry per node in every table")
        links = np.concatenate([self.left, self.right, self.roots])
        if not len(self.roots) or links.min() < 0 or links.max() >= nodes:
            raise ValueError("links of trees must lead to nodes")
        if not 0 <= self.levels <= DEPTH_MOST or self.feature.min() < 0:
            raise ValueError("levels or features of trees are out of bounds")
        if np.isnan(self.threshold).any() or not np.isfinite(self.value).all():
            raise ValueError("numbers of trees must be known")
        if not math.isfinite(self.start):
            raise ValueError("where trees start must be finite")

    @property
    def features(self) -> int:
        """The least number of features a row must have."""
        return int(self.feature.max()) + 1

    def sums(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each row."""
        if rows.ndim != 2 or rows.shape[1] < self.features:
            raise ValueError(f"rows need at least {self.features} features")
        found = np.empty(len(rows))
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            found[begin : begin + ROWS_AT_ONCE] = self._sums(rows[begin : begin + ROWS_AT_ONCE])
        return found

    def _sums(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        values = np.ascontiguousarray(rows, dtype=np.float64)
        flat = values.ravel()
        offset = (np.arange(len(values), dtype=np.int64) * values.shape[1])[:, None]
        at = np.repeat(self.roots[None, :], len(values), axis=0)
        for _ in range(self.levels):
            here = flat[offset + self.feature[at]]
            is_left = np.where(
                np.isnan(here), self.unknown_left[at] > 0, here <= self.threshold[at]
            )
            at = np.where(is_left, self.left[at], self.right[at])
        return np.asarray(self.start + self.value[at].sum(axis=1))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything by name, to be kept."""
        kept: dict[str, NDArray[np.generic]] = {name: getattr(self, name) for name in NAMES}
        return {**kept, "shape": np.array([float(self.levels), self.start])}

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[np.generic]]) -> Trees:
        """From what `arrays` gave. ValueError: it is not whole."""
        try:
            levels, start = (float(v) for v in kept["shape"].astype(np.float64))
            return cls(
                kept["feature"].astype(np.int32),
                kept["threshold"].astype(np.float64),
                kept["unknown_left"].astype(np.int32),
                kept["left"].astype(np.int32),
                kept["right"].astype(np.int32),
                kept["value"].astype(np.float64),
                kept["roots"].astype(np.int32),
                int(levels),
                start,
            )
        except (KeyError, OverflowError) as fault:
            raise ValueError(f"trees without {fault}") from fault
