"""How many instances were needed over the last day, a value each five minutes. Pure.

Flows in: after each step how many instances its demand needed. Flows out: `values`, the most of
each stretch, oldest first. Kept by `scaler`, read by whoever reckons cost. It is written down
nowhere: a new life makes it anew from the past that it lives through.
"""

from __future__ import annotations

import math
from collections import deque

from everup.model.kinds import UNKNOWN

STRETCH_STEPS = 20
"""Five minutes of 15 s."""
KEPT_MOST = 288
"""Stretches of a day."""


class Needs:
    """Of one service."""

    def __init__(self) -> None:
        self._kept: deque[float] = deque(maxlen=KEPT_MOST)
        self._most, self._steps = UNKNOWN, 0

    def take(self, needed: float, steps: int = 1) -> None:
        """NaN: nobody knows what was needed then; a stretch of nothing else is unknown."""
        if math.isfinite(needed):
            self._most = max(needed, self._most) if math.isfinite(self._most) else needed
        self._steps += steps
        if self._steps < STRETCH_STEPS:
            return
        ended, self._steps = divmod(self._steps, STRETCH_STEPS)
        self._kept.append(self._most)
        self._kept.extend([UNKNOWN] * min(KEPT_MOST, ended - 1))
        self._most = UNKNOWN

    @property
    def values(self) -> tuple[float, ...]:
        """At most 288, oldest first."""
        return tuple(self._kept)
