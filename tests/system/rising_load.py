"""Clients that become more, a few requests a second each: what a good deploy has to bear."""

from __future__ import annotations

import asyncio
import http.client
import random
import statistics
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

CLIENTS, PAUSE_S = 6, 0.15


class RisingLoad:
    """`url`: where to ask now. `more`: clients beside the first. `pause_s`: of each between an
    answer and its next request, on the mean: pauses of one length would bring the clients into
    step, and nobody would ever wait for another."""

    def __init__(
        self, url: Callable[[], str], more: int = CLIENTS, pause_s: float = PAUSE_S
    ) -> None:
        self._url, self._more_most, self._pause_s = url, more, pause_s
        self._is_over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._answers: list[tuple[float, float]] = []

    @property
    def asked(self) -> int:
        """How many were answered."""
        return len(self._answers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RisingLoad]:
        """One client at once; `rise` brings the others."""
        self._more()
        try:
            yield self
        finally:
            self._is_over.set()
            for thread in self._threads:
                await asyncio.to_thread(thread.join, 3.0)

    async def rise(self, each_s: float) -> None:
        """One more client each so many seconds."""
        for _ in range(self._more_most):
            self._more()
            await asyncio.sleep(each_s)

    def served(self, since_s: float, until_s: float) -> tuple[float, float]:
        """Answers a second, and the mean of their latencies in seconds (NaN: none), of a time on
        the monotonic clock."""
        took_s = [took for at_s, took in list(self._answers) if since_s <= at_s < until_s]
        mean_s = statistics.fmean(took_s) if took_s else float("nan")
        return len(took_s) / (until_s - since_s), mean_s

    def _more(self) -> None:
        thread = threading.Thread(target=self._ask, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ask(self) -> None:
        pauses = random.Random(len(self._threads))
        while not self._is_over.wait(pauses.expovariate(1.0 / self._pause_s)):
            began_s = time.monotonic()
            try:
                with urllib.request.urlopen(self._url(), timeout=5.0) as answer:
                    answer.read()
            except http.client.HTTPException:
                pass  # it has answered, in a dialect of its own
            except (OSError, ValueError):  # there is no address while it is made anew
                time.sleep(PAUSE_S)
                continue
            now_s = time.monotonic()
            self._answers.append((now_s, now_s - began_s))
