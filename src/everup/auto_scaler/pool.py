"""Intervals of one service, pooled until enough requests are in them to speak of a rate. Pure.

Flows in: glimpses. Flows out: means per instance, once a hundred units of work or six intervals are
together: by chance alone n requests are off by 1/√n, and whoever takes the luck of a quiet quarter
of a minute for proof counts on too much. Called by `capacity`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from everup.model.kinds import UNKNOWN

UNITS_LEAST = 100.0
INTERVALS_MOST = 6


class Interval(Protocol):
    """What is read of a glimpse."""

    @property
    def at_s(self) -> float: ...
    @property
    def ready(self) -> int: ...
    @property
    def demand_per_s(self) -> float: ...
    @property
    def latency_s(self) -> float: ...
    @property
    def errors_ratio(self) -> float: ...
    @property
    def waiting(self) -> float: ...
    @property
    def cpu_ratio(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Pooled:
    """Means of `count` intervals, per instance; NaN: unknown."""

    at_s: float
    count: int
    rate: float  # units per second
    latency_s: float  # of an answer: intervals count by their demand
    errors: float
    waiting: float
    cores: float


class Pool:
    """Of one service; what is in it is not worth keeping over a restart."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._held: list[Interval] = []

    def clear(self) -> None:
        """Begin anew."""
        self._held = []

    def take(self, one: Interval) -> Pooled | None:
        """None: more is needed, or it says nothing. Intervals with other instances, or after a gap,
        do not mix."""
        if not (one.ready > 0 and math.isfinite(one.demand_per_s) and one.demand_per_s > 0):
            return None
        if self._held:
            last = self._held[-1]
            gap_s = one.at_s - last.at_s
            if one.ready != last.ready or not 0 < gap_s <= 3 * self._interval_s:
                self._held = []
        self._held.append(one)
        units = sum(held.demand_per_s for held in self._held) * self._interval_s
        if units < UNITS_LEAST and len(self._held) < INTERVALS_MOST:
            return None
        pooled = _mean(self._held)
        self._held = []
        return pooled


def _mean(held: list[Interval]) -> Pooled:
    last = held[-1]
    demand = [one.demand_per_s for one in held]
    even = [1.0] * len(held)
    return Pooled(
        at_s=last.at_s,
        count=len(held),
        rate=sum(demand) / len(held) / last.ready,
        latency_s=_known_mean([one.latency_s for one in held], demand),
        errors=_known_mean([one.errors_ratio for one in held], demand),
        waiting=_known_mean([one.waiting for one in held], even),
        cores=_known_mean([one.cpu_ratio for one in held], even),
    )


def _known_mean(values: list[float], weights: list[float]) -> float:
    """Of what is known; a negative value is a fault of whoever counts."""
    weight = total = 0.0
    for value, counts in zip(values, weights, strict=True):
        if math.isfinite(value) and value >= 0:
            weight += counts
            total += value * counts
    return total / weight if weight > 0 else UNKNOWN
