"""A response without an end: sent piece by piece, until the feed closes or the listener is gone.

A listener that takes too long for one piece is disconnected and counted; it may resume where it
left off. Called by `routes.events`.
"""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from everup.api.engine import JournalView
from everup.api.feed import Feed
from everup.api.problems import problem

MEDIA_TYPE = "text/event-stream"
ASK_AGAIN_S = 5.0


class EventStream(Response):
    """The feed from one sequence on, for one listener. `end`: where the journal ends now."""

    media_type = MEDIA_TYPE

    def __init__(self, feed: Feed, journal: JournalView, after: int, end: int) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed, self._journal = feed, journal
        self._after, self._end = after, end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or say that all seats are taken."""
        if self._feed.is_full:
            await self._refusal(scope["path"])(scope, receive, send)
            return
        with self._feed.seat(self._journal, self._end):
            sending = asyncio.create_task(self._send_all(send))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sending.cancel()
                leaving.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)
            if not sending.cancelled() and (error := sending.exception()) is not None:
                raise error

    async def _send_all(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        try:
            async for piece in self._feed.events(self._journal, self._after):
                async with asyncio.timeout(self._feed.bounds.send_most_s):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(0)  # so that it is noticed when the listener has gone
            async with asyncio.timeout(self._feed.bounds.send_most_s):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            # An answer that is left unfinished is cut off by the server.
            self._feed.traffic.listeners_dropped += 1

    def _refusal(self, path: str) -> Response:
        detail = f"{self._feed.bounds.listeners} listeners follow the events already"
        if self._feed.is_closed:
            detail = "Everup is stopping"
        return problem(
            503,
            "busy",
            detail,
            instance=path,
            fix="end one of them, or read /incidents and /actions",
            retry_after_s=ASK_AGAIN_S,
        )


async def _left(receive: Receive) -> None:
    """Returns when the listener has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
