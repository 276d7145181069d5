"""What is kept of every stream, and one step of all of them: `Streams.step(...) -> Judged`. Pure.

Flows in: cleaned values, the slot of the day. Flows out: how rare each is, by member, and whether
it may be a lone spike. A stream is one signal of one service. They are worked through in blocks, so
that a step of many needs little memory beside theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.daily import SMOOTHED_ROWS, DailyProfile
from everup.predictive_monitor.anomaly.lifelong import FEATURES, STEP_ROWS, Lifelong
from everup.predictive_monitor.anomaly.signs import (
    MEMBERS,
    PAST_ROWS,
    Given,
    Settled,
    settled_of,
    signs_of,
)
from everup.predictive_monitor.anomaly.tails import Tails
from everup.predictive_monitor.anomaly.windows import calmed, mean_of

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

BLOCK = 256
LONE_RANGES = 1.0
"""So many ranges of the past beyond it, a value may be a lone spike."""
LONE_BACK = 3.0
"""It was one if the next row is within so many spreads of the settled middle."""
DAILY = MEMBERS.index("time_of_day")


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """`rarity [stream, member]`; `features [stream, feature]` for a whole service; `may_be_lone`
    now; of what might have been lone in the row before, which `stood` and which `was_lone`."""

    rarity: Floats
    features: Floats
    may_be_lone: Bools
    stood: Bools
    was_lone: Bools


@dataclass(slots=True, eq=False)
class Streams:
    """`past [stream, row]`, oldest first; lowest and highest of each life; the daily profile; the
    tails of the members; the `recent` rows without lone spikes; what is
    `pending`: the sign of a jump that may be a lone spike, 0: none."""

    past: Floats
    lowest: Floats
    highest: Floats
    daily: DailyProfile
    life: Lifelong
    tails: Tails
    recent: Floats
    pending: NDArray[np.int8]

    @classmethod
    def new(cls, streams: int) -> Streams:
        """Nothing was seen yet."""
        return cls(
            np.full((streams, PAST_ROWS), np.nan, dtype=np.float32),
            np.full(streams, np.nan, dtype=np.float32),
            np.full(streams, np.nan, dtype=np.float32),
            DailyProfile.new(streams),
            Lifelong.new(streams),
            Tails.new(streams, len(MEMBERS)),
            np.full((streams, STEP_ROWS + 1), np.nan, dtype=np.float32),
            np.zeros(streams, dtype=np.int8),
        )

    def skip(self, stream: int, rows: int) -> None:
        """So many rows of this stream never came: they are unknown."""
        rows = min(rows, PAST_ROWS)
        self.past[stream, : PAST_ROWS - rows] = self.past[stream, rows:]
        self.past[stream, PAST_ROWS - rows :] = np.nan
        self.recent[stream], self.pending[stream] = np.nan, 0

    def step(
        self, values: Floats, slot: NDArray[np.int64], rows: Bools, *, judges: bool = True
    ) -> Judged:
        """Judge the newest values, then learn them. Streams without a row are left as they are. Who
        does not judge gets the same features, and learns nothing of how rare anything is."""
        count = len(values)
        judged = Judged(
            np.zeros((count, len(MEMBERS)), dtype=np.float32),
            np.full((count, len(FEATURES)), np.nan, dtype=np.float32),
            *(np.zeros(count, dtype=np.bool_) for _ in range(3)),
        )
        present = np.flatnonzero(rows)
        for start in range(0, len(present), BLOCK):
            at = present[start : start + BLOCK]
            past, value = self.past[at], values[at]
            settled = settled_of(past)
            self._settle_pending(at, value, settled, judged)
            whole = np.concatenate([past[:, 1:], value[:, None]], axis=1)
            if judges:
                given = Given(past, value, self.lowest[at], self.highest[at])
                self._judge(at, given, settled, whole, slot, judged)
            self._measure(at, value, judged)
            self._await_next(at, past, value, judged)
            self.past[at] = whole
        return judged

    def _judge(
        self,
        at: NDArray[np.intp],
        given: Given,
        settled: Settled,
        whole: Floats,
        slot: NDArray[np.int64],
        judged: Judged,
    ) -> None:
        signs = signs_of(given, settled)
        smoothed = mean_of(calmed(whole[:, -SMOOTHED_ROWS - 2 :]))
        daily = DailyProfile(self.daily.usual[at], self.daily.deviation[at], self.daily.seen[at])
        signs[:, DAILY] = daily.sign(smoothed, settled.spread, slot[at])
        daily.learn(smoothed, settled.spread, slot[at])
        self.daily.usual[at], self.daily.deviation[at] = daily.usual, daily.deviation
        self.daily.seen[at] = daily.seen
        tails = Tails(self.tails.counts[at])
        judged.rarity[at] = tails.rarity(signs)
        tails.learn(signs)
        self.tails.counts[at] = tails.counts

    def _measure(self, at: NDArray[np.intp], value: Floats, judged: Judged) -> None:
        # Here a lone spike is unknown as soon as it is known to be one: it leaves no echo.
        recent = np.where(judged.was_lone[at], np.nan, self.recent[at, -1])
        rows = np.concatenate([self.recent[at, 1:-1], recent[:, None], value[:, None]], axis=1)
        self.recent[at] = rows = rows.astype(np.float32)
        smoothed = mean_of(rows[:, -STEP_ROWS:])
        change, drift = value - rows[:, -2], value - rows[:, -1 - STEP_ROWS]
        life = Lifelong(self.life.usual[at], self.life.seen[at])
        judged.features[at] = life.measure(value, smoothed, change, drift)
        life.learn(value, change, drift)
        self.life.usual[at], self.life.seen[at] = life.usual, life.seen

    def _settle_pending(
        self, at: NDArray[np.intp], value: Floats, settled: Settled, judged: Judged
    ) -> None:
        """Was the row before a lone spike? Only if not, it widens what was ever seen."""
        sign = self.pending[at].astype(np.float32)
        back = sign * (value - settled.middle) <= LONE_BACK * settled.spread
        is_lone = (sign != 0) & back
        judged.was_lone[at] = is_lone
        judged.stood[at] = (sign != 0) & ~is_lone & np.isfinite(value)
        before = np.where(is_lone, np.nan, self.past[at, -1])
        self.lowest[at] = np.fmin(self.lowest[at], before)
        self.highest[at] = np.fmax(self.highest[at], before)

    def _await_next(
        self, at: NDArray[np.intp], past: Floats, value: Floats, judged: Judged
    ) -> None:
        known = np.isfinite(past)
        # Spikes that proved lone are in the window, and not in the range of the life: the next
        # one of them is as lone as the first.
        low = np.fmax(np.where(known, past, np.inf).min(axis=1), self.lowest[at])
        high = np.fmin(np.where(known, past, -np.inf).max(axis=1), self.highest[at])
        width = np.where(known.any(axis=1), high - low, 0.0)
        is_far = (value > high + LONE_RANGES * width) | (value < low - LONE_RANGES * width)
        sign = np.where(is_far & known.any(axis=1), np.where(value > high, 1, -1), 0)
        self.pending[at] = sign
        judged.may_be_lone[at] = sign != 0
