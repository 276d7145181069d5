"""History in memory, for simulation and tests: the same port, no thread, no disk."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

import numpy as np

from everup.model.history import (
    INDEX,
    SIGNALS,
    Columns,
    FloatArray,
    HistoryCounts,
    Signal,
    TimeArray,
)

SAMPLES_MOST = 20_000


class MemoryHistory:
    """The latest samples of a stack."""

    def __init__(self, services: Sequence[str], *, samples_most: int = SAMPLES_MOST) -> None:
        self._column = {name: index for index, name in enumerate(services)}
        self._kept: deque[tuple[float, FloatArray]] = deque(maxlen=samples_most)
        self._samples = 0

    def append(self, at_s: float, sample: FloatArray) -> None:
        """Keep one sample."""
        self._kept.append((at_s, sample.copy()))
        self._samples += 1

    async def read(
        self, service: str, since_s: float, until_s: float, signals: Sequence[Signal] = ()
    ) -> Columns:
        """What is kept of one service."""
        wanted = tuple(signals) or SIGNALS
        column = self._column.get(service)
        kept = [k for k in self._kept if since_s <= k[0] <= until_s and column is not None]
        times = np.array([at_s for at_s, _ in kept], dtype=np.float64)
        values = {
            signal: np.array(
                [sample[INDEX[signal], column or 0] for _, sample in kept], dtype=np.float32
            )
            for signal in wanted
        }
        return Columns(service, times, values)

    async def blocks(
        self, since_s: float, until_s: float
    ) -> AsyncIterator[tuple[TimeArray, FloatArray]]:
        """All of it at once."""
        kept = [k for k in self._kept if since_s <= k[0] <= until_s]
        if kept:
            yield np.array([at_s for at_s, _ in kept]), np.stack([one for _, one in kept])

    def counts(self) -> HistoryCounts:
        """How many samples there were."""
        return HistoryCounts(self._samples, 0, 0.0)

    async def close(self) -> None:
        """Nothing is held."""
