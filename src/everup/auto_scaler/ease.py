"""What one instance carries and feels nothing of, though it was not seen for long enough to be
proven. Pure but for the memory that it keeps.

Flows in: the latest step, what is known of capacity, the targets. Flows out: units of demand a
second of one instance. Called by `scaler` while nobody knows where its end is: by what was proven
alone, every rate that is new would call for more instances at once, and they for more still, since
each then has less.
"""

from __future__ import annotations

import math

from everup.auto_scaler.knee import FLAT, WAITING_CALM
from everup.auto_scaler.triggers import CALM_SHARE
from everup.model.kinds import is_known

KEPT_MOST = 64


class Ease:
    """Of one service. `window_s`: for how long a rate is remembered; `step_s`: of a step."""

    def __init__(self, window_s: float, step_s: float) -> None:
        self._window_s, self._step_s = window_s, step_s
        self._kept: list[tuple[float, float]] = []

    def forget(self) -> None:
        """Another version, or another unit."""
        self._kept = []

    def take(self, at_s: float, demand: float, ready: int, *, is_calm: bool) -> float:
        """Of the latest step, or of an earlier one within the window; 0: nothing is known. Told
        twice of a step it says the same.

        Of n requests the luck of √n is counted for the present alone, which is carried in any case.
        """
        kept = [(when, rate) for when, rate in self._kept if at_s - self._window_s < when < at_s]
        now = 0.0
        if is_calm and ready > 0 and demand > 0:
            now = demand / ready
            luck = min(1.0, 1.0 / math.sqrt(demand * self._step_s))
            kept.append((at_s, now * (1.0 - luck)))
        self._kept = kept[-KEPT_MOST:]
        return max(now, max((rate for _, rate in kept), default=0.0))


def is_calm(
    latency_s: float, base_s: float, target_s: float, waiting: float, errors: float, most: float
) -> bool:
    """Nothing is felt of the load: answers come as without it, and in half of the time that they
    may take; nothing waits, hardly anything fails. Where the time is unknown nobody can say."""
    if not is_known(latency_s) or waiting > WAITING_CALM or errors > most / 2:
        return False
    bounds = [one for one in (CALM_SHARE * target_s, FLAT * base_s) if is_known(one)]
    return bool(bounds) and latency_s <= min(bounds)
