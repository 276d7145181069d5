"""History on disk: a bounded queue, and one thread that alone touches the files.

A look only puts its sample into the queue. The thread writes what has come together every half
minute as one block. When the disk does not take it, writing stops for a while and says so; what is
seen meanwhile is shed and counted, and healing goes on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from everup.history.format import Header, pack
from everup.history.scan import Scan
from everup.history.segments import Segment, Segments
from everup.history.select import select
from everup.model.errors import TryAgain
from everup.model.history import Columns, FloatArray, HistoryCounts, Signal, TimeArray

WAITING_MOST = 256
WAITING_BYTES_MOST = 32 * 1024 * 1024
FLUSH_EVERY_S = 30.0
RETRY_S = 60.0
READ_MOST_S = 30.0
CLOSE_MOST_S = 5.0
DAY_S = 86400.0

T = TypeVar("T")


class DiskHistory:
    """`loop.ports.History` in a folder."""

    def __init__(
        self,
        folder: Path,
        stack: str,
        services: Sequence[str],
        *,
        days: float,
        total_bytes: int,
        flush_every_s: float = FLUSH_EVERY_S,
        retry_s: float = RETRY_S,
    ) -> None:
        header = Header(stack, tuple(services))
        self._stack, self._services = stack, tuple(services)
        self._segments = Segments(folder, header, keep_s=days * DAY_S, total_most=total_bytes)
        self._waiting: deque[tuple[float, FloatArray]] = deque()
        self._lock = threading.Lock()
        self._flush_every_s, self._retry_s = flush_every_s, retry_s
        self._flushed_s = time.monotonic()
        self._not_before_s = 0.0
        self._is_open = self._is_flushing = False
        self._samples = self._shed = 0
        self._fault = ""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="everup-history")

    def append(self, at_s: float, sample: FloatArray) -> None:
        """Put it with the others; hand them to the thread when it is time."""
        with self._lock:
            if len(self._waiting) >= self._most(sample):
                self._waiting.popleft()
                self._shed += 1
            self._waiting.append((at_s, sample))
            is_time = time.monotonic() - self._flushed_s >= self._flush_every_s
            if not is_time or self._is_flushing:
                return
            self._is_flushing = True
        self._thread.submit(self._flush)

    async def read(
        self, service: str, since_s: float, until_s: float, signals: Sequence[Signal] = ()
    ) -> Columns:
        """What is kept of one service, what waits in memory included.

        Raises:
            TryAgain: the disk does not answer in time.
        """
        return await self._done(lambda: self._read(service, since_s, until_s, tuple(signals)))

    async def blocks(
        self, since_s: float, until_s: float
    ) -> AsyncIterator[tuple[TimeArray, FloatArray]]:
        """What is kept of all services, a file at a time, what waits in memory included. Between
        two files the thread writes, and reads for others.

        Raises:
            TryAgain: the disk does not answer in time.
        """
        for segment in await self._done(self._listed):
            found = await self._done(partial(self._blocks, segment, since_s, until_s))
            for block in found:
                yield block

    async def _done(self, work: Callable[[], T]) -> T:
        running = self._thread.submit(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(running), READ_MOST_S)
        except TimeoutError:
            raise TryAgain(f"history was not read within {READ_MOST_S:g} s") from None
        except OSError as error:
            raise TryAgain(f"history cannot be read: {error}") from error

    def counts(self) -> HistoryCounts:
        """For the metrics."""
        total = float(self._segments.total_bytes) if self._is_open else float("nan")
        return HistoryCounts(self._samples, self._shed, total, self._fault)

    async def close(self) -> None:
        """Write what waits, for at most `CLOSE_MOST_S`."""
        last = self._thread.submit(self._flush)
        await asyncio.wait({asyncio.wrap_future(last)}, timeout=CLOSE_MOST_S)
        self._thread.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _most(sample: FloatArray) -> int:
        """How many samples of this size may wait."""
        return max(2, min(WAITING_MOST, WAITING_BYTES_MOST // max(1, sample.nbytes)))

    def _read(
        self, service: str, since_s: float, until_s: float, signals: tuple[Signal, ...]
    ) -> Columns:
        self._flush()
        return select(self._segments.list(), service, since_s, until_s, signals)

    def _listed(self) -> list[Segment]:
        self._flush()
        return list(self._segments.list())

    def _blocks(
        self, segment: Segment, since_s: float, until_s: float
    ) -> list[tuple[TimeArray, FloatArray]]:
        return list(Scan(self._stack, self._services, (segment,)).blocks(since_s, until_s))

    def _flush(self) -> None:
        """Write all that waits as one block. Runs in the thread alone; never raises."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        try:
            self._write(taken)
        finally:
            with self._lock:
                self._flushed_s = time.monotonic()
                self._is_flushing = False

    def _write(self, taken: Sequence[tuple[float, FloatArray]]) -> None:
        if not taken:
            return
        if time.monotonic() < self._not_before_s:
            self._shed += len(taken)
            return
        try:
            if not self._is_open:
                self._segments.open(taken[-1][0])
                self._is_open = True
            block = pack([at_s for at_s, _ in taken], [sample for _, sample in taken])
            self._segments.write(taken[0][0], block)
        except OSError as error:
            self._shed += len(taken)
            self._fault = error.strerror or str(error)
            self._not_before_s = time.monotonic() + self._retry_s
        else:
            self._samples += len(taken)
            self._fault = ""
