"""What is usual for a stream over its whole life, and its newest value measured by that. Pure.

Flows in: the newest value, the one before and six rows before, the mean of the last six. Flows out:
four features, each in the stream's own usual size and compressed, so that streams of any unit can
be pooled: where it is, where it was over the last six rows, how far it moved in one row and in six.
All averages are slow, and no single row moves them by more than a few usual sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FEATURES = ("level", "smoothed", "change", "drift")
STEP_ROWS = 6
SLOWEST = 1 / 4000
ROWS_LEAST = 50
"""Before so many rows nothing is measured, and nothing is held back from the averages."""
HELD_AT = 5.0
NORMAL_DEVIATION = 1.25
"""A standard deviation of a normal law is this many mean absolute deviations."""
FLOOR_SHARE, LEVEL_SHARE, TINY = 0.05, 1e-3, 1e-9


@dataclass(slots=True, eq=False)
class Lifelong:
    """`usual [stream, 4]`: the mean, its mean deviation, the mean move in one row and in six; `seen
    [stream, 3]`: how many rows taught them (the first two learn together)."""

    usual: Floats
    seen: Floats

    @classmethod
    def new(cls, streams: int) -> Lifelong:
        """Nothing was seen yet."""
        return cls(
            np.zeros((streams, 4), dtype=np.float32), np.zeros((streams, 3), dtype=np.float32)
        )

    def measure(self, value: Floats, smoothed: Floats, change: Floats, drift: Floats) -> Floats:
        """`[stream, feature]`, 0 is usual; NaN = unknown."""
        mean, deviation, step, steps = self.usual.T
        floor = FLOOR_SHARE * deviation + LEVEL_SHARE * np.abs(mean) + TINY
        wide = NORMAL_DEVIATION * deviation + floor
        found = np.arcsinh(
            np.stack(
                [
                    (value - mean) / wide,
                    (smoothed - mean) / wide,
                    change / (2.0 * step + floor),
                    drift / (2.0 * steps + floor),
                ],
                axis=1,
            )
        )
        found[self.seen[:, 0] < ROWS_LEAST] = np.nan
        return np.asarray(found, dtype=np.float32)

    def learn(self, value: Floats, change: Floats, drift: Floats) -> None:
        """This is the past now; what is unknown teaches nothing."""
        off, share = value - self.usual[:, 0], self._share(0)
        most = np.where(self.seen[:, 0] >= ROWS_LEAST, HELD_AT * self.usual[:, 1], np.inf)
        first = self.seen[:, 0] == 0
        moved = np.where(first, value, self.usual[:, 0] + share * np.clip(off, -most, most))
        away = np.where(first, 0.0, np.minimum(np.abs(off), most))
        deviation = self.usual[:, 1] + share * (away - self.usual[:, 1])
        known = np.isfinite(value)
        self.usual[known, 0], self.usual[known, 1] = moved[known], deviation[known]
        self.seen[known, 0] += 1
        for column, moves in ((1, np.abs(change)), (2, np.abs(drift))):
            usual = self.usual[:, column + 1]
            # A stream that never moved may begin to: then nothing holds its first moves back.
            is_held = (self.seen[:, column] >= ROWS_LEAST) & (usual > 0)
            held = np.minimum(moves, np.where(is_held, HELD_AT * usual, np.inf))
            known = np.isfinite(moves)
            learned = usual + self._share(column) * (held - usual)
            self.usual[known, column + 1] = learned[known]
            self.seen[known, column] += 1

    def _share(self, column: int) -> Floats:
        share = np.maximum(1.0 / (self.seen[:, column] + 1.0), SLOWEST)
        return np.asarray(share, dtype=np.float32)
