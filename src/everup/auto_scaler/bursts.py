"""How far memory leaps before anybody can raise its limit: `Bursts`. Pure.

Flows in: what is used, what was the most and the least of it before, the peak. Flows out: the calm
level from which it leaps, and the room that there should be above that. Called by `usage` at each
sight.

A *rise* begins where use exceeds everything of the lookahead by a step within one reaction (the
time until a new limit holds), and goes on as long as it steps. Getting back after a fall below the
calm level, as after a restart, is none. Of each block of a window the highest rise counts.

Heights are taken as lognormal: the room is the larger of their mean plus three deviations and the
largest plus two, in logarithms, where the deviation is that of a prediction from m samples,
s·√(1 + 1/m), drawn towards a prior while there are few. So jobs that are alike every night need
little. Where the upper half lies too far above the middle (Hill's estimate of the tail), sizes have
no end that could be learned: the room is infinite, and a limit stays as it was declared.
Fails: a leap of a kind that was never seen comes without warning; the margin above the peak is all
that stands against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.auto_scaler.histogram import Histogram

STEP_SHARE = 0.02
"""Of the peak: slower growth than that within one reaction is followed, not feared."""
LEAST_SHARE = 0.05
"""Of the peak: the margin above it takes lower rises; twice the highest is room enough."""
PRIOR_DEVIATION, PRIOR_WEIGHT = 0.25, 2.0
"""As if two rises had been seen before the first, one in three of which differs by a quarter."""
ABOVE_MEAN, ABOVE_MOST = 3.0, 2.0
PRIOR_TAIL, TAIL_MOST = 0.2, 0.25
"""Hill's estimate: 0.2 is the upper half of a lognormal of deviation 0.25; a Pareto of 3, the
lightest that is called heavy, has 0.33."""
BACK_SHARE = 0.1
"""Of the way up: what fell below that is back at its calm level."""
FALL_SHARE = 0.85
"""Of the calm level: below that it begins anew."""
FIRST_BYTES = 1024.0 * 1024


@dataclass(frozen=True, slots=True)
class Past:
    """The most and the least of the lookahead, without its last reaction, in bytes; NaN: not seen."""

    most: float = math.nan
    least: float = math.nan


@dataclass(slots=True)
class Bursts:
    """`half_life_s`: of the memory of heights. `stays_s`: a level that is held for so long is no
    burst any more, but the level."""

    half_life_s: float
    stays_s: float
    heights: Histogram = field(init=False)
    pending: float = 0.0  # the highest of this block
    step: float = 0.0  # by which it still rises now, 0: it does not
    start: float = math.nan  # of the rise that goes on, or was the last
    calm: float = math.nan  # the level before, while it is still above
    top: float = math.nan
    until_s: float = math.nan
    regains: float = math.nan  # the level that it fell from, until it is back there
    regains_until_s: float = math.nan
    _room: tuple[float, float, float] = (-1.0, -1.0, 0.0)  # pending, peak → room

    def __post_init__(self) -> None:
        self.heights = Histogram(FIRST_BYTES, self.half_life_s)

    @property
    def is_above(self) -> bool:
        """Is it above the level from which it leapt?"""
        return self.calm == self.calm

    def observe(self, at_s: float, value: float, past: Past, peak: float) -> None:
        """Take in one sight. Bytes; unknown amounts are NaN."""
        is_above = self.is_above
        if is_above and (
            at_s > self.until_s or value < self.calm + BACK_SHARE * (self.top - self.calm)
        ):
            past = Past(past.most, min(past.least, self.calm))
            self.calm, is_above = math.nan, False
        before = self._before(at_s, value, past)
        step = value - before
        is_step = step >= STEP_SHARE * peak > 0.0
        if is_step and self.step <= 0.0:
            self.start = before
            if not is_above:
                self.calm, self.until_s, self.top = before, at_s + self.stays_s, value
        self.step = step if is_step else 0.0
        if is_step:
            self.top = max(self.top, value)
            self.pending = max(self.pending, value - self.start)

    def _before(self, at_s: float, value: float, past: Past) -> float:
        """What a rise must exceed: also the level from which it fell and to which it gets back."""
        if value < FALL_SHARE * past.least:
            self.regains, self.regains_until_s = past.least, at_s + self.stays_s
        elif value >= self.regains or at_s > self.regains_until_s:
            self.regains = math.nan
        return max(past.most, self.regains) if self.regains == self.regains else past.most

    def close(self, at_s: float) -> None:
        """A block is over: its highest rise counts."""
        if self.pending > 0.0:
            self.heights.add(self.pending, 1.0, at_s)
            self.pending = 0.0
            self._room = (-1.0, -1.0, 0.0)

    def wanted(self, value: float, peak: float) -> float:
        """Bytes below which a limit would be passed by a rise as it must be reckoned with."""
        room = self.room(peak)
        wanted = (self.calm if self.is_above else value) + room
        if self.step > 0.0:
            wanted = max(wanted, self.start + room)
            if value - self.start >= self.pending:
                record = max(self.heights.buckets(), default=(0.0, 0.0))[0]
                if value - self.start > record:  # nobody knows where this one ends
                    wanted = max(wanted, value + self.step)
        return wanted

    def room(self, peak: float) -> float:
        """Bytes above the calm level."""
        pending, of_peak, room = self._room
        if pending != self.pending or of_peak != peak:
            room = self._reckoned(peak)
            self._room = (self.pending, peak, room)
        return room

    def _reckoned(self, peak: float) -> float:
        buckets = self.heights.buckets()
        most = max(self.pending, buckets[-1][0] if buckets else 0.0)
        least = LEAST_SHARE * peak
        if most < least:
            return 2.0 * most
        large = [(math.log(value), weight) for value, weight in buckets if value >= least]
        count = sum(weight for _, weight in large)
        middle = sum(x * w for x, w in large) / count if count > 0.0 else math.log(most)
        squares = sum(w * (x - middle) ** 2 for x, w in large)
        if _tail(large, count) > TAIL_MOST:
            return math.inf
        prior = PRIOR_WEIGHT * PRIOR_DEVIATION**2
        deviation = math.sqrt((prior + squares) / (PRIOR_WEIGHT + count))
        deviation *= math.sqrt(1.0 + 1.0 / max(1.0, count))
        return max(
            math.exp(middle + ABOVE_MEAN * deviation), most * math.exp(ABOVE_MOST * deviation)
        )

    def pack(self) -> dict[str, object]:
        """Plain values, for JSON; a rise that goes on is not kept."""
        return {"heights": self.heights.pack(), "pending": self.pending}

    def unpack(self, packed: Mapping[str, object]) -> None:
        """Takes in what `pack` gave; whatever is not that is left out."""
        heights, pending = packed.get("heights"), packed.get("pending")
        if isinstance(heights, Mapping):
            self.heights.unpack(heights)
        if isinstance(pending, int | float) and 0.0 <= pending < math.inf:
            self.pending = float(pending)


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
    return (PRIOR_WEIGHT * PRIOR_TAIL + excess) / (PRIOR_WEIGHT + above)
