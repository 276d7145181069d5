"""How high the next leap may be, from the ones that were: `Heights`. Pure.

Flows in: heights in bytes, of each block of a window the highest. Flows out: the room that the next
one must be given. Called by `bursts`.

Heights are taken as lognormal: the room is the larger of their mean plus three deviations and the
largest plus two, in logarithms, where the deviation is that of a prediction from m samples,
s·√(1 + 1/m), drawn towards a prior while there are few. So jobs that are alike every night need
little. Where the upper half lies too far above the middle (Hill's estimate of the tail), sizes have
no end that could be learned, and the room is infinite.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.auto_scaler.histogram import Histogram

LEAST_SHARE = 0.05
"""Of the peak: the margin above it takes lower ones; twice the highest is room enough."""
PRIOR_DEVIATION, PRIOR_WEIGHT = 0.25, 2.0
"""As if two had been seen before the first, one in three of which differs by a quarter."""
ABOVE_MEAN, ABOVE_MOST = 3.0, 2.0
PRIOR_TAIL, PRIOR_TAIL_WEIGHT, TAIL_MOST = 0.2, 4.0, 0.25
"""Hill's estimate: 0.2 is the upper half of a lognormal of deviation 0.25; a Pareto of 3, the
lightest that is called heavy, has 0.33."""
FORGOTTEN = 0.25
"""A height is as if it had never been, two half-lives after it was seen once."""
FIRST_BYTES = 1024.0 * 1024
_NOT_RECKONED = (-1.0, -1.0, 0.0)


@dataclass(slots=True)
class Heights:
    """`half_life_s`: in seconds of sight. `pending`: the highest of the block that goes on."""

    half_life_s: float
    pending: float = 0.0
    closed_s: float = 0.0  # when the last block ended, in seconds of sight
    histogram: Histogram = field(init=False)
    known: tuple[tuple[float, float], ...] = ()  # heights, rising, and how many of each
    _room: tuple[float, float, float] = _NOT_RECKONED  # pending, peak → room

    def __post_init__(self) -> None:
        self.histogram = Histogram(FIRST_BYTES, self.half_life_s)

    def see(self, height: float) -> None:
        """One of them; only the highest of a block counts."""
        self.pending = max(self.pending, height)

    def close(self, seen_s: float) -> None:
        """A block is over. `seen_s`: how long was watched until now, by which they are forgotten;
        what was not seen makes nothing older."""
        if self.pending > 0.0:
            self.histogram.add(self.pending, 1.0, seen_s)
        self.pending, self.closed_s = 0.0, seen_s
        self._renew()

    @property
    def highest(self) -> float:
        """Of the blocks that are over; 0: none is known."""
        return self.known[-1][0] if self.known else 0.0

    def room(self, peak: float) -> float:
        """Bytes for the next one. `peak`: of use, beside which small ones do not count."""
        pending, of_peak, room = self._room
        if pending != self.pending or of_peak != peak:
            room = self._reckoned(peak)
            self._room = (self.pending, peak, room)
        return room

    def _reckoned(self, peak: float) -> float:
        most, least = max(self.pending, self.highest), LEAST_SHARE * peak
        if most <= 0.0 or most < least:
            return 2.0 * most
        large = [(math.log(value), weight) for value, weight in self.known if value >= least]
        count = sum(weight for _, weight in large)
        if _tail(large, count) > TAIL_MOST:
            return math.inf
        middle = sum(x * w for x, w in large) / count if count > 0.0 else math.log(most)
        squares = sum(w * (x - middle) ** 2 for x, w in large)
        prior = PRIOR_WEIGHT * PRIOR_DEVIATION**2
        deviation = math.sqrt((prior + squares) / (PRIOR_WEIGHT + count))
        deviation *= math.sqrt(1.0 + 1.0 / max(1.0, count))
        return max(
            math.exp(middle + ABOVE_MEAN * deviation), most * math.exp(ABOVE_MOST * deviation)
        )

    def _renew(self) -> None:
        faded = self.histogram.faded(self.closed_s)
        known = ((height, weight * faded) for height, weight in self.histogram.buckets())
        self.known = tuple((height, weight) for height, weight in known if weight >= FORGOTTEN)
        self._room = _NOT_RECKONED

    def pack(self) -> dict[str, object]:
        """Plain values, for JSON."""
        kept = {"pending": self.pending, "closed_s": self.closed_s}
        return {"histogram": self.histogram.pack(), **kept}

    def unpack(self, packed: Mapping[str, object]) -> None:
        """Takes in what `pack` gave; whatever is not that is left out."""
        histogram = packed.get("histogram")
        if isinstance(histogram, Mapping):
            self.histogram.unpack(histogram)
        for name in ("pending", "closed_s"):
            value = packed.get(name)
            if isinstance(value, int | float) and 0.0 <= value < math.inf:
                setattr(self, name, float(value))
        self._renew()


def _tail(rising: list[tuple[float, float]], count: float) -> float:
    """Hill (1975): how far the upper half lies above the middle one, on the mean, in logarithms;
    drawn towards the prior while there are few."""
    seen, middle, excess, above = 0.0, math.nan, 0.0, 0.0
    for height, weight in rising:
        seen += weight
        if middle != middle:
            if seen >= count / 2:
                middle = height
            continue
        excess += weight * (height - middle)
        above += weight
    return (PRIOR_TAIL_WEIGHT * PRIOR_TAIL + excess) / (PRIOR_TAIL_WEIGHT + above)
