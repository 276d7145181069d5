"""What one instance of a service can carry within its targets, learned from what was seen. Pure.

Flows in: a Glimpse of every interval, the owner's targets. Flows out: a Capacity, with bounds and a
sentence. Called by `loop`, which keeps one model for each service and packs it into the journal.
What a fault does to the answers is no lack of capacity: slow answers at a load that was carried
with ease teach nothing, unless they keep coming with that load and going with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from everup.auto_scaler.buckets import Buckets
from everup.auto_scaler.curve import Fit, fit, single_place
from everup.auto_scaler.knee import FLAT, NOTHING, Sight, badness, points, sight
from everup.auto_scaler.pool import Pool, Pooled
from everup.auto_scaler.start_up import BaseCost, Line, StartUp
from everup.model.kinds import UNKNOWN, is_known

__all__ = ["BaseCost", "Capacity", "CapacityModel", "Glimpse", "StartUp"]

GLIMPSES_LEAST = 10
EXPLORE = 1.25  # of what is proven, while nothing is felt
EXPLORE_NARROW = 1.1  # while all that was seen is about one rate, so that nobody knows what is flat
NARROW = 1.5
CAUTION = 0.88
"""Of what was proven once load is felt: a queue takes its time to grow, so that while load rises a
little more than can last is answered in time."""
KNOWN_WITHIN = 1.3
CPU_MOST = 0.9  # of the limit
CPU_EXPLAINS = 0.8  # of the variance, from which on the processor is taken for what bounds it
LOW = 0.5  # of what is proven: beneath, whatever is slow is no lack of capacity
RELAPSES = 2
DRAINING_MOST, DEEPER = 60, 1.05
PRIOR_WEIGHT = 2.0  # intervals that all that an older version taught still counts for
LOOK_AGAIN = 10
DRAW_AGAIN = 4  # intervals: one more within the targets moves a curve by little


@dataclass(frozen=True, slots=True)
class Glimpse:
    """One interval (15 s by default) of one service. NaN: unknown, and teaches nothing."""

    at_s: float
    ready: int  # instances that took work during all of it
    demand_per_s: float  # of all instances; requests, or another unit of work
    latency_s: float  # mean answer time of the interval
    errors_ratio: float  # failed share, 0 to 1
    waiting: float  # entries that wait, per instance
    cpu_ratio: float  # mean cores per instance


@dataclass(frozen=True, slots=True)
class Capacity:
    """Units of demand per second that one instance carries within the targets."""

    per_instance: float  # best estimate; NaN: unknown
    lower: float  # what may be counted on (one-sided 90 %): what decisions use; NaN: unknown
    upper: float  # infinite: nothing says where it ends
    is_known: bool  # its end was seen, or the bounds are near each other
    base_latency_s: float  # of an answer without load
    source: str  # "learned", "proven so far" or "rules"
    text: str


class CapacityModel:
    """Of one service. Small (at most 120 rows), cheap to feed, and packed into plain values."""

    def __init__(self, half_life_s: float = 86_400.0, interval_s: float = 15.0) -> None:
        """`half_life_s`: after which what was seen counts half; `interval_s`: of a glimpse."""
        self.half_life_s = half_life_s
        self._buckets = Buckets(half_life_s)
        self._cores = Line()
        self._pool = Pool(interval_s)
        self._taken = 0
        self._at_s = 0.0
        self._sight = NOTHING
        self._stale = LOOK_AGAIN
        # Of slow answers that what was seen before does not explain: at which rate they began, how
        # often load fell and it was well, and whether it is well now.
        self._doubt = math.inf
        self._relapses = 0
        self._is_well = True
        # Of a stretch beyond the targets: the highest rate, and how long the latest answers took.
        self._bad_rate = self._bad_depth = 0.0
        self._draining = 0
        self._told: tuple[tuple[float, ...], Capacity, int] | None = None

    def take(self, glimpse: Glimpse, latency_target_s: float, errors_most: float) -> None:
        """One interval. Few requests say little of a rate, so that quiet intervals are pooled."""
        self._at_s = max(self._at_s, glimpse.at_s)
        pooled = self._pool.take(glimpse)
        if pooled is None:
            return
        self._cores.take(pooled.rate, pooled.cores, pooled.at_s, self.half_life_s)
        if self._stale >= LOOK_AGAIN:
            self._look(latency_target_s, errors_most)
        log = math.log(pooled.latency_s) if pooled.latency_s > 0 else UNKNOWN
        bad = badness(log, pooled.errors, pooled.waiting, self._target(pooled), errors_most)
        if not is_known(bad):
            return
        if bad > 0 and (self._is_backlog(pooled) or self._is_fault(pooled)):
            return
        if bad <= 0:
            self._settle(pooled.rate)
        self._buckets.take(pooled.at_s, pooled.rate, log, pooled.errors, pooled.waiting)
        self._taken += pooled.count
        self._stale += 1
        if bad > 0:
            self._told = None

    def capacity(
        self, latency_target_s: float, errors_most: float, cpus: float = UNKNOWN
    ) -> Capacity:
        """As of the latest glimpses; drawn anew when a few more are there, or a bad one.

        `cpus`: the limit of one instance in cores; unknown or infinite: none, and then one core is
        not gone beyond untried.
        """
        key = (latency_target_s, errors_most, cpus)
        asked = tuple(-1.0 if not is_known(one) else one for one in key)
        told = self._told
        if told is not None and told[0] == asked:
            more = 1 if told[1].source == "rules" else DRAW_AGAIN
            if self._taken < told[2] + more:
                return told[1]
        seen = self._look(latency_target_s, errors_most)
        self._told = asked, self._judged(seen, cpus), self._taken
        return self._told[1]

    def version_changed(self) -> None:
        """What runs is another version: what the old one taught is left as a hint."""
        self._buckets.lighten(PRIOR_WEIGHT, self._at_s)
        self._cores.fade(PRIOR_WEIGHT)
        self._pool.clear()
        self._taken = 0
        self._sight, self._stale = NOTHING, LOOK_AGAIN
        self._bad_rate, self._bad_depth, self._draining = 0.0, 0.0, 0
        self._forget_doubt()
        self._told = None

    @property
    def base_cores(self) -> float:
        """Cores of an instance without work; unknown until a line can be drawn."""
        intercept, _, _ = self._cores.drawn()
        return max(0.0, intercept) if is_known(intercept) else UNKNOWN

    def pack(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "rows": self._buckets.pack(),
            "cores": self._cores.pack(),
            "taken": self._taken,
            "at_s": self._at_s,
            "doubt": self._doubt if math.isfinite(self._doubt) else None,
            "relapses": self._relapses,
            "is_well": self._is_well,
        }

    @classmethod
    def unpack(
        cls, packed: Mapping[str, Any], half_life_s: float = 86_400.0, interval_s: float = 15.0
    ) -> CapacityModel:
        """What `pack` gave."""
        found = cls(half_life_s, interval_s)
        found._buckets = Buckets.unpack(packed["rows"], half_life_s)
        found._cores = Line(packed["cores"])
        found._taken, found._at_s = int(packed["taken"]), float(packed["at_s"])
        found._doubt = math.inf if packed["doubt"] is None else float(packed["doubt"])
        found._relapses, found._is_well = int(packed["relapses"]), bool(packed["is_well"])
        return found

    def _look(self, latency_target_s: float, errors_most: float) -> Sight:
        rows = self._buckets.rows(self._at_s)
        self._sight, self._stale = sight(rows, latency_target_s, errors_most), 0
        return self._sight

    def _target(self, pooled: Pooled) -> float:
        """Before anything was seen the first answer is as good as any."""
        target = self._sight.target_s
        return target if is_known(target) else pooled.latency_s

    def _is_backlog(self, pooled: Pooled) -> bool:
        """After too much load, an instance still works off what waits while less comes in: no more
        comes than at the worst of this stretch, and answers do not take ever longer."""
        rate, depth = pooled.rate, pooled.latency_s
        if not is_known(depth):
            depth = pooled.waiting
        before, self._bad_depth = self._bad_depth, depth
        if rate < 0.97 * self._bad_rate and self._draining < DRAINING_MOST:
            if not depth > DEEPER * before:
                self._draining += 1
                return True
        self._bad_rate = max(rate, self._bad_rate)
        return False

    def _is_fault(self, pooled: Pooled) -> bool:
        """Slow at a rate that it carried with ease: a fault of it, or of something that it needs.
        Only where it is well again whenever load falls, and never at this load, has it lost
        capacity; then what was proven from this rate on is forgotten."""
        rate, calm = pooled.rate, self._sight.calm
        if rate <= LOW * self._sight.proven:
            return True
        is_under_way = math.isfinite(self._doubt) and not self._is_well and rate <= EXPLORE * calm
        if rate > calm and not is_under_way:
            return False
        if self._relapses >= RELAPSES:
            self._buckets.drop_from(0.95 * min(rate, self._doubt))
            self._forget_doubt()
            self._sight, self._stale = NOTHING, LOOK_AGAIN
            return False
        self._doubt, self._is_well = min(rate, self._doubt), False
        return True

    def _settle(self, rate: float) -> None:
        """Well at this rate: what does it say of a doubt?"""
        self._bad_rate, self._bad_depth, self._draining = 0.0, 0.0, 0
        if rate >= 0.95 * self._doubt:
            self._forget_doubt()
        elif not self._is_well:
            self._relapses, self._is_well = self._relapses + 1, True

    def _forget_doubt(self) -> None:
        self._doubt, self._relapses, self._is_well = math.inf, 0, True

    def _judged(self, seen: Sight, cpus: float) -> Capacity:
        if self._taken < GLIMPSES_LEAST or seen.proven <= 0:
            text = f"the rules decide: {self._taken} intervals say something so far"
            if self._taken >= GLIMPSES_LEAST:
                text = "the rules decide: it was within its targets at no load"
            return Capacity(UNKNOWN, UNKNOWN, math.inf, False, seen.base_s, "rules", text)
        drawn = None
        if is_known(seen.base_s):
            rows = points(self._buckets.rows(self._at_s))
            drawn = fit(rows, seen.base_s, seen.target_s, seen.broken)
        by_cpu = self._rate_of_cpu(cpus)
        has_limit = math.isfinite(cpus)
        if by_cpu < seen.proven and not has_limit:
            by_cpu = math.inf  # it goes beyond one core
        by_cpu = max(by_cpu, seen.proven)
        lower = min(_counted_on(seen, drawn), by_cpu)
        upper = min(drawn.upper if drawn else math.inf, seen.broken)
        upper = max(lower, min(upper, by_cpu) if has_limit else upper)
        best = (
            drawn.best if drawn and math.isfinite(upper) else math.sqrt(lower * min(upper, lower))
        )
        best = min(max(best, lower), upper)
        is_narrow = upper <= KNOWN_WITHIN * lower and seen.proven >= LOW * upper
        is_known_ = math.isfinite(seen.broken) or is_narrow
        text = _told(seen, best, lower, is_known=is_known_)
        source = "learned" if is_known_ else "proven so far"
        return Capacity(best, lower, upper, is_known_, seen.base_s, source, text)

    def _rate_of_cpu(self, cpus: float) -> float:
        """At which one instance would use nearly all of its limit, or of one core; infinite where
        its use does not follow the rate."""
        intercept, slope, explained = self._cores.drawn()
        if not (explained >= CPU_EXPLAINS and slope > 0):
            return math.inf
        room = CPU_MOST * (cpus if math.isfinite(cpus) else 1.0) - intercept
        return room / slope if room > 0 else math.inf


def _counted_on(seen: Sight, drawn: Fit | None) -> float:
    """What was proven, and a step beyond while nothing is felt of it."""
    proven = seen.proven
    bound = drawn.lower if drawn else math.inf
    if math.isfinite(seen.broken):
        return CAUTION * min(proven, bound)
    most = EXPLORE if proven >= NARROW * seen.lowest else EXPLORE_NARROW
    if seen.strain > 1:
        most -= (most - CAUTION) * min(1.0, (seen.strain - 1) / (FLAT - 1))
    if not seen.is_quiet:
        most = CAUTION
    found = min(proven * most, bound * CAUTION)
    if is_known(seen.base_s) and seen.calm > 0:
        found = max(found, single_place(seen.base_s, seen.target_s))
    return found


def _told(seen: Sight, best: float, lower: float, *, is_known: bool) -> str:
    within = f" within {_milliseconds(seen.target_s)}" if seen.target_s > 0 else ""
    if is_known:
        end = f", seen to break at {seen.broken:.3g}" if math.isfinite(seen.broken) else ""
        return (
            f"one instance carries {best:.3g} per second{within}{end}; {lower:.3g} are counted on"
        )
    how = "with ease" if lower > seen.proven else "and not more"
    return (
        f"one instance was seen to carry {seen.proven:.3g} per second{within} {how};"
        f" {lower:.3g} are counted on"
    )


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.3g} s"
