"""How far demand will have risen by the time that who is ordered now takes work, while too little
was seen for a forecast. Pure.

Flows in: the demand of the latest steps. Flows out: a demand, never less than the latest one.
Called by `planner`. A rise goes on as it was: along the flatter of the lines through the latest two
and the latest three steps. What may be chance is no rise: it must be a fifth within two steps, and
more than demand is off its own line as a rule. Line and chance come from differences of demand: of
n steps x with noise s, x[n] - x[n-2] is off by s√2 and x[n] - 2 x[n-1] + x[n-2] by s√6.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from everup.model.kinds import is_known

STEPS = 18
"""That are looked at: chance is judged by sixteen."""
TOLERANCE = 0.20
SURELY = 3.0
OFF_OF_KINK = SURELY * math.sqrt(2.0) / (0.6745 * math.sqrt(6.0))
"""From the median of second differences to what two steps differ by chance: of normal noise the
median is 0.6745 of its deviation."""

RISES_TO_MOST = 2.0  # of the latest demand
JUMP = 4.0
"""Times as much within two steps has come at once, and nothing says that it goes on."""


def risen(lately: Iterable[float], ahead: int) -> float:
    """Demand `ahead` steps after the latest of `lately`, oldest first. What lies before a step that
    nobody saw is left out."""
    seen = _since_unknown(list(lately)[-STEPS:])
    if len(seen) < 3:
        return seen[-1] if seen else math.nan
    last, rise = seen[-1], seen[-1] - seen[-3]
    slope = min(seen[-1] - seen[-2], rise / 2.0)
    if last > JUMP * seen[-3]:
        return last
    if slope <= 0.0 or rise <= TOLERANCE * seen[-3] or rise <= OFF_OF_KINK * _kink(seen[:-1]):
        return last
    return min(last + slope * ahead, RISES_TO_MOST * last)


def _since_unknown(lately: Sequence[float]) -> list[float]:
    found: list[float] = []
    for value in lately:
        found = [*found, value] if is_known(value) else []
    return found


def _kink(seen: Sequence[float]) -> float:
    """How much demand leaves its own line from step to step, as a rule; a line does not."""
    bends = [
        abs(after - 2.0 * now + before)
        for before, now, after in zip(seen, seen[1:], seen[2:], strict=False)
    ]
    return statistics.median(bends) if len(bends) >= 3 else 0.0
