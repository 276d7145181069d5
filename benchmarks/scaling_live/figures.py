"""What came of it, in numbers. Pure.

Flows in: each request with its latency, and one sight of each side a second. Flows out: how long
the 95th percentile was within its target, what was lost, and what it took in instances.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WINDOW_S = 5
PERCENTILE = 95.0
GOOD = 200
LATE_MOST_S = 0.02
"""A request that was asked later than this was held up by the generator or the machine."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `took_s`: from the moment when it was due, so that no queue of the generator is
    left out. `late_s`: how much of it is the generator's own. `status` 0: no answer came."""

    due_s: float
    took_s: float
    status: int
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Sight:
    """One side at one moment. `takes`: servers of the router that get requests; `runs`: instances
    that are there, ready or not; `sessions`: requests that servers have or that wait for them."""

    at_s: float
    takes: int
    runs: int
    rps: float = 0.0
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one side. Shares are 0–1; a time without requests is within the target."""

    requests: int
    failed: int
    by_status: dict[str, int]
    seconds_within: float  # share of seconds
    windows_within: float  # share of windows of five seconds
    p50_s: float
    p95_s: float
    p99_s: float
    worst_window_s: float  # the highest p95 of a window
    taking_s: float  # instance-seconds that got requests
    running_s: float  # instance-seconds that ran
    needed_s: float  # the least that carry the load, with nothing to spare
    least: int
    most: int
    changes_out: int
    changes_in: int
    late_share: float  # requests that the generator was late with


def figures(
    asked: Sequence[Asked],
    sights: Sequence[Sight],
    needed: Sequence[int],
    target_s: float,
    changes: tuple[int, int],
) -> Figures:
    """`needed`: instances, one number a second; `changes`: scalings out and in."""
    total_s = len(needed)
    took = np.array([one.took_s for one in asked]) if asked else np.full(1, math.nan)
    seconds, windows = by_time(asked, total_s, 1), by_time(asked, total_s, WINDOW_S)
    statuses = Counter(str(one.status) for one in asked)
    return Figures(
        requests=len(asked),
        failed=sum(one.status != GOOD for one in asked),
        by_status=dict(sorted(statuses.items())),
        seconds_within=within(seconds, target_s),
        windows_within=within(windows, target_s),
        p50_s=float(np.percentile(took, 50.0)),
        p95_s=float(np.percentile(took, PERCENTILE)),
        p99_s=float(np.percentile(took, 99.0)),
        worst_window_s=max((p for p in windows if not math.isnan(p)), default=math.nan),
        taking_s=_area([(one.at_s, one.takes) for one in sights], total_s),
        running_s=_area([(one.at_s, one.runs) for one in sights], total_s),
        needed_s=float(sum(needed)),
        least=min((one.takes for one in sights), default=0),
        most=max((one.takes for one in sights), default=0),
        changes_out=changes[0],
        changes_in=changes[1],
        late_share=sum(one.late_s > LATE_MOST_S for one in asked) / max(1, len(asked)),
    )


def by_time(asked: Sequence[Asked], total_s: int, step_s: int) -> list[float]:
    """The 95th percentile of the latency of what was due in each step; NaN where nothing was. What
    failed was not answered in any time."""
    steps: list[list[float]] = [[] for _ in range(-(-total_s // step_s))]
    for one in asked:
        if 0.0 <= one.due_s < total_s:
            took_s = one.took_s if one.status == GOOD else math.inf
            steps[int(one.due_s // step_s)].append(took_s)
    return [percentile(took) for took in steps]


def percentile(took: Sequence[float]) -> float:
    """The smallest value that PERCENTILE of all do not exceed; NaN of none. Not drawn between two
    values, since one of them may be infinite."""
    if not took:
        return math.nan
    return sorted(took)[max(0, math.ceil(len(took) * PERCENTILE / 100.0) - 1)]


def within(percentiles: Sequence[float], target_s: float) -> float:
    """Share of steps that are not above the target."""
    if not percentiles:
        return 1.0
    return sum(not p > target_s for p in percentiles) / len(percentiles)


def _area(points: Sequence[tuple[float, int]], total_s: float) -> float:
    """Instance-seconds under a staircase; each step lasts until the next sight."""
    ends = [at_s for at_s, _ in points[1:]] + [total_s]
    steps = zip(points, ends, strict=False)
    return sum(
        count * max(0.0, min(end_s, total_s) - max(0.0, at_s)) for (at_s, count), end_s in steps
    )
