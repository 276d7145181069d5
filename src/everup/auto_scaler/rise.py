"""A rise of demand: is there one, and how far will it have gone by the time that who is ordered now
takes work, while too little was seen for a forecast. Pure but for the memory that it keeps.

Flows in: the demand of each step. Flows out: a demand to be ready for. Called by `planner`.

A rise goes on as it was, along the steepest of the lines from two, four or eight steps back to the
latest one. What may be chance is no rise: the line must be more than demand is off its own line as
a rule, and its latest half and quarter must rise too, so that its end is seen. Line and chance come
from differences of demand: of steps x with noise s, x[n] - x[m] is off by s√2, and
x[n] - 2 x[n-1] + x[n-2] by s√6.
"""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Iterable, Sequence

from everup.model.kinds import UNKNOWN, is_known

STEPS = 18
"""That are looked at: chance is judged by sixteen."""
SPANS = (2, 4, 8)
TOLERANCE = 0.10
"""Of the latest demand: what leads to less than that is left to the room that there is."""
FEW, TOLERANCE_OF_FEW = 6, 0.40
"""Before so many bends were seen nobody knows what is chance, and two fifths in the line are."""
SURELY = 3.5
OFF_OF_KINK = SURELY * math.sqrt(2.0) / (0.6745 * math.sqrt(6.0))
"""From the median of second differences to what two steps differ by chance: of normal noise the
median is 0.6745 of its deviation."""
RISES_TO_MOST = 2.0  # of the latest demand
JUMP = 4.0
"""Times as much within two steps has come at once, and nothing says that it goes on."""


class Rise:
    """Of one service. `window`: for how many steps a rise is not over."""

    def __init__(self, window: int) -> None:
        self._lately: deque[float] = deque(maxlen=STEPS)
        self._leads_to: deque[float] = deque(maxlen=window)

    @property
    def most(self) -> float:
        """The highest demand that a rise of the window led to; 0: there was none."""
        return max(self._leads_to, default=0.0)

    def take(self, demand: float, ahead: int) -> None:
        """A step is over; NaN: nobody saw."""
        self._lately.append(demand)
        to = risen(self._lately, ahead)
        self._leads_to.append(to if to > demand else 0.0)


def risen(lately: Iterable[float], ahead: int) -> float:
    """Demand `ahead` steps after the latest of `lately`, oldest first. What lies before a step that
    nobody saw is left out."""
    seen = _since_unknown(list(lately)[-STEPS:])
    if not seen:
        return UNKNOWN
    last = seen[-1]
    if len(seen) < 3 or last > JUMP * seen[-3]:
        return last
    leads_to = last + max(_slope(seen, span) for span in SPANS) * ahead
    return min(leads_to, RISES_TO_MOST * last) if leads_to > last * (1.0 + TOLERANCE) else last


def _slope(seen: Sequence[float], span: int) -> float:
    """Of the line over so many steps; 0: there is none, or it may be chance."""
    if len(seen) <= span:
        return 0.0
    parts = [span, span // 2, max(1, span // 4)]
    slope = min((seen[-1] - seen[-1 - part]) / part for part in parts)
    first, rise = seen[-1 - span], seen[-1] - seen[-1 - span]
    kink, known = _kink(seen[:-1])
    chance = OFF_OF_KINK * kink if known >= FEW else TOLERANCE_OF_FEW * first
    return slope if slope > 0.0 and rise > chance else 0.0


def _since_unknown(lately: Sequence[float]) -> list[float]:
    found: list[float] = []
    for value in lately:
        found = [*found, value] if is_known(value) else []
    return found


def _kink(seen: Sequence[float]) -> tuple[float, int]:
    """(How much demand leaves its own line from step to step, as a rule; of how many steps). A line
    does not."""
    bends = [
        abs(after - 2.0 * now + before)
        for before, now, after in zip(seen, seen[1:], seen[2:], strict=False)
    ]
    return (statistics.median(bends) if bends else 0.0), len(bends)
