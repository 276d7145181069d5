"""The HTTP server of a service: connections in, one answer per request, an end in bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from everup.demo.stack.wire import http
from everup.demo.stack.wire.http import BadRequest, Request

BACKLOG = 128
IDLE_MAX_S = 60.0

Answer = Callable[[Request], Awaitable[tuple[int, Any]]]


class Server:
    """Serves ``answer``, which does not raise."""

    def __init__(self, answer: Answer, after: Callable[[], None]) -> None:
        self._answer = answer
        self._after = after
        """Called when an answer is on its way: the place for what must not precede it."""
        self._idle: set[asyncio.StreamWriter] = set()
        self._busy = 0
        self._closing = False
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        self._server = await asyncio.start_server(
            self._serve, host, port, backlog=BACKLOG, reuse_address=True
        )

    async def stop(self, grace_s: float) -> None:
        """Takes no more; lets running requests end within the grace."""
        self._closing = True
        if self._server:
            self._server.close()
        for writer in self._idle:
            writer.close()
        ends = time.monotonic() + grace_s
        while self._busy and time.monotonic() < ends:
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self._closing and await self._serve_one(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass  # hung up, idle too long, a line over the limit, or the end of the process
        finally:
            self._idle.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; true if the connection may carry another."""
        self._idle.add(writer)
        try:
            async with asyncio.timeout(IDLE_MAX_S):
                request = await http.read_request(reader)
        except BadRequest as error:
            writer.write(http.render(400, {"error": str(error)}))
            return False
        if request is None:
            return False
        self._idle.discard(writer)
        self._busy += 1
        try:
            status, payload = await self._answer(request)
            keep = request.keeps_alive and not self._closing
            writer.write(http.render(status, payload, keep_alive=keep))
            await writer.drain()
        finally:
            self._busy -= 1
        self._after()
        return keep
