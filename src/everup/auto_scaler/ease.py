"""What may be counted on of an instance while nobody knows where its end is. Pure but for the
memory that it keeps.

Flows in: the latest step, what capacity has proven, the targets. Flows out: units of demand a
second of one instance. Called by `scaler`.

By what was proven a moment ago alone, a rise would be let up to where it hurts: a queue takes its
time to grow, so that on the way up everything looks well until it is too late for another
instance. By less than what is carried now, who is at rest would be given more. So what was carried
with ease in a few steps is counted on, and a fifth more, or what is proven; and never more than a
quarter beyond what was counted on within the window. So the end is come near to by having fewer
instances, one window after the other, and not by a rise.
"""

from __future__ import annotations

import math

from everup.auto_scaler.capacity import EXPLORE, Capacity
from everup.auto_scaler.curve import single_place
from everup.auto_scaler.knee import FLAT, WAITING_CALM, default_target_s
from everup.auto_scaler.triggers import CALM_SHARE
from everup.model.kinds import UNKNOWN, is_known

STEPS, SOON = 3, 5
BEYOND = 1.2
KEPT_MOST = 64


class Ease:
    """Of one service. `window_s`: for how long a rate is remembered."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._rates: list[tuple[float, float]] = []
        self._told: list[tuple[float, float]] = []

    def forget(self) -> None:
        """Another version, or another unit."""
        self._rates = []
        self._told = []

    def take(self, at_s: float, proven: float, rate: float, *, is_calm: bool) -> float:
        """After a step in which each instance had this rate; NaN: nothing may be counted on. Told
        twice of a step it says the same."""
        kept = self._before(self._rates, at_s)
        if is_calm and rate > 0:
            kept.append((at_s, rate))
        self._rates = kept[-KEPT_MOST:]
        told = self._before(self._told, at_s)
        known = [one for one in (self._felt_nothing(), proven) if is_known(one)]
        if not known:
            self._told = told
            return UNKNOWN
        found = min(max(known), EXPLORE * min((one for _, one in told), default=math.inf))
        self._told = [*told, (at_s, found)][-KEPT_MOST:]
        return found

    def _before(self, noted: list[tuple[float, float]], at_s: float) -> list[tuple[float, float]]:
        return [one for one in noted if at_s - self._window_s < one[0] < at_s]

    def _felt_nothing(self) -> float:
        """The highest rate of so many steps."""
        count = len(self._rates)
        if count < STEPS:
            return UNKNOWN
        place = STEPS if count >= SOON else STEPS - 1  # the first one may be of half a step
        return BEYOND * sorted(rate for _, rate in self._rates)[-place]


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


def alone(latency_s: float, target_s: float, capacity: Capacity) -> float:
    """What any instance carries that answers so fast, one request after the other, within this
    target or the default one; 0: nobody knows how fast."""
    if not latency_s > 0:
        return 0.0
    base_s = capacity.base_latency_s if is_known(capacity.base_latency_s) else latency_s
    return single_place(base_s, target_s if is_known(target_s) else default_target_s(base_s))
