"""How far memory leaps before anybody can raise its limit: `Bursts`. Pure.

Flows in: what is used, what was the most of it before, the peak. Flows out: the calm level from
which it leaps, and how much room there should be above that. Called by `usage` at each sight.

A *rise* begins where use exceeds everything of the lookahead by a step within one reaction (the
time until a new limit holds), and goes on as long as it steps. Getting back after a fall is none.
Of each block of the window the highest rise counts. Heights are taken as lognormal: the room is the
larger of their mean plus 3.5 deviations and the largest plus 2, in logarithms, where the deviation
is that of a prediction from few samples, s·√(1 + 1/m), drawn towards a prior while there are few.
So jobs that are alike every night need little, and leaps of all sizes hold the limit where it is.
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
PRIOR_DEVIATION, PRIOR_WEIGHT = 0.3, 2.0
"""Before any rise was seen twice: one in three differs by more than a third from the usual."""
ABOVE_MEAN, ABOVE_MOST = 3.5, 2.0
FIRST_BYTES = 1024.0 * 1024


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
    _room: tuple[float, float, float] = (-1.0, -1.0, 0.0)  # pending, peak → room

    def __post_init__(self) -> None:
        self.heights = Histogram(FIRST_BYTES, self.half_life_s)

    def observe(self, at_s: float, value: float, before: float, peak: float) -> None:
        """`before`: the most that was used in the lookahead, without the last reaction; NaN: not
        seen. All in bytes."""
        step = value - before
        is_step = step >= STEP_SHARE * peak > 0.0
        is_above = self.calm == self.calm
        if is_above and (at_s > self.until_s or 2.0 * value < self.calm + self.top):
            self.calm, is_above = math.nan, False
        if is_step and self.step <= 0.0:
            self.start = before
            if not is_above:
                self.calm, self.until_s, self.top = before, at_s + self.stays_s, value
        self.step = step if is_step else 0.0
        if is_step:
            self.top = max(self.top, value)
            self.pending = max(self.pending, value - self.start)

    def close(self, at_s: float) -> None:
        """A block is over: its highest rise counts."""
        if self.pending > 0.0:
            self.heights.add(self.pending, 1.0, at_s)
            self.pending = 0.0
            self._room = (-1.0, -1.0, 0.0)

    def wanted(self, value: float, peak: float) -> float:
        """Bytes below which a limit would be passed by a rise as it must be reckoned with."""
        room = self.room(peak)
        wanted = (self.calm if self.calm == self.calm else value) + room
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
