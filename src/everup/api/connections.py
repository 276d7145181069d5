"""Connections that do not get to the point: bounded in time and in number.

Flows in: uvicorn's events of one connection. Flows out: the same, but that whoever has not sent a
whole head in time is closed, and that a full house makes room by closing whoever waits longest for
its head. So `/health` and `/metrics` are answered while others hold hundreds of half-sent requests.
"""

from __future__ import annotations

import asyncio
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_WITHIN_S = 10.0
CONNECTIONS_MOST = 256


class Connection(H11Protocol):
    """uvicorn's own protocol with an eye on the clock."""

    head_within_s = HEAD_WITHIN_S
    connections_most = CONNECTIONS_MOST
    waits_since_s: float | None = None  # for a whole head; None: it has one
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Room is made at once, the clock starts."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self.connections_most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is watched any more."""
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A whole head stops the clock."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """The next request has its own time, which begins with its first byte: until then the
        shorter one for idle connections holds."""
        super().on_response_complete()
        self._stop_watching()
        if self.conn.their_state is h11.IDLE:
            self.waits_since_s = self.loop.time()

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._timer is None and not self.transport.is_closing():
            self.waits_since_s = self.loop.time()
            self._timer = self.loop.call_later(self.head_within_s, self.transport.close)

    def _stop_watching(self) -> None:
        self.waits_since_s = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_room(self) -> None:
        others = [cast(Connection, c) for c in self.connections if c is not self]
        waiting = [c for c in others if c.waits_since_s is not None]
        longest = min(waiting, key=lambda c: c.waits_since_s or 0.0, default=self)
        self.connections.discard(longest)
        longest.transport.close()
