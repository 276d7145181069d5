"""Rows of features for the model of failures: `rows_of_ring`, `rows_of_past`. Pure numpy.

Flows in: the ring of all services, or one service's past. Flows out: `[row, FEATURES]`, float32,
NaN is unknown. Whoever serves and whoever trains draw the last `STEPS` steps alike: the mean of
what was known in each step of `STEP_SAMPLES` sample intervals, so that a row does not depend on how
often was looked. Then `features` works out levels, slopes and residuals of all rows at once.

One model serves all services, so nothing in a row tells how big a service is: shares of a limit are
taken as they are, of everything else only how it changes, as a share of itself. `*.left_min` is the
cheap line of what runs out: minutes until its limit at its present slope.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.model.history import FloatArray, Signal, TimeArray
from everup.predictive_monitor.features import OF_SIGNAL, features
from everup.predictive_monitor.past import Past

STEP_SAMPLES = 6
STEPS = 40
"""Twenty minutes in steps of half a minute, at a sample every five seconds."""
ROWS_AT_ONCE = 2048
"""Rows are worked out in blocks of this many, so that memory stays bounded."""
LEFT_MOST_MIN = 24.0 * 60.0
TINY = 1e-9

Rows = NDArray[np.float32]

SHARES: tuple[Signal, ...] = (
    Signal.SCORE,
    Signal.CPU_RATIO,
    Signal.MEMORY_RATIO,
    Signal.ERROR_RATIO,
    Signal.PROBE_OK,
    Signal.QUEUE_RATIO,
    Signal.DESCRIPTORS_RATIO,
    Signal.CONNECTIONS_RATIO,
    Signal.DISK_RATIO,
    Signal.DEPENDENCY_HEALTH,
    Signal.THROTTLED_RATIO,
    Signal.GPU_RATIO,
    Signal.GPU_MEMORY_RATIO,
)
AMOUNTS: tuple[Signal, ...] = (
    Signal.MEMORY_BYTES,
    Signal.LATENCY_S,
    Signal.RECEIVED_PER_S,
    Signal.SENT_PER_S,
    Signal.QUEUE,
    Signal.CONNECTIONS,
)
RUN_OUT: tuple[Signal, ...] = (
    Signal.MEMORY_RATIO,
    Signal.DISK_RATIO,
    Signal.DESCRIPTORS_RATIO,
    Signal.CONNECTIONS_RATIO,
    Signal.QUEUE_RATIO,
)
USED: tuple[Signal, ...] = (*SHARES, *AMOUNTS)
OF_SHARE = ("level", "slope", "spread", "off_trend")
OF_AMOUNT = ("slope", "spread", "off_trend")
FEATURES: tuple[str, ...] = (
    *(f"{signal}.{part}" for signal in SHARES for part in OF_SHARE),
    *(f"{signal}.{part}" for signal in AMOUNTS for part in OF_AMOUNT),
    *(f"{signal}.left_min" for signal in RUN_OUT),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What `features` reads, with one column for each row that is asked for."""

    services: tuple[str, ...]
    times: TimeArray
    values: dict[Signal, FloatArray]

    def matrix(self, signal: Signal) -> tuple[TimeArray, FloatArray]:
        return self.times, self.values[signal]

    def series(
        self, service: str, signal: Signal, *, since_s: float = float("-inf")
    ) -> tuple[TimeArray, FloatArray]:
        column = self.services.index(service)
        return self.times, self.values[signal][:, column]


def rows_of_ring(past: Past, interval_s: float) -> Rows:
    """One for each service, at the time of the latest sample."""
    times, _ = past.matrix(USED[0])
    if not len(times):
        return np.full((len(past.services), len(FEATURES)), np.nan, dtype=np.float32)
    step_s = STEP_SAMPLES * interval_s
    back = np.floor((times[-1] - times) / step_s).astype(np.int64)
    place = STEPS - 1 - back
    values = {s: _means(place, past.matrix(s)[1], STEPS) for s in USED}
    return _rows(values, len(past.services), step_s)


def rows_of_past(
    times: TimeArray,
    values: dict[Signal, FloatArray] | None,
    ends_s: TimeArray,
    interval_s: float,
) -> Rows:
    """One for each of `ends_s`, from one service's past. A step lies on a grid of its own width, so
    that `ends_s` are taken at the next lower edge of it: what came later is never looked at."""
    if values is None or not len(times) or not len(ends_s):
        return np.full((len(ends_s), len(FEATURES)), np.nan, dtype=np.float32)
    step_s = STEP_SAMPLES * interval_s
    first = np.floor(min(times[0], ends_s.min()) / step_s) - STEPS
    place = (np.ceil(times / step_s) - first).astype(np.int64)
    ends = (np.floor(ends_s / step_s) - first).astype(np.int64)
    many = int(max(place.max(), ends.max())) + 1
    steps = {s: _means(place, values[s][:, None], many)[:, 0] for s in USED}
    found = np.empty((len(ends), len(FEATURES)), dtype=np.float32)
    for begin in range(0, len(ends), ROWS_AT_ONCE):
        some = ends[begin : begin + ROWS_AT_ONCE]
        window = some[None, :] - np.arange(STEPS - 1, -1, -1)[:, None]
        inside = np.where(window >= 0, window, 0)
        block = {s: np.where(window >= 0, steps[s][inside], np.nan) for s in USED}
        found[begin : begin + ROWS_AT_ONCE] = _rows(block, len(some), step_s)
    return found


def _means(place: NDArray[np.int64], series: FloatArray, many: int) -> FloatArray:
    """`[step, column]`: the mean of what is known in each step."""
    known = np.isfinite(series)
    inside = (place >= 0) & (place < many)
    total = np.zeros((many, series.shape[1]))
    count = np.zeros((many, series.shape[1]))
    if inside.any():
        order = np.argsort(place[inside], kind="stable")
        steps, begins = np.unique(place[inside][order], return_index=True)
        # Far faster than `np.add.at`, which took most of a look of a thousand services.
        held = np.where(known, series, np.float32(0.0))[inside][order]
        total[steps] = np.add.reduceat(held, begins, axis=0, dtype=np.float64)
        count[steps] = np.add.reduceat(known[inside][order], begins, axis=0, dtype=np.float64)
    mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    return mean.astype(np.float32)


def _rows(values: dict[Signal, FloatArray], many: int, step_s: float) -> Rows:
    names = tuple(str(index) for index in range(many))
    times = np.arange(1 - STEPS, 1, dtype=np.float64) * step_s
    found = features(_Steps(names, times, values), None, signals=USED, window_s=STEPS * step_s)
    width = len(OF_SIGNAL)
    part = {
        signal: found.values[:, place * width : (place + 1) * width]
        for place, signal in enumerate(USED)
    }
    columns = [part[signal][:, : len(OF_SHARE)] for signal in SHARES]
    for signal in AMOUNTS:
        level, slope, spread, off = (part[signal][:, n] for n in range(len(OF_SHARE)))
        size = np.maximum(np.abs(level), TINY)
        columns.append(np.stack([slope / size, spread / size, off], axis=1))
    for signal in RUN_OUT:
        level, slope = part[signal][:, 0], part[signal][:, 1]
        left = np.maximum(1.0 - level, 0.0) / np.maximum(slope, TINY)
        columns.append(np.minimum(left, LEFT_MOST_MIN)[:, None])
    joined = np.concatenate(columns, axis=1)
    return np.where(np.isfinite(joined), joined, np.nan).astype(np.float32)
