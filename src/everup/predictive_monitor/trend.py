"""A line through what climbs, robustly: `climb(times, values) -> Climb | None`. Pure numpy.

Flows in: one series, oldest first; NaN is unknown and left out. Flows out: the slope with an
interval, and where the line stands now; None when nothing steadily climbs. Called by `predict`.

Theil-Sen slope, with the interval that Sen derived from Kendall's variance. That interval takes
samples as independent, which memory is not; so a line counts only when it also climbs in every
quarter of its time, which chance walks seldom do. The longest stretch up to now that fits is taken:
a leak that begins late is not watered down by the calm before it, and a step is no line at all:
after one a new line begins (`steps`). It must also stand clearly above all that came before: noise
that wanders comes back, a leak does not.

A saw-tooth is no leak. What falls by itself is judged by its troughs: their floor must climb, and
the limit is met by the peaks above it. Where it fell too seldom to tell, nothing is said. Fails: a
first long climb before the very first fall looks like a leak, because nobody has seen it fall yet;
`prior` therefore doubts low levels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.steps import line_start, noise_of

Floats = NDArray[np.float64]

POINTS_LEAST = 10
TOGETHER = 5
"""So many samples make a point where noise hides the line."""
POINTS_MOST = 80
"""More are thinned: all pairs of them are looked at."""
TROUGHS_LEAST = 4
QUARTERS = 4
STRETCHES = (1.0, 0.75, 0.5, 0.35, 0.25, 0.15)
QUARTER_SHARE = 0.3  # each quarter climbs with at least this share of the whole slope
CONFIDENCE_Z = 2.6  # of the interval, two-sided 99 %
GROWTH_IN_NOISE = 4.0  # over its stretch, the line climbs by this many times its noise
FALL_IN_NOISE = 6.0
FALL_SHARE = 0.08  # a fall takes at least this share of the whole range …
FALL_OF_CLIMB = 0.3  # … and of the climb that it ends
BEYOND_SHARE = 0.5  # by this share of how far the highest stood above the middle before


@dataclass(frozen=True, slots=True)
class Climb:
    """The line at the latest sample, and how fast it climbs, with an interval. `headway` is how far
    the peaks stand above the line; `late_ratio` the slope of the latest half over the whole one:
    under 1 it levels off. `steadiness` 0-1: how little noise there is about the line. `still`: how
    much further it climbs if it goes on bending as it does now; infinite where it does not.
    `calm_s`: for how long the series was seen before the line begins, since its own beginning or
    its latest step."""

    level: float
    per_s: float
    per_s_least: float
    per_s_most: float
    span_s: float
    points: int
    headway: float = 0.0
    late_ratio: float = 1.0
    steadiness: float = 1.0
    still: float = float("inf")
    calm_s: float = 0.0

    def seconds_to(self, limit: float) -> tuple[float, float, float]:
        """(earliest, likely, latest) until the peaks meet the limit; latest may be infinite."""
        way = max(0.0, limit - self.headway - self.level)
        least = way / self.per_s_least if self.per_s_least > 0.0 else float("inf")
        return way / self.per_s_most, way / self.per_s, least


def climb(times: Floats, values: Floats, *, span_least_s: float) -> Climb | None:
    """The climb up to now, or None. Where noise hides it, the medians of five samples are looked
    at instead."""
    known = np.isfinite(values)
    times, values = times[known].astype(np.float64), values[known].astype(np.float64)
    found = _climb(times, values, span_least_s)
    return _climb(*medians(times, values), span_least_s) if found is None else found


def medians(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Of five known samples each, the latest ones whole; what is left over at the start is not
    used."""
    known = np.isfinite(values)
    times, values = times[known], values[known]
    count = len(values) // TOGETHER
    if not count:
        return times[:0], values[:0]
    kept = slice(len(values) - count * TOGETHER, None)
    blocks = values[kept].reshape(count, TOGETHER)
    return np.median(times[kept].reshape(count, TOGETHER), axis=1), np.median(blocks, axis=1)


def _climb(times: Floats, values: Floats, span_least_s: float) -> Climb | None:
    if len(times) < POINTS_LEAST:
        return None
    falls = _falls(values)
    if len(falls):
        return _of_troughs(times, values, falls, span_least_s)
    stepped = line_start(values)
    return _longest(times[stepped:], values[stepped:], span_least_s)


def _longest(times: Floats, values: Floats, span_least_s: float) -> Climb | None:
    if len(times) < POINTS_LEAST:
        return None
    for share in STRETCHES:
        since_s = times[-1] - share * (times[-1] - times[0])
        recent = times >= since_s
        if times[-1] - since_s < span_least_s or np.count_nonzero(recent) < POINTS_LEAST:
            return None
        found = _line(*_thinned(times[recent], values[recent]))
        if found is not None:
            if not _is_beyond(found.level, values[~recent]):
                return None
            return replace(found, calm_s=float(times[recent][0] - times[0]))
    return None


def _is_beyond(level: float, before: Floats) -> bool:
    """A leak leaves behind all that came before it; what wanders about its mean comes back."""
    if not len(before):
        return True
    highest = float(np.max(before))
    return level > highest + BEYOND_SHARE * (highest - float(np.median(before)))


