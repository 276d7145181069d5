"""What was seen of one service by the rate that one instance carried, in steps of 5 %. Pure.

Flows in: mean rate, latency, failed share and entries waiting of an interval. Flows out: rows by
rising rate, faded to a moment. Called by `capacity`; bounded, and packed into plain values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, is_known

STEP = math.log(1.05)
BUCKETS_MOST = 120
WEIGHT_MOST = 60.0
"""A quarter of an hour: so fast does a bucket follow what has changed, while it is visited."""
WEIGHT_LEAST = 0.05
JUMP_LEAST = 0.5
"""Of a logarithm of latency. One interval counts as no further from the mean than this, or than
three standard deviations: one stall of half a minute says nothing of the curve."""


@dataclass(slots=True)
class Row:
    """Means of what was seen at about one rate. NaN: never known there."""

    weight: float  # intervals, faded
    at_s: float
    rate: float  # per second and instance
    log: float = UNKNOWN  # of the latency in seconds
    variance: float = 0.0  # of these logarithms
    errors: float = UNKNOWN
    waiting: float = UNKNOWN

    def take(self, rate: float, log: float, errors: float, waiting: float) -> None:
        """One more interval, the weight already faded to its time."""
        self.weight = min(self.weight + 1, WEIGHT_MOST)
        share = 1 / self.weight
        self.rate += (rate - self.rate) * share
        self.errors = _toward(self.errors, errors, share)
        self.waiting = _toward(self.waiting, waiting, share)
        if not is_known(log):
            return
        if not is_known(self.log):
            self.log = log
            return
        off = log - self.log
        if self.weight > 3:
            most = max(JUMP_LEAST, 3 * math.sqrt(self.variance))
            off = min(max(off, -most), most)
        self.log += off * share
        self.variance += (off * off * (1 - share) - self.variance) * share

    @property
    def mean_log(self) -> float:
        """Logarithm of the mean latency, the single ones taken for log-normal."""
        return self.log + self.variance / 2


class Buckets:
    """Rows by bucket, each with its own time up to which it has faded."""

    def __init__(self, half_life_s: float) -> None:
        self.half_life_s = half_life_s
        self._rows: dict[int, Row] = {}

    def take(self, at_s: float, rate: float, log: float, errors: float, waiting: float) -> None:
        """One interval; `rate` above zero."""
        key = math.floor(math.log(rate) / STEP)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(0.0, at_s, rate)
        self._fade(row, at_s)
        row.take(rate, log, errors, waiting)
        if len(self._rows) > BUCKETS_MOST:
            self._drop_lightest(at_s)

    def rows(self, at_s: float) -> list[Row]:
        """By rising rate, faded to this moment."""
        faint = []
        for key, row in self._rows.items():
            self._fade(row, at_s)
            if row.weight < WEIGHT_LEAST:
                faint.append(key)
        for key in faint:
            del self._rows[key]
        return [self._rows[key] for key in sorted(self._rows)]

    def drop_from(self, rate: float) -> None:
        """Forget what was seen at this rate and above."""
        self._rows = {key: row for key, row in self._rows.items() if row.rate < rate}

    def lighten(self, total: float, at_s: float) -> None:
        """Leave all rows together no more weight than this, as of this moment."""
        weight = sum(row.weight for row in self.rows(at_s))
        if weight > total:
            for row in self._rows.values():
                row.weight *= total / weight

    def pack(self) -> list[list[float | None]]:
        """Plain values, None for what was never known."""
        return [
            [
                row.weight,
                row.at_s,
                row.rate,
                *(value if is_known(value) else None for value in _values(row)),
            ]
            for row in self._rows.values()
        ]

    @classmethod
    def unpack(cls, packed: Sequence[Sequence[float | None]], half_life_s: float) -> Buckets:
        """What `pack` gave."""
        found = cls(half_life_s)
        for line in packed[:BUCKETS_MOST]:
            row = Row(*(UNKNOWN if value is None else float(value) for value in line))
            found._rows[math.floor(math.log(row.rate) / STEP)] = row
        return found

    def _fade(self, row: Row, at_s: float) -> None:
        if at_s > row.at_s:
            row.weight *= 0.5 ** ((at_s - row.at_s) / self.half_life_s)
            row.at_s = at_s

    def _drop_lightest(self, at_s: float) -> None:
        for row in self._rows.values():
            self._fade(row, at_s)
        del self._rows[min(self._rows, key=lambda key: self._rows[key].weight)]


def _values(row: Row) -> tuple[float, ...]:
    return row.log, row.variance, row.errors, row.waiting


def _toward(mean: float, value: float, share: float) -> float:
    if not is_known(value):
        return mean
    return mean + (value - mean) * share if is_known(mean) else value
