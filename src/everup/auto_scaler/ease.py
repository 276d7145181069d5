"""What may be counted on of an instance while nobody knows where its end is. Pure but for the
memory that it keeps.

Flows in: the latest step, what capacity has proven, the targets. Flows out: units of demand a
second of one instance. Called by `scaler`.

By what was proven a moment ago alone, a rise would be let up to where it hurts: a queue takes its
time to grow, so that on the way up everything looks well until it is too late for another
instance. By less than what is carried now, who is at rest would be given more. So what was carried
with ease in a few steps is counted on, and a tenth more; and what was proven once it has stood for
a while. Then less is found out by having fewer instances, one window after the other.
"""

from __future__ import annotations

import math
from collections import deque

from everup.auto_scaler.curve import single_place
from everup.auto_scaler.knee import FLAT, WAITING_CALM
from everup.auto_scaler.triggers import CALM_SHARE
from everup.model.kinds import UNKNOWN, is_known

STEPS = 3
BEYOND = 1.1
STANDS = 5
KEPT_MOST = 64


class Ease:
    """Of one service. `window_s`: for how long a rate is remembered."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._rates: list[tuple[float, float]] = []
        self._proven: deque[tuple[float, float]] = deque(maxlen=STANDS)

    def forget(self) -> None:
        """Another version, or another unit."""
        self._rates = []
        self._proven.clear()

    def take(self, at_s: float, proven: float, rate: float, *, is_calm: bool) -> float:
        """After a step in which each instance had this rate; NaN: nothing may be counted on. Told
        twice of a step it says the same."""
        kept = [(when, known) for when, known in self._rates if self._is_before(when, at_s)]
        if is_calm and rate > 0:
            kept.append((at_s, rate))
        self._rates = kept[-KEPT_MOST:]
        if self._proven and self._proven[-1][0] == at_s:
            self._proven.pop()
        self._proven.append((at_s, proven))
        known = [one for one in (self._felt_nothing(), self._stood()) if is_known(one)]
        return max(known, default=UNKNOWN)

    def _is_before(self, when: float, at_s: float) -> bool:
        return at_s - self._window_s < when < at_s

    def _felt_nothing(self) -> float:
        """The highest rate of so many steps."""
        count = len(self._rates)
        if count < STEPS:
            return UNKNOWN
        place = STEPS if count >= STANDS else STEPS - 1  # the first one may be of half a step
        return BEYOND * sorted(rate for _, rate in self._rates)[-place]

    def _stood(self) -> float:
        if len(self._proven) < STANDS or not all(is_known(one) for _, one in self._proven):
            return UNKNOWN
        return min(one for _, one in self._proven)


def is_calm(
    latency_s: float, base_s: float, target_s: float, waiting: float, errors: float, most: float
) -> bool:
    """Nothing is felt of the load: answers come as without it, or where nobody knows how that is in
    half of the time that they may take; nothing waits, hardly anything fails. Where their time is
    unknown nobody can say."""
    if not is_known(latency_s) or waiting > WAITING_CALM or errors > most / 2:
        return False
    if is_known(base_s):
        return latency_s <= FLAT * base_s and not latency_s > target_s
    return latency_s <= CALM_SHARE * target_s


def alone(latency_s: float, target_s: float) -> float:
    """What any instance carries that answers so fast, one request after the other; 0 where no
    target says how long it may take."""
    if not (is_known(latency_s) and math.isfinite(target_s) and latency_s > 0):
        return 0.0
    return single_place(latency_s, target_s)
