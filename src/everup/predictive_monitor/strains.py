"""What lasts and is not right, though the check still passes: memory pressure, slowness. Pure.

Flows in: series of one service. Flows out: since when it has been so, or None. Called by `predict`.

`usual_of` learns a service's own usual latency from the ring: median and MAD of what came before
the stretch that is judged. After half of the ring was slow, slow is its usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

USUAL_LEAST = 20
"""Fewer samples say nothing of what is usual."""
SLOW_Z = 8.0
SLOW_TIMES = 5.0
SLOW_SHARE = 0.1
"""Slow is: beyond this many robust deviations, this many times the median, and this share of the
probe's time-out, all three. A service of 2 ms that takes 10 is nobody's incident."""
SPREAD_SHARE = 0.2
"""The spread of a latency is taken as no less than this share of its median."""


@dataclass(frozen=True, slots=True)
class Usual:
    """The median of what came before, and its robust deviation."""

    median: float
    spread: float

    def limit(self, timeout_s: float) -> float:
        """From here on it is slow."""
        beyond = self.median + SLOW_Z * max(self.spread, SPREAD_SHARE * self.median)
        return max(beyond, SLOW_TIMES * self.median, SLOW_SHARE * timeout_s)


def lasting_since(times: Floats, values: Floats, above: float) -> float | None:
    """Start of the unbroken run of samples above, up to the latest one; what is unknown breaks it,
    so that nothing unknown ever counts. None when the latest is not above."""
    if not len(values) or not values[-1] > above:
        return None
    broken = np.flatnonzero(~(values > above))
    first = int(broken[-1]) + 1 if len(broken) else 0
    return float(times[first])


def usual_of(times: Floats, values: Floats, *, before_s: float) -> Usual | None:
    """What is usual, from all known samples before that moment; None when they are too few."""
    past = values[(times < before_s) & np.isfinite(values)]
    if len(past) < USUAL_LEAST:
        return None
    median = float(np.median(past))
    return Usual(median, 1.4826 * float(np.median(np.abs(past - median))))
