"""How often which amount was used, where the past counts less and less: `Histogram`. Pure.

Flows in: amounts with a weight and a time. Flows out: percentiles, in the amounts' own unit, and
plain values that survive a restart. Called by `usage`; whoever reads advice never sees it.

Buckets grow by a fixed ratio, and what was added one half-life earlier weighs half, as in the
Vertical Pod Autoscaler of Kubernetes (first bucket and ratio 1.05, half-life 24 h):
https://github.com/kubernetes/autoscaler/tree/master/vertical-pod-autoscaler/pkg/recommender/util.
Weights of all buckets shrink alike as time goes by, so that a percentile changes only when
something is added. Fails: a bucket is as fine as its ratio, and a percentile is its upper edge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

RATIO = 1.05
BUCKETS_MOST = 400
"""From 0.01 of a processor, or 1 MiB, far beyond what any machine has."""
DOUBLINGS_MOST = 100.0
"""A weight that grew by more is counted anew from its own time on, before it leaves the floats."""
NEGLIGIBLE = 1e-4
"""A bucket that weighs less than that beside its heaviest neighbour has been forgotten."""


@cache
def edges(first: float, ratio: float = RATIO) -> tuple[float, ...]:
    """Upper edges of all buckets, rising: `first`, and each next bucket `ratio` times as wide."""
    return tuple(first * (ratio ** (n + 1) - 1.0) / (ratio - 1.0) for n in range(BUCKETS_MOST))


@dataclass(slots=True)
class Histogram:
    """`first`: width of the first bucket, in the unit of what is added. `half_life_s`: after which
    a weight counts half; infinite: it never fades."""

    first: float
    half_life_s: float
    ratio: float = RATIO
    _weights: dict[int, float] = field(default_factory=dict)
    _since_s: float = math.nan  # whose weights are their own; later ones are larger by their age
    _last_s: float = math.nan
    _known: dict[float, float] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Was nothing ever added?"""
        return not self._weights

    @property
    def total(self) -> float:
        """The sum of all weights as they stood when the last one was added."""
        return sum(self._weights.values()) / self._scale(self._last_s) if self._weights else 0.0

    def add(self, value: float, weight: float, at_s: float) -> None:
        """NaN is nothing seen, and no weight is no sight; a value below zero counts as zero."""
        if not (value == value and weight > 0.0 and at_s == at_s):
            return
        self._add(value, weight, at_s)

    def replace(self, old: float, new: float, weight: float, at_s: float) -> None:
        """What was added as `old` at the same time and weight was `new`: a peak that went on."""
        place = self._place(old)
        left = self._weights.get(place, 0.0) - weight * self._scale(at_s)
        self._weights[place] = max(0.0, left)
        if self._weights[place] <= 0.0:
            del self._weights[place]
        self._add(new, weight, at_s)

    def percentile(self, share: float) -> float:
        """The upper edge of the bucket under which `share` (0 to 1) of the weight lies, NaN for an
        empty histogram."""
        if not self._weights:
            return math.nan
        known = self._known.get(share)
        if known is None:
            known = self._known[share] = self._percentile(share)
        return known

    def faded(self, at_s: float) -> float:
        """What is left, at that time, of a weight that was added last."""
        if self._last_s != self._last_s:
            return 1.0
        return float(0.5 ** (max(0.0, at_s - self._last_s) / self.half_life_s))

    def buckets(self) -> tuple[tuple[float, float], ...]:
        """(upper edge, weight as it stood at the last one), rising; without what is forgotten."""
        if not self._weights:
            return ()
        scale, upper = self._scale(self._last_s), edges(self.first, self.ratio)
        least = NEGLIGIBLE * max(self._weights.values())
        return tuple(
            (upper[place], weight / scale)
            for place, weight in sorted(self._weights.items())
            if weight >= least
        )

    def pack(self) -> dict[str, object]:
        """Plain values, for JSON. Which buckets there are is code and settings, and is not kept."""
        scale = self._scale(self._last_s) if self._weights else 1.0
        least = NEGLIGIBLE * max(self._weights.values(), default=0.0)
        kept = {str(n): w / scale for n, w in sorted(self._weights.items()) if w >= least}
        return {"at_s": self._last_s if kept else None, "weights": kept}

    def unpack(self, packed: Mapping[str, object]) -> None:
        """Takes in what `pack` gave; whatever is not that leaves it empty."""
        at_s, weights = packed.get("at_s"), packed.get("weights")
        if not isinstance(at_s, int | float) or not isinstance(weights, Mapping):
            return
        for name, weight in weights.items():
            is_place = isinstance(name, str) and name.isdecimal() and int(name) < BUCKETS_MOST
            if is_place and isinstance(weight, int | float) and 0.0 < weight < math.inf:
                self._weights[int(name)] = float(weight)
        if self._weights:
            self._since_s = self._last_s = float(at_s)
        self._known.clear()

    def _add(self, value: float, weight: float, at_s: float) -> None:
        if self._since_s != self._since_s:
            self._since_s = self._last_s = at_s
        elif at_s - self._since_s > DOUBLINGS_MOST * self.half_life_s:
            self._begin_at(at_s)
        place = self._place(value)
        self._weights[place] = self._weights.get(place, 0.0) + weight * self._scale(at_s)
        if at_s > self._last_s:
            self._last_s = at_s
        if self._known:
            self._known.clear()

    def _scale(self, at_s: float) -> float:
        """How much heavier a weight of that time is than one of the beginning."""
        return float(2.0 ** ((at_s - self._since_s) / self.half_life_s))

    def _begin_at(self, at_s: float) -> None:
        scale = self._scale(at_s) if at_s - self._since_s < 1000 * self.half_life_s else math.inf
        self._weights = {n: w / scale for n, w in self._weights.items() if w / scale > 0.0}
        self._since_s = at_s

    def _place(self, value: float) -> int:
        if value <= 0.0:
            return 0
        grown = min(value, 1e300) * (self.ratio - 1.0) / self.first + 1.0
        return min(BUCKETS_MOST - 1, int(math.log(grown) / math.log(self.ratio)))

    def _percentile(self, share: float) -> float:
        upper, places = edges(self.first, self.ratio), sorted(self._weights)
        wanted, seen = share * sum(self._weights.values()), 0.0
        for place in places:
            seen += self._weights[place]
            if seen >= wanted > 0.0:
                return upper[place]
        return upper[places[-1] if wanted > 0.0 else places[0]]


def numbers(packed: object, most: int) -> Sequence[float]:
    """The numbers of a list that was kept, None as NaN; at most so many, the latest ones."""
    if not isinstance(packed, Sequence) or isinstance(packed, str):
        return ()
    found = [float("nan") if n is None else n for n in packed]
    return [float(n) for n in found if isinstance(n, int | float)][-most:]
