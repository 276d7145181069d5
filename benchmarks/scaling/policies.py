"""Peers: the usual autoscaler at several targets, with a line drawn on, and one that knows all.

`Hpa` follows the documented rule of Kubernetes' HorizontalPodAutoscaler (autoscaling/v2, default
behaviour) for one metric: ready instances alone have a use, those that start count as idle for
growth, a tenth of tolerance, the highest wish of the last 300 s on the way down, at most twice as
many or four more each 15 s on the way up.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from benchmarks.scaling.traces import STEP_S, Floats
from benchmarks.scaling.world import CAPACITY, LAG_STEPS, START_S, Sight

TOLERANCE, STILL_STEPS = 0.1, 300 // STEP_S
ROUNDING = 1e-9
LINE_STEPS = 60


class Hpa:
    """`target`: use of what is ready that it aims at."""

    def __init__(self, target: float = 0.7, capacity: float = CAPACITY) -> None:
        self._target, self._capacity = target, capacity
        self._wishes: deque[tuple[int, int]] = deque()

    def want(self, sight: Sight) -> int:
        return self.limited(sight, self.wish(sight))

    def wish(self, sight: Sight) -> int:
        """Before limits."""
        now, ready = sight.instances, sight.ready
        if not ready:
            return now
        asked = float(sight.seen[-LAG_STEPS:].mean()) / self._capacity / self._target
        ratio = asked / ready
        if ready == now or ratio <= 1.0:
            return now if abs(1.0 - ratio) <= TOLERANCE else math.ceil(asked - ROUNDING)
        ratio = asked / now
        if ratio < 1.0 or abs(1.0 - ratio) <= TOLERANCE:
            return now
        return max(now, math.ceil(asked - ROUNDING))

    def limited(self, sight: Sight, wish: int) -> int:
        """The window on the way down, the steps on the way up."""
        wish, now = max(1, wish), sight.instances
        while self._wishes and self._wishes[-1][1] <= wish:
            self._wishes.pop()
        self._wishes.append((sight.step, wish))
        while self._wishes[0][0] <= sight.step - STILL_STEPS:
            self._wishes.popleft()
        if wish < now:
            return min(now, self._wishes[0][1])
        return min(wish, max(2 * now, now + 4))


class Line(Hpa):
    """The larger of the usual answer and that for a line through the last 15 min, drawn on for
    15 min more, as predictive autoscalers do."""

    def wish(self, sight: Sight) -> int:
        usual = super().wish(sight)
        seen = sight.seen[-LINE_STEPS:]
        if len(seen) < LINE_STEPS:
            return usual
        at = np.arange(LINE_STEPS) - (LINE_STEPS - 1) / 2.0
        slope = float(at @ seen) / float(at @ at)
        told = max(0.0, float(seen.mean()) + slope * ((LINE_STEPS - 1) / 2.0 + LINE_STEPS))
        return max(usual, math.ceil(told / (self._capacity * self._target) - ROUNDING))


class Oracle:
    """Knows what will be asked until an instance that is ordered now takes work: the limit."""

    def __init__(self, demand: Floats, capacity: float = CAPACITY) -> None:
        ahead = START_S // STEP_S + 1
        padded = np.r_[demand, np.full(ahead, demand[-1])]
        highest = np.lib.stride_tricks.sliding_window_view(padded, ahead)[: len(demand)].max(axis=1)
        self._counts = np.maximum(1.0, np.ceil(highest / capacity - ROUNDING)).astype(int)

    def want(self, sight: Sight) -> int:
        return int(self._counts[sight.step])
