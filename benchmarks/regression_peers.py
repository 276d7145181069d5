"""What else one might do, beside the test of `rollback_manager.regression`, on the same answers."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.regression_worlds import HOUR_S, Day
from everup.rollback_manager.regression import Bounds, regression
from everup.rollback_manager.samples import Floats

BOUNDS = Bounds()
TRAILING_S = 60.0
ABOVE = 1.2
T_LEAST = 3.29  # two-sided 0.1 % of a normal


def everup(day: Day, since_s: float) -> bool:
    """The test that Everup uses."""
    if since_s < BOUNDS.warm_up_s + BOUNDS.lasts_least_s:
        return False  # it says so itself, and takes a millisecond for it
    seen = day.after.between(day.changed_s, day.changed_s + since_s)
    return bool(regression(day.usual, seen, day.changed_s, past=day.past, bounds=BOUNDS).worse)


def threshold(day: Day, since_s: float) -> bool:
    """The mean of the last minute is a fifth above the mean of the hour before."""
    now_s = day.changed_s + since_s
    late = day.after.between(now_s - TRAILING_S, now_s).latency_s
    return len(late) > 1 and float(late.mean()) > ABOVE * float(_hour(day).mean())


def repeated_t(day: Day, since_s: float) -> bool:
    """Welch's t-test at 0.1 % on logarithms, asked at every look as if it were the only one."""
    old = np.log(_hour(day))
    new = np.log(day.after.between(day.changed_s, day.changed_s + since_s).latency_s)
    if len(new) < 30:
        return False
    spread = math.sqrt(float(old.var(ddof=1)) / len(old) + float(new.var(ddof=1)) / len(new))
    return float(new.mean() - old.mean()) > T_LEAST * spread


def _hour(day: Day) -> Floats:
    return day.before.between(day.changed_s - HOUR_S, day.changed_s).latency_s


PEERS = {"everup": everup, "threshold on the mean": threshold, "repeated t-test": repeated_t}
