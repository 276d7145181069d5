"""How much more than usual each node cost in a window, and how sure that is. Pure.

Flows in: calls of the normal period, of shortly before, and of the window. Flows out: `Excess`, in
seconds or failures per interval. Called by `root_cause`, which finds out who explains whose.

A level per call times the calls is a total that adds up along a chain of calls, which a ratio or a
z-value does not: one slow call of a node that is called once says little, however slow it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.dependency_monitor.tuning import NORMAL_INTERVALS_LEAST, SHIPPED, Tuning
from everup.model.signals import CallSeries, Floats, Symptom

MAD_TO_SIGMA = 1.4826
P95_TO_SIGMA = 1.645


@dataclass(frozen=True, slots=True)
class Excess:
    """One value per node. `total`: above normal per interval, never negative, shrunk for few calls;
    0 where nothing is known. `noise`: one sigma of it in normal times. `belief`: 0–1, how far the
    total stands out. `is_silent`: always called in normal times, not at all in the window."""

    nodes: tuple[str, ...]
    total: Floats
    noise: Floats
    belief: Floats
    is_silent: NDArray[np.bool_]


def believe(total: Floats, noise: Floats, stands_out: float) -> Floats:
    """`total² / (total² + (stands_out · noise)²)`: the factor of a Wiener filter, with signal and
    noise as seen: near 0 within the noise, one half at the bound, 1 far above."""
    signal, floor = total * total, (stands_out * noise) ** 2
    zero = np.zeros_like(signal)
    return np.asarray(np.divide(signal, signal + floor, out=zero, where=signal > 0))


def excess_of(
    normal: CallSeries,
    window: CallSeries,
    symptom: Symptom,
    recent: CallSeries | None = None,
    tuning: Tuning = SHIPPED,
) -> Excess:
    """What each node of the window cost above its normal; all three list the same nodes in order.

    `recent`: the intervals right before the window, by which a normal period of another season is
    brought up to date. Of these the lowest level counts, since the last may belong to the window.
    """
    usual = normal.per_call(symptom)
    seen = window.per_call(symptom)
    known = np.isfinite(usual).sum(axis=0)
    level = _level(usual, normal.requests, symptom)
    reference = level if recent is None else _up_to_date(level, recent, symptom, tuning)
    calls = np.nan_to_num(_mean(np.where(np.isfinite(seen), window.requests, np.nan)))
    total = np.nan_to_num(np.maximum(_mean((seen - reference) * window.requests), 0.0))
    few = tuning.few_calls
    total *= calls / (calls + few) * known / (known + few) * (known >= NORMAL_INTERVALS_LEAST)
    noise = _noise(usual, normal.requests, level, calls, symptom)
    is_usual = np.mean(_called(normal), axis=0) >= tuning.always_called
    is_silent = is_usual & ~_called(window).any(axis=0)
    belief = believe(total, noise, tuning.stands_out)
    return Excess(window.nodes, total, noise, belief, is_silent)


def _called(series: CallSeries) -> NDArray[np.bool_]:
    return np.nan_to_num(series.requests) > 0


def _level(usual: Floats, requests: Floats, symptom: Symptom) -> Floats:
    """Normal per call: the median latency (outliers are part of normal), the mean failure ratio
    (a median would call a node that fails in every third interval flawless)."""
    if symptom is Symptom.LATENCY:
        return _quantile(usual, 0.5)
    calls = np.where(np.isfinite(usual), requests, 0.0).sum(axis=0)
    failed = np.nansum(usual * requests, axis=0)
    return _ratio(failed, calls)


def _up_to_date(level: Floats, recent: CallSeries, symptom: Symptom, tuning: Tuning) -> Floats:
    values = recent.per_call(symptom)
    if not len(values):
        return level
    rows = np.where(np.isfinite(values), values, np.inf)
    at, column = rows.argmin(axis=0), np.arange(rows.shape[1])
    lowest = rows[at, column]
    is_known = np.isfinite(lowest)
    calls = np.where(is_known, np.nan_to_num(recent.requests[at, column]), 0.0)
    weighed = np.where(is_known, lowest, 0.0) * calls + level * tuning.normal_calls
    return np.where(is_known, weighed / (calls + tuning.normal_calls), level)


def _noise(
    usual: Floats, requests: Floats, level: Floats, calls: Floats, symptom: Symptom
) -> Floats:
    """One sigma of the total: as seen in the normal period, and at least what chance alone makes of
    so many calls: a call's latency varies by about its mean, failures are counts (one is no news).
    """
    deviation = (usual - level) * requests
    middle = _quantile(deviation, 0.5)
    spread = MAD_TO_SIGMA * _quantile(np.abs(deviation - middle), 0.5)
    tail = (_quantile(deviation, 0.95) - middle) / P95_TO_SIGMA
    level = np.nan_to_num(level)
    is_slow = symptom is Symptom.LATENCY
    chance = level * np.sqrt(calls) if is_slow else np.sqrt(level * calls + 1.0)
    return np.asarray(np.hypot(np.nan_to_num(np.fmax(spread, tail)), chance))


def _mean(values: Floats) -> Floats:
    counts = np.isfinite(values).sum(axis=0)
    sums = np.nansum(values, axis=0)
    return _ratio(sums, counts)


def _ratio(above: Floats, below: Floats | NDArray[np.int64]) -> Floats:
    """NaN where there is nothing to divide by."""
    unknown = np.full(above.shape, np.nan)
    return np.asarray(np.divide(above, below, out=unknown, where=below > 0))


def _quantile(values: Floats, share: float) -> Floats:
    """Per column, over what is known, interpolated; NaN for a column of which nothing is."""
    ordered = np.sort(values, axis=0)  # NaN goes last
    counts = np.isfinite(values).sum(axis=0)
    at = share * np.maximum(counts - 1, 0)
    below, column = np.floor(at).astype(np.intp), np.arange(values.shape[1])
    if not len(values):
        return np.full(values.shape[1], np.nan)
    low = ordered[below, column]
    high = ordered[np.minimum(below + 1, np.maximum(counts - 1, 0)), column]
    return np.asarray(low + (high - low) * (at - below))
