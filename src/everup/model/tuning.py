"""What was tuned from how predictions ended: a calibration, and thresholds. Part of the state.

Written into the journal as `Recalibrated` and `ThresholdTuned`, folded into `StackState.tuned`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from everup.model.kinds import UNKNOWN

POINTS_MOST = 32


class Knob(StrEnum):
    """What is tuned."""

    CALIBRATION = "calibration"  # what a probability is worth, by what came of earlier ones
    ACTS_ABOVE = "acts_above"  # the probability from which a prediction is acted upon
    ANOMALY_BUDGET = "anomaly_budget"  # how many alarms a day, as a multiple of what is set


@dataclass(frozen=True, slots=True)
class Calibration:
    """A map that never falls, from what would be said to what came: straight lines between points
    (`said`, `worth`), from (0, 0) up to the first, and level after the last. Without any it changes
    nothing.

    `settled`: so many forecasts it was learned from. Whoever takes one in asks `is_sound` first.
    """

    said: tuple[float, ...] = ()
    worth: tuple[float, ...] = ()
    settled: int = 0

    @property
    def is_sound(self) -> bool:
        """As many points as worths, and few; within 0-1; and it never falls."""
        if len(self.said) != len(self.worth) or len(self.said) > POINTS_MOST:
            return False
        inside = all(0.0 < x <= 1.0 for x in self.said) and all(0.0 <= y <= 1.0 for y in self.worth)
        rises = all(a < b for a, b in pairwise(self.said))
        rises = rises and all(a <= b for a, b in pairwise(self.worth))
        return inside and rises

    def of(self, probability: float) -> float:
        """What this is worth."""
        if not self.said or not probability > 0.0:
            return probability
        index = bisect_right(self.said, probability)
        if index == len(self.said):
            return self.worth[-1]
        left_x, left_y = (self.said[index - 1], self.worth[index - 1]) if index else (0.0, 0.0)
        share = (probability - left_x) / (self.said[index] - left_x)
        return left_y + share * (self.worth[index] - left_y)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What is in force. `acts_above` NaN: as it is set. `at_s`: when each was last changed;
    `held_until_s`: not tuned again before, since a person
    took it back."""

    calibration: Calibration = Calibration()
    acts_above: float = UNKNOWN
    anomaly_budget: float = 1.0
    at_s: Mapping[str, float] = field(default_factory=dict)
    held_until_s: Mapping[str, float] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
