"""The peer: a plain rule of utilisation, as Kubernetes' HorizontalPodAutoscaler has it by default.

Flows in: how many instances there are and are ready, requests a second. Flows out: how many there
should be. Pure but for the recommendations that it remembers, as stabilisation needs. After the
algorithm in Kubernetes' documentation of autoscaling/v2: desired = ceil(ready × utilisation /
target), a tolerance of 10 %, instances that still start count as idle when it would grow, the
highest recommendation of the last 300 s when it would shrink, and in each 15 s growth to at most
the double or by four, whichever is more.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

TARGET = 0.7
TOLERANCE = 0.1
SYNC_S = 15.0
WINDOW_S = 30.0
"""Over how long requests a second are averaged."""
STABILISED_S = 300.0
DOUBLE, FOUR = 2, 4
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Fleet:
    """At one moment. `capacity_rps`: what one instance carries, which the rule is told."""

    instances: int
    ready: int
    rps: float
    capacity_rps: float


class Rule:
    """One service's. Asked every SYNC_S, both times `time_scale`."""

    def __init__(self, least: int, most: int, time_scale: float = 1.0) -> None:
        self._least, self._most = least, most
        self._stabilised_s = STABILISED_S * time_scale
        self._said: deque[tuple[float, int]] = deque()

    def wanted(self, now_s: float, fleet: Fleet) -> int:
        """How many there should be; now: seconds on any clock that never goes back."""
        said = min(self._most, max(self._least, recommended(fleet)))
        self._said.append((now_s, said))
        while self._said[0][0] <= now_s - self._stabilised_s:
            self._said.popleft()
        if said < fleet.instances:
            return min(fleet.instances, max(count for _, count in self._said))
        return min(said, max(DOUBLE * fleet.instances, fleet.instances + FOUR))


def recommended(fleet: Fleet) -> int:
    """Without bounds, limits and memory."""
    if not fleet.ready:
        return fleet.instances
    ratio = fleet.rps / (fleet.ready * fleet.capacity_rps * TARGET)
    starts = fleet.instances > fleet.ready
    if not starts or ratio <= 1.0:
        return _beyond_tolerance(ratio, fleet.ready, fleet.instances)
    with_idle = fleet.rps / (fleet.instances * fleet.capacity_rps * TARGET)
    if with_idle < 1.0:  # it would turn around because of a guess
        return fleet.instances
    return _beyond_tolerance(with_idle, fleet.instances, fleet.instances)


def _beyond_tolerance(ratio: float, of: int, otherwise: int) -> int:
    if abs(ratio - 1.0) <= TOLERANCE:
        return otherwise
    return math.ceil(ratio * of - _SLACK)
