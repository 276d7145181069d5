"""The past of one service's demand in steps of equal length, bounded: the last hours whole, the
last week as a curve of sums.

Flows in: one number a step. Flows out: means and maxima over stretches of the past. Demand is kept
as it is said (requests a second, say); logarithms are taken of demand + `unit`, so that nothing
asked is a number too. 12 + 33 kB for each service.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RECENT = 1024
"""Steps that are kept whole; over four hours of 15 s."""
BIN = 20
"""Steps between two points of the curve of sums; five minutes of 15 s."""
DAY, WEEK = 5760, 7 * 5760
"""Steps of a day and a week, of 15 s."""
BINS = WEEK // BIN + 64
DEMAND_MOST = 1e15
"""More a second is no reading."""


class DemandPast:
    """`steps`: how many were taken. A step that nobody saw is taken as the one before it, and told
    by `unseen_at`."""

    def __init__(self, unit: float = 1.0) -> None:
        self.unit = unit
        self.steps = 0
        self.unseen_at = -1  # the latest step that nobody saw
        self.first_at = 0  # of the day: the place of the first step, 0 up to DAY
        self._values = np.zeros(2 * RECENT)
        self._sums = np.zeros(2 * RECENT)
        self._moves = np.zeros(2 * RECENT)
        self._curve = np.zeros(BINS)
        self._sum = self._move = 0.0
        self._last_log = math.nan

    @property
    def last(self) -> float:
        """Demand of the latest step; NaN before the first."""
        return float(self._values[(self.steps - 1) % RECENT]) if self.steps else math.nan

    @property
    def is_seen(self) -> bool:
        """Did anybody see the latest step?"""
        return self.unseen_at < self.steps - 1

    @property
    def place(self) -> int:
        """The step of the day in which the next step lies."""
        return (self.first_at + self.steps) % DAY

    def take(self, demand: float) -> None:
        """One more step; NaN, or what no demand can be: nobody saw it."""
        if not 0.0 <= demand <= DEMAND_MOST:
            self.unseen_at = self.steps
            demand = self.last if self.steps else 0.0
        log = math.log(demand + self.unit)
        self._sum += demand
        self._move += abs(log - self._last_log) if self.steps else 0.0
        self._last_log = log
        at = self.steps % RECENT
        self._values[at] = self._values[at + RECENT] = demand
        self._sums[at] = self._sums[at + RECENT] = self._sum
        self._moves[at] = self._moves[at + RECENT] = self._move
        self.steps += 1
        if self.steps % BIN == 0:
            self._curve[self.steps // BIN % BINS] = self._sum

    def skip(self, steps: int) -> None:
        """So many steps that nobody saw. Beyond a week whole weeks are left out: what was before
        is forgotten, and the time of the week is kept."""
        if steps > WEEK:
            steps = WEEK + steps % WEEK
        for _ in range(steps):
            self.take(math.nan)

    def latest(self, count: int) -> Floats:
        """The latest steps, oldest first; at most RECENT, fewer where there were fewer."""
        count = min(count, self.steps, RECENT)
        end = (self.steps - 1) % RECENT + RECENT + 1
        return self._values[end - count : end]

    def mean(self, count: int) -> float:
        """Over the latest `count` steps, below RECENT; over what there is where that is less."""
        count = min(count, self.steps)
        if not count:
            return math.nan
        return max(0.0, self._sum - self._before(self._sums, count)) / count

    def moved(self, count: int) -> float:
        """Mean absolute change of the logarithm from step to step, over the latest ones."""
        count = min(count, self.steps)
        return max(0.0, self._move - self._before(self._moves, count)) / count if count else 0.0

    def highest(self, counts: tuple[int, ...]) -> tuple[float, ...]:
        """The highest of the latest steps, for each of these ascending counts."""
        found: list[float] = []
        known, done = -math.inf, 0
        for count in counts:
            part = self.latest(count)
            if len(part) > done:
                known = max(known, float(part[: len(part) - done].max()))
                done = len(part)
            found.append(known)
        return tuple(found)

    def mean_ago(self, lag: int, start: int, end: int) -> float:
        """Mean from `start` to `end` steps after this moment, `lag` steps ago; NaN: before the
        first step."""
        low, high = self.steps - lag + start, self.steps - lag + end
        if low < 0:
            return math.nan
        return max(0.0, self._summed(high) - self._summed(low)) / (end - start)

    def _before(self, sums: Floats, count: int) -> float:
        if count >= self.steps:
            return 0.0
        return float(sums[(self.steps - 1 - count) % RECENT])

    def _summed(self, step: float) -> float:
        """Sum of all steps before this one, drawn between the points of the curve."""
        if step >= self.steps:
            return self._sum
        place = int(step) // BIN
        low = float(self._curve[place % BINS]) if place else 0.0
        next_at = (place + 1) * BIN
        if next_at > self.steps:
            high, next_at = self._sum, self.steps
        else:
            high = float(self._curve[(place + 1) % BINS])
        begins = place * BIN
        return low + (high - low) * (step - begins) / max(1, next_at - begins)
