"""Are rows still distributed as when a model was trained? Population stability by feature. Pure.

Flows in: the deciles of each feature as the champion was trained on them, and the rows of the last
day. Flows out: whether it has drifted, with a sentence for a person. `loop.models` trains earlier
when it has. A sum of (now − then) · ln(now / then) over ten bins is 0 where nothing changed; above
0.25 is what is commonly called a major shift.

One service that moves is an anomaly, or a wish; when a quarter of all features are distributed
otherwise over all services for half a day and more, it is the model that is out of date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BINS = 10
SHIFTED = 0.25
"""A feature with a larger index has shifted."""
SHARE_SHIFTED = 0.25
"""Of the features that vary: so many must have shifted, and at least FEATURES_LEAST."""
FEATURES_LEAST = 4
VARIES_BELOW = 0.99
"""A feature of which this share lies in one bin, then and now, does not vary."""
PARTS, PART_TAKES = 24, 12
"""A day of rows of five minutes, by the hour: the oldest part goes when a new one begins."""
TAKES_LEAST = PARTS * PART_TAKES // 2
ROWS_LEAST = 256
IMAGINED = 0.5
"""So many rows stand in each bin beforehand, so that an empty one weighs no more than it should."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """`edges [feature, BINS − 1]`, and the share of rows in each bin, `shares [feature, BINS]`."""

    edges: Floats
    shares: Floats

    def __post_init__(self) -> None:
        count = len(self.edges)
        if self.edges.shape != (count, BINS - 1) or self.shares.shape != (count, BINS):
            raise ValueError("a model's spread has edges and shares of each feature")
        if not (np.isfinite(self.edges).all() and np.isfinite(self.shares).all()):
            raise ValueError("a model's spread must be finite")

    @classmethod
    def over(cls, rows: Floats) -> Spread:
        """Of whole rows `[row, feature]`, at least one."""
        edges = np.quantile(rows, np.arange(1, BINS) / BINS, axis=0).T
        return cls(np.ascontiguousarray(edges), counts_of(edges, rows) / len(rows))

    def arrays(self) -> dict[str, Floats]:
        """What is kept of it."""
        return {"edges": self.edges, "shares": self.shares}

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[np.generic]]) -> Spread | None:
        """From what `arrays` gave; None where nothing was kept. ValueError: it is not whole."""
        if not kept:
            return None
        if set(kept) != {"edges", "shares"}:
            raise ValueError("a model's spread is not whole")
        return cls(*(np.asarray(kept[name], dtype=np.float64) for name in ("edges", "shares")))


def counts_of(edges: Floats, rows: Floats) -> Floats:
    """How many rows lie in each bin, `[feature, BINS]`; a value at an edge belongs above it."""
    above = np.stack([(rows >= edge).sum(axis=0) for edge in edges.T], axis=1).astype(np.float64)
    total = np.full((len(edges), 1), float(len(rows)))
    bounds = np.concatenate([total, above, np.zeros_like(total)], axis=1)
    return np.asarray(bounds[:, :-1] - bounds[:, 1:])


def stability(shares: Floats, counts: Floats) -> Floats:
    """The index of each feature: how far `counts [feature, BINS]` are from `shares`."""
    total = counts.sum(axis=1, keepdims=True)
    size = np.maximum(total, 1.0)
    now = (counts + IMAGINED) / (total + BINS * IMAGINED)
    then = (shares * size + IMAGINED) / (size + BINS * IMAGINED)
    return np.asarray(((now - then) * np.log(now / then)).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Judgement:
    """`reason`: for a person, whichever it is; "" while nothing can be said."""

    has_drifted: bool
    reason: str


def judge(spread: Spread, counts: Floats) -> Judgement:
    """Have enough features shifted?"""
    total = np.maximum(counts.sum(axis=1), 1.0)
    is_still = (spread.shares.max(axis=1) >= VARIES_BELOW) & (
        counts.max(axis=1) / total >= VARIES_BELOW
    )
    is_same_bin = spread.shares.argmax(axis=1) == counts.argmax(axis=1)
    varies = ~(is_still & is_same_bin)
    shifted = (stability(spread.shares, counts) > SHIFTED) & varies
    needed = max(FEATURES_LEAST, int(np.ceil(SHARE_SHIFTED * int(varies.sum()))))
    found = int(shifted.sum())
    text = f"{found} of {int(varies.sum())} features are distributed otherwise than when the model"
    return Judgement(found >= needed, f"{text} was trained; {needed} are a drift")


class Drift:
    """The rows of the last day, as counts in the bins of who serves: some 50 KB."""

    def __init__(self) -> None:
        self._spread: Spread | None = None
        self._forget()

    def _forget(self) -> None:
        features = 0 if self._spread is None else len(self._spread.edges)
        self._counts = np.zeros((PARTS, features, BINS))
        self._takes = 0
        self._judged: Judgement | None = None

    def expect(self, spread: Spread | None) -> None:
        """Another model serves, or none: what was counted in other bins is forgotten."""
        self._spread = spread
        self._forget()

    def take(self, rows: Floats) -> None:
        """One more row of each service, `[service, feature]`. A service of which nothing is known
        has a row of unknown values, or of nothing but zeros, and counts for nothing. Rows of other
        features than the model's are left out."""
        if self._spread is None or rows.ndim != 2 or rows.shape[1] != len(self._spread.edges):
            return
        is_known = np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)
        part, place = divmod(self._takes, PART_TAKES)
        part %= PARTS
        if place == 0:
            self._counts[part] = 0.0
        self._counts[part] += counts_of(self._spread.edges, rows[is_known])
        self._takes += 1
        if (place + 1) == PART_TAKES:
            self._judged = None

    def found(self) -> Judgement:
        """As of the last whole part; nothing before half a day of rows has come."""
        if self._judged is None:
            self._judged = self._judgement()
        return self._judged

    def _judgement(self) -> Judgement:
        counts = self._counts.sum(axis=0)
        is_enough = self._takes >= TAKES_LEAST and counts[:1].sum() >= ROWS_LEAST
        if self._spread is None or not is_enough:
            return Judgement(False, "")
        return judge(self._spread, counts)
