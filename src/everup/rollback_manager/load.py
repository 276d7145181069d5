"""How much slower a service may be for its load alone: `allowance(before, after, capacity)`. Pure.

Flows in: samples before and after a change. Flows out: for each row after it, by how much (natural
logarithm) its latency may have risen because more is asked of it, and whether it can be compared at
all. Called by `regression`.

| what is known | what load explains |
|---|---|
| rate and CPU | utilisation as the *old* version would have it: its CPU per request × rate |
| rate | a line through latency over rate before the change; nothing beyond the rates seen there |
| CPU | utilisation as it is, so that a version which needs more CPU is partly excused |
| neither | nothing |

A server that is busy for the share u of its time answers 1 / (1 - u) times as slowly as an idle one
(M/M/1, processor sharing: L. Kleinrock, Queueing Systems II, 1976, ch. 4); several servers are less
slow than that, so that what is allowed errs towards leaving a deploy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.rollback_manager.samples import Floats, Samples, logs

BUSY_MOST = 0.9
"""Who is busier than that may be slow to any degree."""
RATE_BEYOND = 1.25
ROWS_LEAST = 10
LINE_SURE = 2.0
NOTHING_MORE = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Allowance:
    """`log_ratio` `[n]`, 0 or more; `comparable` `[n]`; `by`: what it rests on, "" for nothing."""

    log_ratio: Floats
    comparable: NDArray[np.bool_]
    by: str


def allowance(before: Samples, after: Samples, capacity: float) -> Allowance:
    """`capacity`: cores that it may use; NaN: unknown, then one, or as many as were seen in use."""
    has_rate = _is_told(before.rate_per_s) and _is_told(after.rate_per_s)
    if has_rate and _is_told(before.cpu_ratio):
        return _by_utilisation(before, _as_before(before, after), capacity, "request rate and CPU")
    if has_rate:
        return _by_rate(before, after)
    if _is_told(after.cpu_ratio):
        return _by_utilisation(before, _filled(after.cpu_ratio), capacity, "CPU")
    none = np.full(len(after), NOTHING_MORE)
    return Allowance(none, np.ones(len(after), dtype=np.bool_), "")


def _is_told(values: Floats) -> bool:
    known = int(np.isfinite(values).sum())
    return known > 0 and known >= min(ROWS_LEAST, len(values)) and 2 * known >= len(values)


def _filled(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nanmedian(values))


def _as_before(before: Samples, after: Samples) -> Floats:
    """The CPU that the old version would use for what is asked now."""
    with np.errstate(invalid="ignore", divide="ignore"):
        each = before.cpu_ratio / before.rate_per_s
    each = each[np.isfinite(each)]
    usual = float(np.median(each)) if len(each) else 0.0
    return usual * _filled(after.rate_per_s)


def _by_utilisation(before: Samples, cores: Floats, capacity: float, by: str) -> Allowance:
    """Where it is not known how busy it was, it was idle: then load explains the most."""
    is_told = _is_told(before.cpu_ratio)
    if not capacity > 0.0:
        used = before.cpu_ratio if is_told else cores
        capacity = max(1.0, float(np.ceil(np.nanmax(used, initial=0.0))))
    was = float(np.nanmedian(before.cpu_ratio)) / capacity if is_told else 0.0
    now = cores / capacity
    comparable = (now < BUSY_MOST) & (was < BUSY_MOST)
    idle = 1.0 - np.minimum(now, BUSY_MOST)
    grown = np.log(max(1.0 - was, 1.0 - BUSY_MOST) / idle)
    return Allowance(np.maximum(grown, NOTHING_MORE), comparable, by)


def _by_rate(before: Samples, after: Samples) -> Allowance:
    rate_before, rate_after = logs(before.rate_per_s), logs(_filled(after.rate_per_s))
    rate_after = np.where(np.isfinite(rate_after), rate_after, -np.inf)
    y = logs(before.latency_s)
    known = np.isfinite(rate_before) & np.isfinite(y)
    most = float(np.max(rate_before[known], initial=-np.inf))
    comparable = rate_after <= most + float(np.log(RATE_BEYOND))
    x = rate_before[known] - float(np.mean(rate_before[known])) if known.any() else y[:0]
    spread = float(np.sum(x * x))
    if not spread > 0.0:
        return Allowance(np.full(len(after), NOTHING_MORE), comparable, "request rate")
    slope = float(np.sum(x * y[known])) / spread
    left = y[known] - float(np.mean(y[known])) - slope * x
    unsure = float(np.sqrt(np.sum(left * left) / max(1, len(left) - 2) / spread))
    steep = max(0.0, slope + LINE_SURE * unsure)
    more = np.maximum(rate_after - float(np.mean(rate_before[known])), 0.0)
    return Allowance(steep * np.where(np.isfinite(more), more, 0.0), comparable, "request rate")
