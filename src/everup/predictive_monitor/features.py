"""Features: every service at this moment as one row of numbers. `features(past, …)`. Pure numpy.

Flows in: the ring, and what is usual at this hour. Flows out: `Features`, `[service, feature]`. For
each signal five, and two of the time of day for all:

| feature | what it is |
|---|---|
| level | the latest value; unknown when the latest sample does not know it |
| slope | of a line through the window, per minute |
| spread | robust deviation about the middle of the window |
| off_trend | the latest value against the line through what came before it, in deviations from it |
| off_season | the latest value against what is usual at this hour, in deviations |
| hour_sin, hour_cos | the time of day, so that midnight is no edge |

All services are worked out at once, one signal after the other. The line is a least-squares one
through values that were drawn in to `CLIP` deviations from the middle of the window, so that a few
odd samples turn it little. What is unknown, and infinities, are left out; with fewer than
`KNOWN_LEAST` known samples there is no slope, spread or residual. Residuals are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.model.history import SIGNALS, Signal
from everup.predictive_monitor.baselines import DAY_S, SEASONAL, Seasons
from everup.predictive_monitor.past import Past

Floats = NDArray[np.float64]

OF_SIGNAL = ("level", "slope", "spread", "off_trend", "off_season")
OF_TIME = ("hour_sin", "hour_cos")
KNOWN_LEAST = 8
CLIP = 5.0
RESIDUAL_MOST = 50.0
SPREAD_SHARE = 1e-3
"""A series varies by so much of its size at least: what never moved has no deviation."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """`values[service, feature]`, NaN is unknown."""

    at_s: float
    services: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats

    def of(self, service: str) -> Mapping[str, float]:
        """By name: `latency_s.slope`, `hour_sin`."""
        row = self.values[self.services.index(service)]
        return {name: float(value) for name, value in zip(self.names, row, strict=True)}


def names_of(signals: Sequence[Signal] = SIGNALS) -> tuple[str, ...]:
    """In the order of the columns."""
    return (*(f"{signal}.{part}" for signal in signals for part in OF_SIGNAL), *OF_TIME)


def features(
    past: Past,
    seasons: Seasons | None = None,
    *,
    signals: Sequence[Signal] = SIGNALS,
    window_s: float = 1800.0,
    day_s: float = DAY_S,
) -> Features:
    """Of every service, at the time of the latest sample. Nothing is known before there is one."""
    names = names_of(signals)
    values = np.full((len(past.services), len(names)), np.nan)
    at_s = float("nan")
    for place, signal in enumerate(signals):
        times, series = past.matrix(signal)
        if not len(times):
            continue
        at_s = float(times[-1])
        recent = times >= at_s - window_s
        columns = slice(place * len(OF_SIGNAL), (place + 1) * len(OF_SIGNAL))
        values[:, columns] = _of_signal(times[recent], series[recent])
        if seasons is not None and signal in SEASONAL:
            beside = seasons.beside(signal, series[-1], at_s)
            values[:, columns.stop - 1] = np.clip(beside, -RESIDUAL_MOST, RESIDUAL_MOST)
    turn = 2.0 * np.pi * ((at_s / day_s) % 1.0)
    values[:, -2:] = np.sin(turn), np.cos(turn)
    return Features(at_s, past.services, names, values)


def _of_signal(times: Floats, series: NDArray[np.float32]) -> Floats:
    """`[service, level slope spread off_trend nothing]` of one signal."""
    found = np.full((series.shape[1], len(OF_SIGNAL)), np.nan)
    by_service = np.where(np.isfinite(series), series, np.nan).T.astype(np.float64)
    found[:, 0] = by_service[:, -1]
    known = np.isfinite(by_service)
    enough = np.flatnonzero(np.count_nonzero(known, axis=1) >= KNOWN_LEAST)
    if not len(enough):
        return found
    rows, known = by_service[enough], known[enough]
    middle = _median(rows)
    spread = 1.4826 * _median(np.abs(rows - middle[:, None]))
    bound = CLIP * np.maximum(spread, _least(middle))[:, None]
    drawn_in = np.clip(rows, middle[:, None] - bound, middle[:, None] + bound)
    minutes = (times - times[-1]) / 60.0
    slope, _, _ = _line(minutes, drawn_in, known)
    found[enough, 1], found[enough, 2] = slope, spread
    found[enough, 3] = _off_trend(minutes, rows, drawn_in, known)
    return found


def _off_trend(minutes: Floats, rows: Floats, drawn_in: Floats, known: NDArray[np.bool_]) -> Floats:
    """The latest value against the line through those before it: it has no say in its own trend."""
    before = known.copy()
    before[:, -1] = False
    _, start, deviation = _line(minutes, drawn_in, before)
    off = (rows[:, -1] - start) / np.maximum(deviation, _least(start))
    off[np.count_nonzero(before, axis=1) < KNOWN_LEAST] = np.nan
    return np.clip(off, -RESIDUAL_MOST, RESIDUAL_MOST)


def _line(minutes: Floats, rows: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Per row: slope, value at the latest moment, deviation about the line; of the known ones."""
    count = np.maximum(np.count_nonzero(known, axis=1), 1)
    held = np.where(known, rows, 0.0)
    mean_t = (known @ minutes) / count
    mean = held.sum(axis=1) / count
    apart = np.where(known, minutes[None, :] - mean_t[:, None], 0.0)
    squares = np.einsum("ij,ij->i", apart, apart)
    above = np.where(known, rows - mean[:, None], 0.0)
    products = np.einsum("ij,ij->i", apart, above)
    slope = np.where(squares > 0.0, products / np.where(squares > 0.0, squares, 1.0), np.nan)
    rest = above - slope[:, None] * apart
    deviation = np.sqrt(np.einsum("ij,ij->i", rest, rest) / np.maximum(count - 2, 1))
    return slope, mean - slope * mean_t, deviation


def _median(rows: Floats) -> Floats:
    """Per row, of the known ones: the unknown are sorted to the end."""
    ordered = np.sort(rows, axis=1)
    count = np.count_nonzero(np.isfinite(ordered), axis=1)
    low = np.maximum((count - 1) // 2, 0)
    high = np.minimum(count // 2, ordered.shape[1] - 1)
    places = np.arange(len(rows))
    return np.asarray((ordered[places, low] + ordered[places, high]) / 2.0)


def _least(size: Floats) -> Floats:
    return np.asarray(SPREAD_SHARE * np.abs(size) + 1e-9)
