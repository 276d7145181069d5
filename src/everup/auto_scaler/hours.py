"""What was asked in each hour of the day, and for how long nothing was. Pure.

Flows in: the past of one service's demand. Flows out: means by hour, for whoever recommends a
schedule; steps without any work. Of steps of 15 s (or of a day that is as much shorter).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from everup.auto_scaler.demand.past import BIN, DAY, RECENT, WEEK, DemandPast
from everup.model.kinds import UNKNOWN

HOURS = 24
HOUR = DAY // HOURS
DAYS_MOST = WEEK // DAY


@dataclass(frozen=True, slots=True)
class Hours:
    """`means`: of each hour of the day, in units of demand; NaN: never seen. `days`: that the hour
    that was seen least often was seen."""

    means: tuple[float, ...]
    days: int


def hours(past: DemandPast, shift_hours: int = 0) -> Hours:
    """Of the last week. `shift_hours`: by so many the wanted clock is ahead of the past's."""
    sums, counts = [0.0] * HOURS, [0] * HOURS
    end = past.steps - (past.first_at + past.steps) % HOUR
    for back in range(1, HOURS * DAYS_MOST + 1):
        begins = end - back * HOUR
        if begins < 0 or begins < past.steps - WEEK:
            break
        mean = past.mean_ago(past.steps - begins, 0, HOUR)
        hour = ((past.first_at + begins) // HOUR + shift_hours) % HOURS
        if math.isfinite(mean):
            sums[hour] += mean
            counts[hour] += 1
    means = tuple(s / c if c else UNKNOWN for s, c in zip(sums, counts, strict=True))
    return Hours(means, min(counts))


def idle_steps(past: DemandPast) -> int:
    """For so many steps up to now nothing was asked, all of it seen; a week at the most."""
    latest = past.latest(RECENT)
    busy = np.flatnonzero(latest > 0.0)
    idle = len(latest) if not len(busy) else len(latest) - 1 - int(busy[-1])
    if idle == RECENT:
        while idle + BIN <= min(past.steps, WEEK) and past.mean_ago(idle, -BIN, 0) <= 0.0:
            idle += BIN
    return min(idle, past.steps - 1 - past.unseen_at)
