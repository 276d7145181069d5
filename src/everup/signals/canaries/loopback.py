"""The loopback-http canary: a page of our own, asked for the way that probes ask.

It fails when we have no file descriptors or ports left, when loopback is down, or when our event
loop is too busy to answer itself, which are just the times at which every HTTP probe fails too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count

from everup.signals import trouble
from everup.signals.deadline import DeadlinePassed, within
from everup.signals.probes.http import HttpAsker

HOST = "127.0.0.1"
REQUEST_MOST_BYTES = 2048
VISITORS_MOST = 8
VISIT_MOST_S = 2.0
OK = 200


class LoopbackCanary:
    """Its server starts with the first song, on a free port of the loopback address."""

    name = "loopback-http"

    def __init__(self, pages: HttpAsker | None = None) -> None:
        self._pages = pages or HttpAsker()
        self._server: asyncio.Server | None = None
        self._songs = count(1)
        self._visitors = 0

    async def sing(self, timeout_s: float) -> str:
        """Empty when our own page came back with this question's own word on it."""
        try:
            return await within(timeout_s, self._ask())
        except DeadlinePassed as passed:
            held_up = f", our event loop was held up for {passed.late_s:.2f} s"
            return f"{passed}{held_up if passed.proves_nothing else ''}"
        except Exception as error:  # noqa: BLE001 - whatever keeps us from our own page is a failure
            return trouble.judge(error)[1]

    async def close(self) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.close()
            with suppress(TimeoutError):
                async with asyncio.timeout(VISIT_MOST_S):
                    await self._server.wait_closed()
            self._server = None
        await self._pages.close()

    async def _ask(self) -> str:
        if self._server is None:
            self._server = await asyncio.start_server(
                self._visit, HOST, 0, backlog=VISITORS_MOST, limit=REQUEST_MOST_BYTES
            )
        port = self._server.sockets[0].getsockname()[1]
        word = f"song-{next(self._songs)}"
        page = await self._pages.fetch(f"http://{HOST}:{port}/{word}")
        if page.status != OK or page.body.decode("ascii", "replace") != word:
            return f"our own page answered {page.status} and not what was asked"
        return ""

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request with the word in its path; anybody on this host may come."""
        self._visitors += 1
        try:
            if self._visitors <= VISITORS_MOST:
                async with asyncio.timeout(VISIT_MOST_S):
                    await _echo(reader, writer)
        except (TimeoutError, OSError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            pass
        finally:
            self._visitors -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    path = head.split(b" ", 2)[1] if head.count(b" ") > 1 else b"/"
    word = path.removeprefix(b"/")
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(word), word)
    )
    await writer.drain()
