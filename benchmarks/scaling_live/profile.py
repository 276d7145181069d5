"""How many requests a second are asked for, when. Pure: numbers in, points of a line out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """Low, up along a straight line, high, down along a straight line, low."""

    low_rps: float = 30.0
    high_rps: float = 150.0
    lead_s: float = 30.0
    rise_s: float = 120.0
    hold_s: float = 90.0
    fall_s: float = 60.0
    tail_s: float = 180.0

    @property
    def total_s(self) -> float:
        """From the first moment to the last."""
        return self.lead_s + self.rise_s + self.hold_s + self.fall_s + self.tail_s

    def points(self) -> tuple[tuple[float, float], ...]:
        """(second, requests a second), with a straight line between each two."""
        ends = itertools.accumulate(
            (0.0, self.lead_s, self.rise_s, self.hold_s, self.fall_s, self.tail_s)
        )
        low, high = self.low_rps, self.high_rps
        return tuple(zip(ends, (low, low, high, high, low, low), strict=True))

    def rate(self, at_s: float) -> float:
        """Requests a second at this moment; none outside."""
        for (begin_s, before), (end_s, after) in itertools.pairwise(self.points()):
            if begin_s <= at_s < end_s:
                return before + (after - before) * (at_s - begin_s) / (end_s - begin_s)
        return 0.0

    def needed(self, capacity_rps: float, step_s: float = 1.0) -> Sequence[int]:
        """The fewest instances that carry the rate of each step with nothing to spare."""
        steps = int(self.total_s / step_s)
        rates = (self.rate((step + 0.5) * step_s) for step in range(steps))
        return [max(1, -int(-rate // capacity_rps)) for rate in rates]
