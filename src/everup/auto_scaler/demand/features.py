"""This moment of a demand in numbers, relative to its present level, so that nothing learned means
that the next minutes are like the last one.

Flows in: the past. Flows out: `x` for where demand goes, `v` for how sure that is. All are
differences of logarithms or angles of the day; a day or a week that was not seen is 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from everup.auto_scaler.demand.past import DAY, WEEK, DemandPast, Floats

MEANS = (4, 8, 20, 60, 240, 960)
HIGHEST = (20, 60, 240)
MOVES = (20, 60, 240, 960)
SEASONS = (DAY, WEEK)
CLIP = 2.0
"""A season may say at most that there will be so many e-folds more or less."""
X_SIZE = 1 + len(MEANS) + len(HIGHEST) + 1 + 4 * len(SEASONS) + 4
V_SIZE = 1 + len(MOVES) + 7
STILL = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """`level`: logarithm of the latest step. `x` `[X_SIZE]`, `v` `[V_SIZE]`."""

    level: float
    x: Floats
    v: Floats
    short: float  # logarithm of the mean of the last 8 steps
    long: float  # and of 20
    season: float  # by how much it grew over the next 15 min, a day ago; 0: not known


def moment(past: DemandPast) -> Moment:
    """Of a past with at least one step."""
    unit = past.unit
    level = math.log(past.last + unit)
    means = [math.log(past.mean(count) + unit) for count in MEANS]
    highest = [math.log(value + unit) for value in past.highest(HIGHEST)]
    x = [1.0]
    x += [value - level for value in means]
    x += [value - level for value in highest]
    x.append(math.exp(-0.5 * level) * math.sqrt(unit))
    season = 0.0
    for lag in SEASONS:
        known = _season(past, lag, means)
        x += known
        if lag == DAY:
            season = known[1]
    angle = 2.0 * math.pi * past.place / DAY
    x += [math.sin(angle), math.cos(angle), math.sin(2 * angle), math.cos(2 * angle)]
    v = [1.0]
    v += [math.log(past.moved(count) + STILL) + 4.0 for count in MOVES]
    v += [x[1], x[2], x[3], x[4], x[7], x[8], x[10]]
    return Moment(level, np.array(x), np.array(v), means[1], means[2], season)


def _season(past: DemandPast, lag: int, means: list[float]) -> list[float]:
    """How it went on then: in the next 5 min, in the 15 after; and then against now."""
    before, after, later, around = (
        past.mean_ago(lag, start, end) for start, end in ((-20, 0), (0, 20), (20, 80), (-240, 240))
    )
    if not before >= 0.0:  # not all of it was seen
        return [0.0, 0.0, 0.0, 0.0]
    unit = past.unit
    logs = [math.log(value + unit) for value in (before, after, later)]
    wide = math.log(around + unit) - means[4] if around >= 0.0 else 0.0
    found = (logs[1] - logs[0], logs[2] - logs[0], logs[1] - means[2], wide)
    return [min(CLIP, max(-CLIP, value)) for value in found]
