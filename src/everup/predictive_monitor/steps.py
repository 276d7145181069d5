"""Where a series leaps and stays: `line_start(values) -> index` from which a line is drawn. Pure.

Flows in: known values of one series, oldest first. Flows out: the index behind the latest step up,
0 where there is none. Called by `trend`: a line across a step is drawn too steep.

A step up is one sample's rise that is far above the noise, a real share of the whole range, and
several times what the series climbs in a sample otherwise: a stair of equal steps is a climb, not a
step, with noise between them too. It stays: what comes after it stands above what came before. What
falls is `trend`'s own matter, since a fall may come again.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP_IN_NOISE = 8.0
STEP_SHARE = 0.15
"""Of the range of the whole series, a step is at least this much."""
STEP_TIMES = 4.0
"""So many times what three of four climbing samples climb by at most."""
STAYS_SHARE = 0.5
"""Of a step, the middle of what follows stands above the middle of what was there before."""
STAIR_LEAST = 3
"""So many steps alike, each half to twice this one, are a stair."""
BESIDE = 5
"""Samples on each side that are compared."""


def noise_of(values: Floats) -> float:
    """Of one sample, from how the steps between them differ: a slope does not count as noise."""
    if len(values) < 4:
        return 0.0
    bends = values[2:] - 2.0 * values[1:-1] + values[:-2]
    spread = float(np.median(np.abs(bends - np.median(bends))))
    return 1.4826 * spread / math.sqrt(6.0)


def line_start(values: Floats) -> int:
    """Behind the latest step up that stays; 0: the whole series may be one line."""
    if len(values) < 2 * BESIDE:
        return 0
    rises = np.diff(values)
    spread = float(np.max(values) - np.min(values))
    climbing = rises[rises > 1e-9 * max(spread, 1e-300)]
    if spread <= 0.0 or len(climbing) < 2:
        return 0
    usual = float(np.quantile(climbing, 0.75))
    least = max(STEP_IN_NOISE * noise_of(values), STEP_SHARE * spread, STEP_TIMES * usual)
    for at in np.flatnonzero(rises >= least)[::-1]:
        start, alike = int(at) + 1, rises / rises[at]
        if np.count_nonzero((alike >= 0.5) & (alike <= 2.0)) >= STAIR_LEAST:
            continue
        before, after = values[max(0, start - BESIDE) : start], values[start : start + BESIDE]
        if float(np.median(after) - np.median(before)) >= STAYS_SHARE * float(rises[at]):
            return start
    return 0
