"""A rise of demand: is there one, and how far will it have gone by the time that who is ordered now
takes work, while too little was seen for a forecast. Pure but for the memory that it keeps.

Flows in: the demand of each step, what one instance is taken to carry. Flows out: a demand to be
ready for, and what is counted on of an instance meanwhile. Called by `planner`.

A rise goes on as it was, along the steepest of the lines from two, four or eight steps back to the
latest one. What may be chance is no rise: the line must be more than demand is off its own line as
a rule, and its second half must rise too. Both come from differences of demand: of steps x with
noise s, x[n] - x[m] is off by s√2 and x[n] - 2 x[n-1] + x[n-2] by s√6.
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
FEW, TOLERANCE_OF_FEW = 6, 0.20
"""Before so many steps were seen nobody knows what is chance, and a fifth within the line is."""
SURELY = 3.0
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
        self._carried = UNKNOWN

    @property
    def most(self) -> float:
        """The highest demand that a rise of the window led to; 0: there was none."""
        return max(self._leads_to, default=0.0)

    def take(self, demand: float, ahead: int) -> None:
        """A step is over; NaN: nobody saw."""
        self._lately.append(demand)
        to = risen(self._lately, ahead)
        self._leads_to.append(to if to > demand else 0.0)

    def counted_on(self, carries: float) -> float:
        """What may be counted on of an instance whose end was never seen: in a rise what was before
        it. A queue takes its time to grow, so that what is carried on the way up is proven too late
        to act upon."""
        if not self.most or not is_known(self._carried):
            self._carried = carries
            return carries
        return min(carries, self._carried) if is_known(carries) else carries


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
    last, middle, first = seen[-1], seen[-1 - span // 2], seen[-1 - span]
    rise = last - first
    slope = min(rise / span, (last - middle) / (span // 2))
    kink, known = _kink(seen[:-1])
    chance = max(OFF_OF_KINK * kink, 0.0 if known >= FEW else TOLERANCE_OF_FEW * first)
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
