"""From rarities to reports: seen twice, told once, within a budget. Pure.

Flows in: how rare the newest row of each service is (−log10 of its chance), with and without what
may be a lone spike. Flows out: the level, what is noted, what is an alarm.

    level     the mean of the two rarest of the last CONFIRMING_ROWS rows
    noted     the level reaches the bound: an anomaly, to be listed
    alarm     so does the level without lone spikes: may be told to a person, may be evidence
    silence   for QUIET_ROWS rows after either, nothing of that kind is said: it is the same one
    budget    at most ALARMS_A_DAY alarms a day and service; what is over is counted

The bound is RARE (one row in a thousand, twice), and rises with the root of the rows learned: who
watches ten times as long may be wrong three times as often, not ten times.

A lone spike stands out of all that the past had by as much as the past is wide, and the very next
row is back among the usual. Until that next row is there, it counts for no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]

CONFIRMING_ROWS = 6
RARE = 3.0
ROWS_OF_RARE = 4000.0
"""The bound is RARE for a past of this many rows: two weeks of one row in five minutes."""
WARM_ROWS = 288.0
"""A day of one row in five minutes: before that, nothing is told."""
RISE = 0.5
QUIET_ROWS = 100
ALARMS_A_DAY = 8
DAY_S = 86_400.0


def bound_of(rows: NDArray[np.float64], budget: float = 1.0) -> NDArray[np.float64]:
    """The level from which on something is told, after so many rows were learned. It takes two rare
    rows, so that the root of the budget is what each of them may be more frequent by."""
    risen = RISE * np.log10(np.maximum(rows, WARM_ROWS) / ROWS_OF_RARE)
    return np.asarray(RARE + risen - 0.5 * np.log10(budget))


@dataclass(slots=True, eq=False)
class Reports:
    """`recent [service, CONFIRMING_ROWS]`, newest last, and the same without lone spikes, `sure`;
    rows since the last note and alarm; alarms of the day that began at `day_s`; how many were
    `shed` over the budget."""

    recent: Floats
    sure: Floats
    since_note: NDArray[np.int32]
    since_alarm: NDArray[np.int32]
    alarms_today: NDArray[np.int32]
    day_s: NDArray[np.float64]
    shed: NDArray[np.int64]

    @classmethod
    def new(cls, services: int) -> Reports:
        """Nothing was said yet."""
        never = np.full(services, QUIET_ROWS + 1, dtype=np.int32)
        return cls(
            np.zeros((services, CONFIRMING_ROWS), dtype=np.float32),
            np.zeros((services, CONFIRMING_ROWS), dtype=np.float32),
            never.copy(),
            never.copy(),
            np.zeros(services, dtype=np.int32),
            np.full(services, np.nan),
            np.zeros(services, dtype=np.int64),
        )

    def push(self, rarity: Floats, sure: Floats, stood: Bools, rows: Bools) -> None:
        """The newest row. `sure`: without what may turn out a lone spike; `stood`: what might have
        been one in the row before was none, and counts from now on."""
        restored = rows & stood
        self.sure[restored, -1] = self.recent[restored, -1]
        for kept, newest in ((self.recent, rarity), (self.sure, sure)):
            kept[rows, :-1] = kept[rows, 1:]
            kept[rows, -1] = newest[rows]
        for since in (self.since_note, self.since_alarm):
            since[rows] = np.minimum(since[rows] + 1, QUIET_ROWS + 1)

    def levels(self) -> tuple[Floats, Floats]:
        """With lone spikes, and without."""
        return _level(self.recent), _level(self.sure)

    def speak(
        self,
        times_s: NDArray[np.float64],
        learned: NDArray[np.float64],
        rows: Bools,
        budget: float = 1.0,
    ) -> tuple[Bools, Bools]:
        """(noted, alarms) of this row."""
        bound, is_warm = bound_of(learned, budget), learned >= WARM_ROWS
        with_lone, without = self.levels()
        noted = rows & (with_lone >= bound) & (self.since_note > QUIET_ROWS)
        wanted = rows & (without >= bound) & (self.since_alarm > QUIET_ROWS)
        # What began before a stream was warm is told to nobody, and is no news when it is.
        self.since_note[noted], self.since_alarm[wanted] = 0, 0
        noted, wanted = noted & is_warm, wanted & is_warm
        is_new_day = rows & ~(times_s - self.day_s < DAY_S)
        self.day_s[is_new_day], self.alarms_today[is_new_day] = times_s[is_new_day], 0
        alarms = wanted & (self.alarms_today < ALARMS_A_DAY * budget)
        self.shed += wanted & ~alarms
        self.alarms_today += alarms
        return noted, alarms


def _level(recent: Floats) -> Floats:
    ordered = np.partition(recent, CONFIRMING_ROWS - 2, axis=1)
    return np.asarray(ordered[:, -2:].mean(axis=1), dtype=np.float32)
