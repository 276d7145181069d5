"""From signals to a whole service: what shows only when they are seen together. Pure.

Flows in: what `streams` judged, `[service, signal]`. Flows out: one rarity per service and *view*.

    peak        the rarest signal, less what looking at so many signals costs
    breadth     how unusual the signals are on the whole, though none may be so by itself
    forest      Isolation Forest over the features of the service, when a model is there
    directions  what the usual directions of its features do not explain, when a model is there

All but the first are made comparable by their own past, as the members of a signal are. A service
of one signal has the peak alone, which is that signal: the same code serves a single series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.model import ServiceModel
from everup.predictive_monitor.anomaly.tails import Tails

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

VIEWS = ("peak", "breadth", "forest", "directions")
TOGETHER_LEAST = 2
"""Fewer known signals have no breadth."""


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """`[service, signal]`: the rarest member, the distance from the settled middle and the change
    since the row before, both in spreads. NaN = unknown."""

    rarest: Floats
    off: Floats
    change: Floats


def feature_names(signals: Sequence[str]) -> tuple[str, ...]:
    """The columns of `features_of`, in their order."""
    levels = [f"{name}.level" for name in signals]
    return (*levels, *(f"{name}.change" for name in signals), "breadth", "size")


def features_of(seen: Signals) -> NDArray[np.float64]:
    """`[service, feature]`, normalised by each service's own past, so that one model serves all:
    levels and changes in spreads, compressed; the mean rarity and the root mean square level. What
    is unknown is as usual."""
    level = np.arcsinh(np.nan_to_num(seen.off, nan=0.0))
    change = np.arcsinh(np.nan_to_num(seen.change, nan=0.0))
    breadth = np.nan_to_num(seen.rarest, nan=0.0).mean(axis=1, keepdims=True)
    size = np.sqrt((level * level).mean(axis=1, keepdims=True))
    return np.concatenate([level, change, breadth, size], axis=1).astype(np.float64)


@dataclass(slots=True, eq=False)
class Services:
    """The tails of every view but the peak."""

    tails: Tails

    @classmethod
    def new(cls, services: int) -> Services:
        """Nothing was seen yet."""
        return cls(Tails.new(services, len(VIEWS) - 1))

    def step(self, seen: Signals, rows: Bools, model: ServiceModel | None) -> NDArray[np.float32]:
        """`[service, view]`, then the past knows it. 0 where there is nothing to tell."""
        known = np.isfinite(seen.rarest)
        count = known.sum(axis=1)
        found = np.zeros((len(rows), len(VIEWS)), dtype=np.float32)
        rarest = np.where(known, seen.rarest, 0.0)
        peak = rarest.max(axis=1, initial=0.0) - np.log10(np.maximum(count, 1))
        found[:, 0] = np.where(rows, np.maximum(peak, 0.0), 0.0)
        at = np.flatnonzero(rows & (count >= TOGETHER_LEAST))
        if len(at):
            signs = self._signs(seen, rarest, at, model)
            tails = Tails(self.tails.counts[at])
            found[at, 1:] = tails.rarity(signs)
            tails.learn(signs)
            self.tails.counts[at] = tails.counts
        return found

    def _signs(
        self, seen: Signals, rarest: Floats, at: NDArray[np.intp], model: ServiceModel | None
    ) -> Floats:
        signs = np.full((len(at), len(VIEWS) - 1), np.nan, dtype=np.float32)
        signs[:, 0] = rarest[at].mean(axis=1)
        if model is not None:
            rows = features_of(Signals(seen.rarest[at], seen.off[at], seen.change[at]))
            signs[:, 1] = model.forest.scores(rows)
            signs[:, 2] = model.directions.scores(rows)
        return signs
