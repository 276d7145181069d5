"""An Isolation Forest as plain arrays: `Forest.scores(rows)`. Pure numpy, no training library.

Flows in: rows of features. Flows out: 0–1 per row, high is unusual; equal to what scikit-learn's
`-score_samples` says of the same trees. All trees lie in one table of nodes, and all rows walk all
trees at once, a level a step. Who fits it is `everup.training`.

Liu, Ting, Zhou: Isolation Forest (2008).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NODES_MOST = 4_000_000
DEPTH_MOST = 64
ROWS_AT_ONCE = 4096
"""Rows walk in blocks of this many, so that memory stays bounded."""

EULER = 0.5772156649015329


def mean_depth(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean depth at which a search in a random binary tree of so many samples ends."""
    found = np.zeros(samples.shape)
    found[samples == 2] = 1.0
    many = samples > 2
    n = samples[many]
    found[many] = 2.0 * (np.log(n - 1.0) + EULER) - 2.0 * (n - 1.0) / n
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Nodes of all trees in one table. A leaf is its own child; `depth` is what a path that ends
    there counts. `usual_depth`: what a row of the usual kind counts, per tree."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    depth: NDArray[np.float64]
    roots: NDArray[np.int32]
    levels: int
    usual_depth: float

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        tables = (self.threshold, self.left, self.right, self.depth)
        if not 0 < nodes <= NODES_MOST or any(t.shape != (nodes,) for t in tables):
            raise ValueError("a forest needs one entry per node in every table")
        links = np.concatenate([self.left, self.right, self.roots])
        if not len(self.roots) or links.min() < 0 or links.max() >= nodes:
            raise ValueError("a forest's links must lead to nodes")
        if not 0 <= self.levels <= DEPTH_MOST or self.feature.min() < 0:
            raise ValueError("a forest's levels or features are out of bounds")
        if not (np.isfinite(self.threshold).all() and np.isfinite(self.depth).all()):
            raise ValueError("a forest's numbers must be finite")
        if not (math.isfinite(self.usual_depth) and self.usual_depth > 0):
            raise ValueError("a forest's usual depth must be above 0")

    @property
    def features(self) -> int:
        """The least number of features a row must have."""
        return int(self.feature.max()) + 1

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """0–1 per row: about 0.5 and less is usual."""
        if rows.ndim != 2 or rows.shape[1] < self.features:
            raise ValueError(f"rows need at least {self.features} features")
        found = np.empty(len(rows))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            block = rows[start : start + ROWS_AT_ONCE]
            found[start : start + ROWS_AT_ONCE] = self._scores(block)
        return found

    def _scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        # The trees were grown on float32: a value is rounded as it was there.
        values = np.ascontiguousarray(rows, dtype=np.float32)
        width = values.shape[1]
        flat = values.ravel()
        offset = (np.arange(len(values), dtype=np.int64) * width)[:, None]
        at = np.repeat(self.roots[None, :], len(values), axis=0)
        for _ in range(self.levels):
            goes_left = flat[offset + self.feature[at]] <= self.threshold[at]
            at = np.where(goes_left, self.left[at], self.right[at])
        depth = self.depth[at].sum(axis=1)
        return np.asarray(np.exp2(-depth / (self.usual_depth * len(self.roots))))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything by name, to be kept."""
        return {
            "feature": self.feature,
            "threshold": self.threshold,
            "left": self.left,
            "right": self.right,
            "depth": self.depth,
            "roots": self.roots,
            "shape": np.array([self.levels, self.usual_depth]),
        }

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[np.generic]]) -> Forest:
        """From what `arrays` gave. ValueError: it is not whole."""
        try:
            levels, usual = (float(v) for v in kept["shape"].astype(np.float64))
            return cls(
                kept["feature"].astype(np.int32),
                kept["threshold"].astype(np.float64),
                kept["left"].astype(np.int32),
                kept["right"].astype(np.int32),
                kept["depth"].astype(np.float64),
                kept["roots"].astype(np.int32),
                int(levels),
                usual,
            )
        except KeyError as missing:
            raise ValueError(f"a forest without {missing}") from missing
