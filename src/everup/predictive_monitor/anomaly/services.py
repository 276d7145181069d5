"""From signals to a whole service: what shows only when they are seen together. Pure.

Flows in: what `streams` judged, `[service, signal]`. Flows out: one rarity per service and *view*.

    peak        the rarest signal, less what looking at so many signals costs
    breadth     how unusual the signals are on the whole, though none may be so by itself
    forest      Isolation Forest over the features of the service, when a model is there
    directions  what the usual directions of its features do not explain, when a model is there

All but the first are made comparable by their own past, as the members of a signal are. `decisive`
says which of them counts: without a model the rarest of the signals; with one the forest, which
sees all signals and their moves at once, or a signal that is rarer still; the others then explain.
A service of one signal has its signal alone: the same code serves a single series.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.lifelong import FEATURES
from everup.predictive_monitor.anomaly.model import ServiceModel
from everup.predictive_monitor.anomaly.signs import MEMBERS
from everup.predictive_monitor.anomaly.tails import Tails

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

VIEWS = ("peak", "breadth", "forest", "directions")
TOGETHER_LEAST = 2
"""Fewer known signals have no breadth."""
ONE_LOOK = float(np.log10(len(MEMBERS)))
"""A signal's rarity is the rarest of so many members; a forest is one look, and rare by that much
more at the same rate of false alarms."""
FOREST_OCTAVES = 12.0
"""Forest scores lie between 0.3 and 0.8: they are spread over so many octaves for `tails`."""


@dataclass(frozen=True, slots=True, eq=False)
class Signals:
    """`rarest [service, signal]`, the rarest member, NaN = unknown; `features [service, signal,
    feature]` as `lifelong` measured them."""

    rarest: Floats
    features: Floats


def feature_names(signals: Sequence[str]) -> tuple[str, ...]:
    """The columns of `features_of`, in their order."""
    return tuple(f"{name}.{feature}" for feature in FEATURES for name in signals)


def features_of(seen: Signals) -> NDArray[np.float64]:
    """`[service, feature]`; what is unknown is as usual."""
    known = np.nan_to_num(seen.features, nan=0.0)
    return np.swapaxes(known, 1, 2).reshape(len(known), -1).astype(np.float64)


@dataclass(slots=True, eq=False)
class Services:
    """The tails of every view but the peak."""

    tails: Tails

    @classmethod
    def new(cls, services: int) -> Services:
        """Nothing was seen yet."""
        return cls(Tails.new(services, len(VIEWS) - 1))

    def adopt(self, model: ServiceModel, service: int, rows: NDArray[np.float64]) -> None:
        """A model takes over: what it says of these rows of the past is what it is held against."""
        self.tails.counts[service, 1:] = 0
        signs = np.full((len(rows), len(VIEWS) - 1), np.nan, dtype=np.float32)
        signs[:, 1:] = model_signs(model, rows)
        tails = Tails(self.tails.counts[service : service + 1])
        for row in signs:
            tails.learn(row[None])

    def views(self, seen: Signals, rows: Bools, model: ServiceModel | None) -> Floats:
        """`[service, view]`; 0 where there is nothing to tell."""
        found = np.zeros((len(rows), len(VIEWS)), dtype=np.float32)
        found[:, 0] = np.where(rows, peak_of(seen.rarest), 0.0)
        at = _together(seen, rows)
        if len(at):
            signs = _signs(seen, at, model)
            found[at, 1:] = Tails(self.tails.counts[at]).rarity(signs)
        return found

    def learn(self, seen: Signals, rows: Bools, model: ServiceModel | None) -> None:
        """These rows are the past now."""
        at = _together(seen, rows)
        if len(at):
            tails = Tails(self.tails.counts[at])
            tails.learn(_signs(seen, at, model))
            self.tails.counts[at] = tails.counts


def _together(seen: Signals, rows: Bools) -> NDArray[np.intp]:
    return np.flatnonzero(rows & (np.isfinite(seen.rarest).sum(axis=1) >= TOGETHER_LEAST))


def _signs(seen: Signals, at: NDArray[np.intp], model: ServiceModel | None) -> Floats:
    signs = np.full((len(at), len(VIEWS) - 1), np.nan, dtype=np.float32)
    signs[:, 0] = np.nan_to_num(seen.rarest[at], nan=0.0).mean(axis=1)
    if model is not None:
        some = Signals(seen.rarest[at], seen.features[at])
        signs[:, 1:] = model_signs(model, features_of(some))
    return signs


def model_signs(model: ServiceModel, rows: NDArray[np.float64]) -> Floats:
    """`[row, 2]`: what the forest and the directions say, on scales that `tails` can hold."""
    forest = np.exp2(FOREST_OCTAVES * (model.forest.scores(rows) - 0.5))
    return np.stack([forest, model.directions.scores(rows)], axis=1).astype(np.float32)


def peak_of(rarest: Floats) -> Floats:
    """The rarest known signal of each service, less what looking at so many costs."""
    known = np.isfinite(rarest)
    cost = np.log10(np.maximum(known.sum(axis=1), 1))
    peak = np.maximum(np.where(known, rarest, 0.0).max(axis=1) - cost, 0.0)
    return np.asarray(peak, dtype=np.float32)


def decisive(views: Floats, seen: Signals, model: ServiceModel | None) -> Floats:
    """The rarity that counts, per service."""
    has_breadth = np.isfinite(seen.rarest).sum(axis=1) >= TOGETHER_LEAST
    if model is None:
        return views[:, 0]
    forest = views[:, VIEWS.index("forest")] + ONE_LOOK
    either = np.maximum(forest, views[:, 0] - ONE_LOOK)
    return np.where(has_breadth, either, views[:, 0]).astype(np.float32)
