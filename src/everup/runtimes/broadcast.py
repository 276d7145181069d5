"""Tells every watcher what happened. Never blocks, never grows: an event only says *look now*."""

from __future__ import annotations

import asyncio
import weakref

from everup.model.runtime import RuntimeEvent

EVENTS_MOST = 1000
"""A watcher that is further behind loses its oldest events, counted in `Watcher.shed`."""


class Watcher:
    """The events since it was made, as an asynchronous iterator; ends when the source closes."""

    def __init__(self) -> None:
        self.shed = 0
        self._queue: asyncio.Queue[RuntimeEvent | None] = asyncio.Queue()
        self._is_over = False

    def tell(self, event: RuntimeEvent | None) -> None:
        """Take one event in; None is the end."""
        if self._queue.qsize() >= EVENTS_MOST:
            self._queue.get_nowait()
            self.shed += 1
        self._queue.put_nowait(event)

    def __aiter__(self) -> Watcher:
        return self

    async def __anext__(self) -> RuntimeEvent:
        if self._is_over:
            raise StopAsyncIteration
        event = await self._queue.get()
        if event is None:
            self._is_over = True
            raise StopAsyncIteration
        return event


class Broadcast:
    """The source. Watchers that nobody holds any more are forgotten."""

    def __init__(self) -> None:
        self._watchers: weakref.WeakSet[Watcher] = weakref.WeakSet()
        self._is_closed = False

    def watch(self) -> Watcher:
        """A watcher that hears everything from now on."""
        watcher = Watcher()
        self._watchers.add(watcher)
        if self._is_closed:
            watcher.tell(None)
        return watcher

    def tell(self, event: RuntimeEvent) -> None:
        """Tell all."""
        for watcher in list(self._watchers):
            watcher.tell(event)

    def close(self) -> None:
        """No more will come."""
        self._is_closed = True
        for watcher in list(self._watchers):
            watcher.tell(None)