def _of_troughs(
    times: Floats, values: Floats, falls: NDArray[np.intp], span_least_s: float
) -> Climb | None:
    """The floor between the falls. Too few of them say nothing: what has fallen by itself may do so
    again."""
    if len(falls) < TROUGHS_LEAST - 1:
        return None
    edges = [0, *(int(f) + 1 for f in falls), len(values)]
    parts = [slice(a, b) for a, b in pairwise(edges) if b > a]
    lows = [p.start + int(np.argmin(values[p])) for p in parts]
    peaks = np.array([float(np.max(values[p])) for p in parts])
    # The first stretch began somewhere, and the latest has not fallen yet: no troughs of theirs
    at = np.array(lows[1:])
    found = _line(times[at], values[at], quarters=2)
    if found is None or found.span_s < span_least_s:
        return None
    headway = float(np.median(peaks[1:] - values[at]))
    level = found.level + found.per_s * float(times[-1] - times[at[-1]])
    calm_s = float(times[at[0]] - times[0])
    return replace(found, level=level, headway=headway, calm_s=calm_s)


def _falls(values: Floats) -> NDArray[np.intp]:
    """Where a fall ends a climb: before index i + 1 the series comes down by more than noise does.

    Neighbours are one fall. One that takes back little of its climb is noise, and ends none.
    """
    spread = float(np.max(values) - np.min(values))
    least = max(FALL_IN_NOISE * noise_of(values), FALL_SHARE * spread)
    if spread <= 0.0 or least <= 0.0:
        return np.empty(0, dtype=np.intp)
    steps = np.flatnonzero(values[:-1] - values[1:] > least)
    if len(steps) > 1:
        steps = steps[np.append(np.diff(steps) > 1, True)]
    real: list[int] = []
    begin = 0
    for at in (int(step) for step in steps):
        peak, low = float(np.max(values[begin : at + 1])), float(np.min(values[begin : at + 1]))
        if peak - values[at + 1] >= FALL_OF_CLIMB * (peak - low):
            real.append(at)
            begin = at + 1
    return np.array(real, dtype=np.intp)


def _thinned(times: Floats, values: Floats) -> tuple[Floats, Floats]:
    if len(times) <= POINTS_MOST:
        return times, values
    chosen = np.linspace(0, len(times) - 1, POINTS_MOST).round().astype(np.intp)
    return times[chosen], values[chosen]


def _line(times: Floats, values: Floats, *, quarters: int = QUARTERS) -> Climb | None:
    """A line that climbs, beyond its noise, and in every part of its time; or None."""
    slopes = np.sort(_slopes(times, values))
    if len(slopes) < 3:
        return None
    many = len(times)
    middle = float(np.median(slopes))
    if middle <= 0.0:
        return None
    kendall = CONFIDENCE_Z * np.sqrt(many * (many - 1) * (2 * many + 5) / 18.0)
    low = max(0, round((len(slopes) - kendall) / 2))
    high = min(len(slopes) - 1, round((len(slopes) + kendall) / 2))
    least, most = float(slopes[low]), float(slopes[high])
    if least <= 0.0:
        return None
    start = float(np.median(values - middle * (times - times[-1])))
    rest = values - middle * (times - times[-1]) - start
    noise = 1.4826 * float(np.median(np.abs(rest)))
    span_s = float(times[-1] - times[0])
    growth = middle * span_s
    if growth < GROWTH_IN_NOISE * noise or not _climbs_throughout(times, values, middle, quarters):
        return None
    late = times >= times[0] + span_s / 2
    late_slope = float(np.median(_slopes(times[late], values[late])))
    late_ratio = late_slope / middle
    still = min(_still_dying(growth, late_ratio), _still_braking(times, values))
    return Climb(
        level=start,
        per_s=middle,
        per_s_least=least,
        per_s_most=max(most, middle),
        span_s=span_s,
        points=many,
        late_ratio=late_ratio,
        steadiness=1.0 - min(1.0, 2.0 * noise / growth),
        still=still,
    )


def _still_dying(growth: float, late_ratio: float) -> float:
    """Of a climb that dies away, as a cache that fills: each half of the time brings the same share
    of the half before it, so that a geometric series is left."""
    late = max(0.0, late_ratio)
    if late >= 1.0:
        return float("inf")
    share = late / (2.0 - late)
    return 0.5 * late * growth * share / (1.0 - share)


def _still_braking(times: Floats, values: Floats) -> float:
    """Of a climb that is braked evenly, as a peak of load near its top: v² / 2a, by the slopes of
    the last two thirds."""
    third = (times[-1] - times[0]) / 3.0
    slopes = []
    for back in (2.0, 1.0):
        inside = (times >= times[-1] - back * third) & (times <= times[-1] - (back - 1.0) * third)
        if np.count_nonzero(inside) < 3:
            return float("inf")
        slopes.append(float(np.median(_slopes(times[inside], values[inside]))))
    before, lately = slopes
    if lately >= before:
        return float("inf")
    now = max(0.0, lately - 0.5 * (before - lately))
    return float(now * now * third / (2.0 * (before - lately)))


def _climbs_throughout(times: Floats, values: Floats, slope: float, quarters: int) -> bool:
    """Every part of the time has its share of the climb, inside of it and from one to the next."""
    edges = np.linspace(times[0], times[-1], quarters + 1)
    before = -np.inf
    for low, high in pairwise(edges):
        inside = (times >= low) & (times <= high)
        if np.count_nonzero(inside) < 2:
            return False
        own = _slopes(times[inside], values[inside])
        middle = float(np.median(values[inside]))
        if float(np.median(own)) < QUARTER_SHARE * slope or middle <= before:
            return False
        before = middle
    return True


@lru_cache(maxsize=POINTS_MOST + 1)
def _pairs(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of so many points; the same few counts are asked for again and again."""
    first, second = np.triu_indices(count, 1)
    first.flags.writeable = second.flags.writeable = False
    return first, second


def _slopes(times: Floats, values: Floats) -> Floats:
    """Of all pairs, bounded by POINTS_MOST."""
    first, second = _pairs(len(times))
    apart = times[second] - times[first]
    return np.asarray((values[second] - values[first])[apart > 0.0] / apart[apart > 0.0])
