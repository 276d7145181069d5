"""How likely a line meets its limit within the horizon, by judgement: `prior(...)`. Pure.

It is a prior, and its model says so (`trend-prior-5`): no outcomes were learned from. It is what a
perfect line of its kind gets (`Limit.most`, 0.95 at most), times six doubts, each 0-1: how much of
the interval lies within the horizon; how far the line was seen to climb, against how far it is
drawn on from there; how high the level is, since what grows at a low level often levels off or is
collected; how steady the line is; whether it would end short of the limit if it goes on bending as
it does; and whether it climbs since it began, as all that starts does, or left a calm behind. What
climbs faster and faster is taken to go on at the pace that it has at its end, and to have been seen
climbing for as much: of a line that bends evenly, that is twice the slope of its latest half less
the whole one. A level under 0.43 of the limit
cannot reach the 0.7 from which a prediction is acted upon, one above 0.65 is not doubted for its
level.
"""

from __future__ import annotations

import numpy as np

from everup.predictive_monitor.trend import Climb

MODEL_VERSION = "trend-prior-5"
PRIOR_MOST = 0.95
SEEN_OF_AHEAD = 1.4
"""How far a line was seen to climb, against how far it is drawn on: from there without a doubt."""
FASTER_MOST = 2.0  # so many times its whole slope is the most that is made of a bend
NEW_SHARE, CALM_TIMES = 1.0 / 3.0, 3.0
"""What climbs since its own beginning, or since a step, is doubted for so much of the horizon;
a second of calm before the line counts for so many of the line."""
LEVEL_LOW, LEVEL_HIGH = 0.25, 0.65  # of the limit: half a doubt there, none here


def prior(line: Climb, level: float, horizon_s: float, most: float = PRIOR_MOST) -> float:
    """The probability that the limit is met within the horizon; see the top of this file."""
    pace = min(FASTER_MOST, max(1.0, 2.0 * line.late_ratio - 1.0))
    earliest, likely, latest = (each / pace for each in line.seconds_to(1.0))
    if earliest >= horizon_s:
        return 0.0
    # The likely time halves the interval: half of the chance lies before it, half after.
    if horizon_s <= likely:
        within = 0.5 * (horizon_s - earliest) / max(1e-9, likely - earliest)
    elif np.isinf(latest) or latest <= likely:
        within = 1.0
    else:
        within = 0.5 + 0.5 * min(1.0, (horizon_s - likely) / (latest - likely))
    high = min(1.0, max(0.0, (level - LEVEL_LOW) / (LEVEL_HIGH - LEVEL_LOW)))
    seen, ahead = line.per_s * line.span_s, max(0.0, 1.0 - line.headway - line.level)
    drawn_on = min(1.0, pace * seen / max(1e-9, SEEN_OF_AHEAD * ahead))
    levels_off = min(1.0, line.still / max(1e-9, ahead))
    steady = 0.75 + 0.25 * line.steadiness
    known = min(1.0, (line.span_s + CALM_TIMES * line.calm_s) / (NEW_SHARE * horizon_s))
    doubts = within * drawn_on * (0.5 + 0.5 * high) * steady * levels_off * known
    return float(most * doubts)
