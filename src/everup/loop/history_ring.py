"""The recent past in memory: a ring of 240 float32 slots for every service and signal.

Flows in: one sample per sample interval. Flows out: series, oldest first, as arrays of their own.
Trends read it. A pure value in the sense that it holds no clock: times come with the samples, and
the same samples make the same ring.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from everup.model.history import INDEX, SIGNALS, FloatArray, Signal, TimeArray

SLOTS_LEAST = 2
EARLY_RATIO = 0.1
"""A look comes a little before its time now and then; a sample that early is taken all the same."""


class HistoryRing:
    """Slots are shared by all services: a sample is one row for the whole stack.

    A gap longer than `gap_s`, or a time that does not advance, breaks history: what was before it
    is forgotten, since nobody knows what happened in between.
    """

    def __init__(
        self, services: Sequence[str], *, slots: int, interval_s: float, gap_s: float
    ) -> None:
        if slots < SLOTS_LEAST:
            raise ValueError(f"slots must be at least {SLOTS_LEAST}, got {slots}")
        self.services = tuple(services)
        self._column = {name: index for index, name in enumerate(self.services)}
        self._interval_s, self._gap_s = interval_s, gap_s
        self._times: TimeArray = np.full(slots, np.nan)
        self._values: FloatArray = np.full(
            (slots, len(SIGNALS), len(self.services)), np.nan, dtype=np.float32
        )
        self._next = 0
        self._count = 0
        self.breaks = 0

    def __len__(self) -> int:
        """How many slots are filled."""
        return self._count

    @property
    def last_s(self) -> float:
        """Time of the latest sample; NaN when there is none."""
        return float(self._times[self._next - 1]) if self._count else float("nan")

    def is_due(self, at_s: float) -> bool:
        """Is it time for another sample? Also when the clock went back, so that history breaks."""
        since_s = at_s - self.last_s
        return not 0.0 <= since_s < self._interval_s * (1.0 - EARLY_RATIO)

    def append(self, at_s: float, sample: FloatArray) -> None:
        """Keep one sample `[signal, service]`, in place of the oldest when all slots are full.

        Raises:
            ValueError: the sample is of another stack.
        """
        if sample.shape != self._values.shape[1:]:
            raise ValueError(f"a sample is {self._values.shape[1:]}, got {sample.shape}")
        if self._count and not 0.0 < at_s - self.last_s <= self._gap_s:
            self.clear()
            self.breaks += 1
        self._times[self._next] = at_s
        self._values[self._next] = sample
        self._next = (self._next + 1) % len(self._times)
        self._count = min(self._count + 1, len(self._times))

    def clear(self) -> None:
        """Forget everything."""
        self._times[:] = np.nan
        self._values[:] = np.nan
        self._next = self._count = 0

    def series(
        self, service: str, signal: Signal, *, since_s: float = float("-inf")
    ) -> tuple[TimeArray, FloatArray]:
        """Times and values, oldest first, as copies that may be kept. NaN is unknown. Empty for a
        service that is not of the stack. `since_s` leaves out what is older: an instance's start,
        say, before which its memory was another's."""
        order = self._order()
        column = self._column.get(service)
        if column is None:
            order = order[:0]
            column = 0
        times = self._times[order]
        if column >= len(self.services):
            return times, np.empty(0, dtype=np.float32)
        values = self._values[order, INDEX[signal], column]
        recent = times >= since_s
        return times[recent], values[recent]

    def matrix(self, signal: Signal) -> tuple[TimeArray, FloatArray]:
        """Times, and values as `[time, service]` for all services at once, oldest first."""
        order = self._order()
        return self._times[order], self._values[order, INDEX[signal], :]

    def _order(self) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        start = self._next - self._count
        return np.arange(start, self._next, dtype=np.intp) % len(self._times)
