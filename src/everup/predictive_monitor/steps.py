"""Where a series leaps: `line_start(values) -> index` from which a line is drawn, behind what leapt
and stayed; `in_bursts(values) -> which`, what leapt and came back at once. Pure.

Flows in: known values of one series, oldest first. Flows out: the index behind the latest step up,
0 where there is none; or which values are of a burst. Called by `trend`, since a line across a step
is drawn too steep, and by `creep`, where the fall at the end of a burst would hide what follows.

A step up is one sample's rise that is far above the noise, a real share of the whole range, and
several times what the series climbs in a sample otherwise: a stair of equal steps is a climb, not a
step, with noise between them too. It stays: what comes after it stands above what came before. What
falls is `trend`'s own matter, since a fall may come again.

A burst is up for a few samples, and what follows goes on from where it was before; at the very
beginning nobody knows of a before. It is told from a saw-tooth by coming alone: several of them are
how this series is.
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
BURST_MOST, BURSTS_MOST = 3, 2
"""A burst lasts for so many samples at most, and there are so many of them."""


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


def in_bursts(values: Floats) -> NDArray[np.bool_]:
    """Which values are of a burst that is over."""
    found = np.zeros(len(values), dtype=bool)
    if len(values) < 2 * BESIDE:
        return found
    spread = float(np.max(values) - np.min(values))
    least = max(STEP_IN_NOISE * noise_of(values), STEP_SHARE * spread)
    if not least > 0.0:
        return found
    falls = np.flatnonzero(values[:-1] - values[1:] > least)
    for end in (int(at) + 1 for at in falls):
        after = float(np.median(values[end : end + BESIDE]))
        up = values[max(0, end - BURST_MOST - 1) : end] > after + 0.5 * least
        begin = end - (len(up) if up.all() else int(np.argmin(up[::-1])))
        height = float(np.max(values[begin:end], initial=after)) - after
        if end - begin > BURST_MOST or height < least:
            continue
        before = float(np.median(values[max(0, begin - BESIDE) : begin])) if begin else after
        if abs(before - after) <= (1.0 - STAYS_SHARE) * height:
            found[begin:end] = True
    # One that ends in several falls is found at each of them, and is one all the same.
    beginnings = np.count_nonzero(np.diff(found.astype(np.int8), prepend=0) == 1)
    return found if beginnings <= BURSTS_MOST else np.zeros(len(values), dtype=bool)
