"""What is usual at this hour of the day, learned slowly: `DailyProfile.sign`, then `learn`. Pure.

Flows in: the mean of the last rows of each stream, its slot of the day. Flows out: how far it is
from what this slot usually has, in the slot's own mean deviation; NaN while a slot is hardly known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SLOTS = 24
DAY_S = 86_400.0
SLOT_ROWS_LEAST = 12
"""A slot that was seen less says nothing."""
SLOWEST = 0.02
"""Each row moves its slot by one over the rows seen, and never by less than this."""
SPREAD_FLOOR_SHARE = 0.2
SMOOTHED_ROWS = 6


@dataclass(slots=True, eq=False)
class DailyProfile:
    """`usual`, `deviation`, `seen`: `[stream, slot]`."""

    usual: Floats
    deviation: Floats
    seen: Floats

    @classmethod
    def new(cls, streams: int) -> DailyProfile:
        """Nothing was seen yet."""
        return cls(*(np.zeros((streams, SLOTS), dtype=np.float32) for _ in range(3)))

    def sign(self, level: Floats, spread: Floats, slot: NDArray[np.int64]) -> Floats:
        """How unusual this level is for this slot, 0 and more."""
        rows = np.arange(len(level))
        floor = np.maximum(SPREAD_FLOOR_SHARE * np.nan_to_num(spread), 1e-9)
        off = np.abs(level - self.usual[rows, slot])
        found = off / np.maximum(self.deviation[rows, slot], floor)
        is_known = (self.seen[rows, slot] >= SLOT_ROWS_LEAST) & np.isfinite(spread)
        return np.where(is_known, found, np.nan).astype(np.float32)

    def learn(self, level: Floats, spread: Floats, slot: NDArray[np.int64]) -> None:
        """This is the past now; unknown levels teach nothing."""
        rows = np.flatnonzero(np.isfinite(level))
        at = (rows, slot[rows])
        seen = self.seen[at]
        share = np.maximum(1.0 / (seen + 1.0), SLOWEST)
        off = level[rows] - self.usual[at]
        first = np.where(np.isfinite(spread[rows]), spread[rows], 0.0)
        deviation = self.deviation[at]
        deviation = np.where(seen > 0, deviation + share * (np.abs(off) - deviation), first)
        self.usual[at] = np.where(seen > 0, self.usual[at] + share * off, level[rows])
        self.deviation[at] = deviation
        self.seen[at] = np.minimum(seen + 1.0, 1e6)


def slots_of(times_s: NDArray[np.float64]) -> NDArray[np.int64]:
    """The slot of the day (UTC) of each moment; 0 for an unknown one."""
    whole = np.where(np.isfinite(times_s), times_s, 0.0)
    return np.asarray((whole % DAY_S) / (DAY_S / SLOTS), dtype=np.int64) % SLOTS
