"""Clients that become more, a few requests a second each: what a good deploy has to bear."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

CLIENTS, PAUSE_S = 6, 0.15


class RisingLoad:
    """`url`: where to ask now. `asked`: answers so far."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url, self._is_over = url, threading.Event()
        self._threads: list[threading.Thread] = []
        self.asked = 0

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
        for _ in range(CLIENTS):
            self._more()
            await asyncio.sleep(each_s)

    def _more(self) -> None:
        thread = threading.Thread(target=self._ask, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _ask(self) -> None:
        while not self._is_over.wait(PAUSE_S):
            try:
                with urllib.request.urlopen(self._url(), timeout=5.0) as answer:
                    answer.read()
                self.asked += 1
            except http.client.HTTPException:
                self.asked += 1  # it has answered, in a dialect of its own
            except (OSError, ValueError):  # there is no address while it is made anew
                time.sleep(PAUSE_S)
