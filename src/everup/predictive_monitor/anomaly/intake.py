"""What comes in is looked at before it is believed: `Intake.take(times, values)`. Pure.

Flows in: one moment of each service and its values, anything at all. Flows out: values that may be
judged and learned, NaN = unknown; which rows are to be left out altogether. Everything that was not
as it should be is counted by kind and stream, so that it can be shown.

    not a number, infinite, absurdly large   unknown
    time not after the last one              the whole row of that service is left out
    stuck: the same to the last bit for STUCK_ROWS, in a stream that used to change: unknown
    reset: a counter starts anew             its past is shifted, so that it goes on from there
    lone spike                               noted, never an alarm (see `reports`)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

VALUE_MOST = 1e15
"""No signal is larger: what is, is noise, and its square must stay a number."""
STUCK_ROWS = 12
STUCK_USUAL_SHARE = 0.25
"""Where more of the past than this repeats the value before, repeating is nothing to wonder
about."""
COUNTER_ROWS = 32
RESET_SHARE = 0.5
GAP_ROWS = 3.0
"""A silence this many times as long as between other rows is a gap, and its rows are unknown."""
PACE_SHARE = 0.1


class Flaw(IntEnum):
    """Kinds of poisoned input, counted for each stream."""

    MISSING = 0
    NOT_FINITE = 1
    STUCK = 2
    RESET = 3
    BACKWARDS = 4
    LONE_SPIKE = 5
    GAP = 6


@dataclass(slots=True, eq=False)
class Intake:
    """`flaws [stream, kind]`, `latest_s` and `pace_s [service]`, `last` value and how often in a
    row it `repeats [stream]`; rows `rejected [service]` since the last that was taken."""

    flaws: NDArray[np.int64]
    latest_s: NDArray[np.float64]
    pace_s: NDArray[np.float64]
    last: Floats
    repeats: NDArray[np.int32]
    rejected: NDArray[np.int64]

    @classmethod
    def new(cls, services: int, signals: int) -> Intake:
        """Nothing came in yet."""
        streams = services * signals
        return cls(
            np.zeros((streams, len(Flaw)), dtype=np.int64),
            np.full(services, np.nan),
            np.full(services, np.nan),
            np.full(streams, np.nan, dtype=np.float32),
            np.zeros(streams, dtype=np.int32),
            np.zeros(services, dtype=np.int64),
        )

    def accept(self, times_s: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which services have a row at all: a time that is known and after the last one."""
        is_known = np.isfinite(times_s)
        is_after = is_known & ~(times_s <= self.latest_s)
        signals = len(self.last) // len(times_s)
        self._count(Flaw.BACKWARDS, np.repeat(is_known & ~is_after, signals))
        self.rejected += is_known & ~is_after
        return np.asarray(is_after)

    def missed(self, times_s: NDArray[np.float64], rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many rows each service has skipped before this one, those left out among them; takes
        note of the time."""
        since_s = np.where(rows, times_s - self.latest_s, np.nan)
        pace_s = self.pace_s
        is_gap = since_s > GAP_ROWS * pace_s  # false where either is unknown
        ratio = np.where(is_gap, since_s / np.where(is_gap, pace_s, 1.0), 1.0)
        skipped = np.minimum(ratio - 1.0, 1e6).astype(np.int64)
        fresh = np.where(np.isfinite(pace_s), pace_s + PACE_SHARE * (since_s - pace_s), since_s)
        # After a gap the pace is kept once, and then follows: a slower rhythm is no lasting gap.
        moved = np.where(is_gap, pace_s * 2.0, fresh)
        self.pace_s = np.where(np.isfinite(moved) & rows, moved, pace_s)
        self.latest_s = np.where(rows, times_s, self.latest_s)
        signals = len(self.last) // len(times_s)
        self._count(Flaw.GAP, np.repeat(is_gap, signals))
        found = np.where(rows, skipped + self.rejected, 0)
        self.rejected[rows] = 0
        return found

    def clean(self, values: Floats, past: Floats, rows: NDArray[np.bool_]) -> Floats:
        """The values that may be used. `past` is shifted in place where a counter starts anew."""
        values = np.where(rows, values, np.nan).astype(np.float64)
        is_missing, is_absurd = np.isnan(values), np.abs(values) > VALUE_MOST
        self._count(Flaw.MISSING, rows & is_missing)
        self.flaws[:, Flaw.NOT_FINITE] += is_absurd
        kept = np.where(is_absurd, np.nan, values).astype(np.float32)
        is_known = np.isfinite(kept)
        is_same = is_known & (kept == self.last)
        self.repeats = np.where(is_known, np.where(is_same, self.repeats + 1, 0), self.repeats)
        self._shift_counters(kept, past)
        self.last = np.where(is_known, kept, self.last)
        candidates = np.flatnonzero(self.repeats + 1 >= STUCK_ROWS)
        candidates = candidates[is_known[candidates]]
        if len(candidates):
            stuck = candidates[_used_to_change(past[candidates])]
            self.flaws[stuck, Flaw.STUCK] += 1
            kept[stuck] = np.nan
        return kept

    def _count(self, kind: Flaw, where: NDArray[np.bool_]) -> None:
        """What a service never had is no flaw of its input."""
        self.flaws[:, kind] += where & np.isfinite(self.last)

    def _shift_counters(self, kept: Floats, past: Floats) -> None:
        fell = np.flatnonzero(kept < RESET_SHARE * self.last)  # false where either is unknown
        if not len(fell):
            return
        recent = past[fell, -COUNTER_ROWS:]
        steps = np.diff(recent, axis=1)
        climbs = (steps >= 0).all(axis=1) & ((steps > 0).mean(axis=1) > 0.5)
        reset = fell[climbs]
        self.flaws[reset, Flaw.RESET] += 1
        past[reset] += (kept[reset] - self.last[reset])[:, None]


def _used_to_change(past: Floats) -> NDArray[np.bool_]:
    before = past[:, :-STUCK_ROWS]
    steps = np.diff(before, axis=1)
    known = np.isfinite(steps).sum(axis=1)
    same = (steps == 0).sum(axis=1)
    return np.asarray((known >= COUNTER_ROWS) & (same <= STUCK_USUAL_SHARE * known))
