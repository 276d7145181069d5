"""The plain rule beside us: what the usual autoscaler would have done with the same demand. Pure.

Flows in: the demand of each step, the capacity of an instance. Flows out: how many instances the
rule would have, whether those were too few, and how often it changed them. Nothing of it is ever
carried out: it is what ours is held against, and what decides before anything is learned.

The rule is that of Kubernetes (autoscaling/v2) for one metric with its default behaviour: keep
within a tolerance of a tenth; while some are starting they count as idle for growth; never fewer
than the highest wish of the last 300 s; up to at most twice as many, or four more, each 15 s.
"""

from __future__ import annotations

import math
from collections import deque

TARGET, TOLERANCE = 0.70, 0.10
LAG_STEPS, STILL_STEPS = 2, 20
UP_RATIO, UP_COUNT = 2, 4
ROUNDING = 1e-9


class PlainRule:
    """One service under the plain rule. `starts_in`: steps from the order until an instance takes
    work."""

    def __init__(self, starts_in: int) -> None:
        self.target, self.starts_in = TARGET, starts_in
        self.instances = 0
        self.was_short = False
        self.has_changed = False
        self._counts: deque[int] = deque(maxlen=starts_in + 1)
        self._wishes: deque[tuple[int, int]] = deque()
        self._lately: deque[float] = deque(maxlen=LAG_STEPS)
        self._step = 0

    @property
    def ready(self) -> int:
        """Those that have been there for long enough: who leaves is whoever came last."""
        return min(self._counts, default=self.instances)

    def starts_anew(self, starts_in: int) -> None:
        """A start takes so many steps, as is known now."""
        self.starts_in = starts_in
        self._counts = deque(self._counts, maxlen=starts_in + 1)

    def begin(self, instances: int) -> None:
        """Where it begins, unless it has; by itself it begins at what the first demand needs."""
        self.instances = self.instances or instances

    def follow(
        self, demand: float, capacity: float, least: int, most: int, target: float = TARGET
    ) -> int:
        """After a step: how many it wants for the next one. `demand` and `capacity` of one instance
        in the same unit, a second; `target`: the share of it that is to be used."""
        self.target = target
        if not self.instances:
            self.instances = self._within(demand / (capacity * self.target), least, most)
        self._lately.append(demand)
        self.was_short = bool(self._counts) and demand > self.ready * capacity + ROUNDING
        if not self._counts:
            self._counts.append(self.instances)
        before = self.instances
        if len(self._lately) == LAG_STEPS:
            wish = self._wish(sum(self._lately) / LAG_STEPS, capacity)
            self.instances = self._limited(min(most, max(least, wish)))
        self.has_changed = self.instances != before
        self._step += 1
        self._counts.append(self.instances)
        return self.instances

    def _within(self, count: float, least: int, most: int) -> int:
        return min(most, max(least, math.ceil(count - ROUNDING)))

    def _wish(self, demand: float, capacity: float) -> int:
        # whoever was ordered starts_in steps ago takes work in the step that comes now
        now = self.instances
        ready = min(min(list(self._counts)[1:], default=now), now) if self.starts_in else now
        ratio = demand / (max(1, ready) * capacity) / self.target
        if ready == now or ratio <= 1.0:
            if abs(1.0 - ratio) <= TOLERANCE:
                return now
            return math.ceil(ratio * ready - ROUNDING)
        ratio = demand / (now * capacity) / self.target
        if abs(1.0 - ratio) <= TOLERANCE or ratio < 1.0:
            return now
        return max(now, math.ceil(ratio * now - ROUNDING))

    def _limited(self, wish: int) -> int:
        while self._wishes and self._wishes[-1][1] <= wish:
            self._wishes.pop()
        self._wishes.append((self._step, wish))
        while self._wishes[0][0] <= self._step - STILL_STEPS:
            self._wishes.popleft()
        now = self.instances
        if wish < now:
            return min(now, self._wishes[0][1])
        return min(wish, max(UP_RATIO * now, now + UP_COUNT))
