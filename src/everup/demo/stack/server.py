"""The HTTP server of a service: connections in, one answer per request, an end in bounded time."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any

from everup.demo.stack.knobs import Knobs
from everup.demo.stack.wire import http
from everup.demo.stack.wire.http import BadRequest, Request

BACKLOG = 128
SLOW_BACKLOG = 32
"""Of who is told to let them in slowly."""
IDLE_MAX_S = 60.0

Answer = Callable[[Request], Awaitable[tuple[int, Any]]]


class Server:
    """Serves ``answer``, which does not raise."""

    def __init__(
        self, answer: Answer, after: Callable[[], None], knobs: Knobs | None = None
    ) -> None:
        self._answer = answer
        self._after = after
        self._knobs = knobs or Knobs()
        """Called when an answer is on its way: the place for what must not precede it."""
        self._idle: set[asyncio.StreamWriter] = set()
        self._busy = 0
        self._closing = False
        self._open = 0
        self._server: asyncio.Server | None = None
        self._door: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        if self._knobs.accept_ms > 0.0:
            self._door = asyncio.create_task(self._let_in_slowly(host, port))
            return
        self._server = await asyncio.start_server(
            self._serve, host, port, backlog=BACKLOG, reuse_address=True
        )

    async def _let_in_slowly(self, host: str, port: int) -> None:
        """One at a time, with a pause after each: whoever else comes waits before the door."""
        loop = asyncio.get_running_loop()
        with socket.create_server((host, port), backlog=SLOW_BACKLOG) as door:
            door.setblocking(False)
            serving: set[asyncio.Task[None]] = set()
            while True:
                one, _ = await loop.sock_accept(door)
                task = asyncio.create_task(self._serve(*await asyncio.open_connection(sock=one)))
                serving.add(task)
                task.add_done_callback(serving.discard)
                await asyncio.sleep(self._knobs.accept_ms / 1000)

    async def stop(self, grace_s: float) -> None:
        """Takes no more; lets running requests end within the grace."""
        self._closing = True
        if self._server:
            self._server.close()
        if self._door:
            self._door.cancel()
        for writer in self._idle:
            writer.close()
        ends = time.monotonic() + grace_s
        while self._busy and time.monotonic() < ends:
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if 0 < self._knobs.connections_most < self._open:
                return
            while not self._closing and await self._serve_one(reader, writer):
                pass
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass  # hung up, idle too long, a line over the limit, or the end of the process
        finally:
            self._open -= 1
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
