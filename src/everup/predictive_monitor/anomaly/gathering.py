"""Samples become rows for the detector: the mean of each signal over `row_s`. Pure.

Flows in: samples of all services in time order, `[service, signal]` of WATCHED. Flows out: one row
per stretch of `row_s`, once the first sample after it has come. Whoever serves and whoever trains
gather in the same way, so that a model meets what it was trained on.

A mean of five minutes is calmer than a sample, and the warm-up of a day of rows is a day. A signal
that was known in less than KNOWN_SHARE of a stretch is unknown in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from everup.model.history import Signal

Floats = NDArray[np.float32]
Times = NDArray[np.float64]

WATCHED: tuple[Signal, ...] = (
    Signal.CPU_RATIO,
    Signal.MEMORY_BYTES,
    Signal.LATENCY_S,
    Signal.ERROR_RATIO,
    Signal.RECEIVED_PER_S,
    Signal.SENT_PER_S,
    Signal.QUEUE,
    Signal.CONNECTIONS,
    Signal.DESCRIPTORS_RATIO,
    Signal.THROTTLED_RATIO,
    Signal.GPU_RATIO,
    Signal.GPU_MEMORY_RATIO,
)
"""What moves about something usual. What fills up for good (disk, certificate) is a matter of
trends, and what follows from others (score) says nothing of its own."""
ROW_S = 300.0
KNOWN_SHARE = 0.5


class Gathering:
    """The stretch that is being gathered. Infinities are passed on: the detector counts them."""

    def __init__(self, services: int, *, row_s: float = ROW_S) -> None:
        self.row_s = row_s
        shape = (services, len(WATCHED))
        self._stretch = -1
        self._samples = 0
        self._sum = np.zeros(shape)
        self._known = np.zeros(shape, dtype=np.int64)

    def take(self, at_s: float, values: Floats) -> tuple[float, Floats] | None:
        """One more sample. When it begins a new stretch: the end of the one before, and its row."""
        stretch = int(at_s // self.row_s)
        done = None
        if stretch != self._stretch:
            if self._samples:
                done = ((self._stretch + 1) * self.row_s, self._row())
            self._stretch, self._samples = stretch, 0
            self._sum[:], self._known[:] = 0.0, 0
        is_known = ~np.isnan(values)
        self._samples += 1
        self._known += is_known
        with np.errstate(invalid="ignore"):  # an infinity and its opposite
            self._sum += np.where(is_known, values, 0.0)
        return done

    def rest(self) -> tuple[float, Floats] | None:
        """The stretch that was not finished, if one was begun: for whoever takes no more."""
        if not self._samples:
            return None
        row = self._row()
        self._samples = 0
        return (self._stretch + 1) * self.row_s, row

    def _row(self) -> Floats:
        is_enough = self._known >= max(1.0, KNOWN_SHARE * self._samples)
        with np.errstate(invalid="ignore", over="ignore"):
            mean = np.where(is_enough, self._sum / np.maximum(self._known, 1), np.nan)
            return mean.astype(np.float32)


def rows_of(
    times_s: Times, values: Floats, *, row_s: float = ROW_S
) -> Iterator[tuple[float, Floats]]:
    """All rows of a past `[time, service, signal of WATCHED]`, the unfinished last one left out."""
    gathering = Gathering(values.shape[1], row_s=row_s)
    for at_s, sample in zip(times_s, values, strict=True):
        row = gathering.take(float(at_s), sample)
        if row is not None:
            yield row


def gathered(times_s: Times, values: Floats, *, row_s: float = ROW_S) -> tuple[Times, Floats]:
    """The same rows of one service `[time, signal]`, all at once and nothing left out: the end of
    each stretch, and its row."""
    stretches, place = np.unique(np.floor_divide(times_s, row_s), return_inverse=True)
    samples = np.bincount(place, minlength=len(stretches))
    rows = np.empty((len(stretches), values.shape[1]), dtype=np.float32)
    for column in range(values.shape[1]):
        series = values[:, column].astype(np.float64)
        is_known = ~np.isnan(series)
        known = np.bincount(place[is_known], minlength=len(stretches))
        with np.errstate(invalid="ignore", over="ignore"):
            total = np.bincount(place[is_known], weights=series[is_known], minlength=len(stretches))
            is_enough = known >= np.maximum(1.0, KNOWN_SHARE * samples)
            mean = np.where(is_enough, total / np.maximum(known, 1), np.nan)
            rows[:, column] = mean.astype(np.float32)
    return (stretches + 1.0) * row_s, rows
