"""Two usual alerts over the very samples that Everup took: a threshold, and `predict_linear`. Pure.

Both are rules as they stand in Prometheus: worked out every 15 s, true only when they held for a
minute (`for: 1m`), which keeps them from single outliers. The threshold is 85 % of the limit.
`predict_linear` is its least squares over a window; asked is, as of Everup, whether the limit is
met within 15 minutes. The usual window is an hour; a quarter of one is measured beside it, and
the better of the two is what Everup is held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from everup.model.history import INDEX, Signal

Floats = NDArray[np.float64]

THRESHOLD = 0.85
EVERY_MIN = 0.25
FOR_MIN = 1.0
HORIZON_MIN = 15.0
WINDOWS_MIN = {"predict_linear, 1 h": 60.0, "predict_linear, 15 min": 15.0}
STATIC = "threshold 85 %"
SHARES = (
    Signal.MEMORY_RATIO,
    Signal.DISK_RATIO,
    Signal.DESCRIPTORS_RATIO,
    Signal.CONNECTIONS_RATIO,
    Signal.QUEUE_RATIO,
)


def shares(values: NDArray[np.float32], timeout_s: float) -> Floats:
    """Samples `[time, signal, service]` as shares of limits `[time, share, service]`."""
    found = [values[:, INDEX[signal], :].astype(np.float64) for signal in SHARES]
    found.append(values[:, INDEX[Signal.LATENCY_S], :].astype(np.float64) / timeout_s)
    return np.stack(found, axis=1)


def moments(times_min: Floats) -> Floats:
    """When rules are worked out."""
    return np.arange(max(0.0, times_min[0]), times_min[-1], EVERY_MIN)


def over_threshold(times_min: Floats, values: Floats, at_min: Floats) -> NDArray[np.bool_]:
    """Is the latest known value above it?"""
    known = np.isfinite(values)
    times, values = times_min[known], values[known]
    if not len(times):
        return np.zeros(len(at_min), dtype=bool)
    latest = np.searchsorted(times, at_min, side="right") - 1
    return np.asarray((latest >= 0) & (values[np.maximum(latest, 0)] > THRESHOLD))


def meets_limit(
    times_min: Floats, values: Floats, at_min: Floats, window_min: float
) -> NDArray[np.bool_]:
    """Does the line of least squares through the window stand above 1 at the horizon?"""
    known = np.isfinite(values)
    times, values = times_min[known], values[known]
    found = np.zeros(len(at_min), dtype=bool)
    for index, now in enumerate(at_min):
        first, last = np.searchsorted(times, (now - window_min, now), side="right")
        if last - first < 2:
            continue
        x, y = times[first:last] - now, values[first:last]
        middle, spread = x.mean(), x.var()
        if spread > 0.0:
            slope = ((x - middle) * (y - y.mean())).mean() / spread
            found[index] = y.mean() + slope * (HORIZON_MIN - middle) > 1.0
    return found


def held(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`for: 1m`."""
    many = round(FOR_MIN / EVERY_MIN)
    found = on.copy()
    for back in range(1, many + 1):
        shifted = np.zeros_like(on)
        shifted[back:] = on[:-back]
        found &= shifted
    return found


def alerts(
    times_min: Floats, values: Floats, services: Sequence[str]
) -> Mapping[str, Mapping[str, tuple[Floats, NDArray[np.bool_]]]]:
    """Rule → service → moments, and whether it fires then. `values`: `[time, share, service]`."""
    at_min = moments(times_min)
    found: dict[str, dict[str, tuple[Floats, NDArray[np.bool_]]]] = {}
    for name in (STATIC, *WINDOWS_MIN):
        found[name] = {}
        for column, service in enumerate(services):
            fires = np.zeros(len(at_min), dtype=bool)
            for share in range(values.shape[1]):
                series = values[:, share, column]
                if name == STATIC:
                    on = over_threshold(times_min, series, at_min)
                else:
                    on = meets_limit(times_min, series, at_min, WINDOWS_MIN[name])
                fires |= held(on)
            found[name][service] = (at_min, fires)
    return found
