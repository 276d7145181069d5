"""People's requests on their way to the next look, each with a promise of an answer."""

from __future__ import annotations

import asyncio

from everup.model.errors import TryAgain
from everup.model.request import Answer, Request

REQUESTS_MOST = 64


class DeskOfWishes:
    """Bounded; a request that finds it full is told to try again."""

    def __init__(self) -> None:
        self._next = 0
        self._waiting: list[tuple[int, Request]] = []
        self._promises: dict[int, asyncio.Future[Answer]] = {}

    def put(self, request: Request) -> asyncio.Future[Answer]:
        """Raises TryAgain when too many wait already."""
        if len(self._waiting) >= REQUESTS_MOST:
            raise TryAgain(f"{REQUESTS_MOST} requests wait already", retry_after_s=5.0)
        self._next += 1
        promise: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((self._next, request))
        self._promises[self._next] = promise
        return promise

    def put_own(self, request: Request) -> None:
        """A follow-up that nobody waits for: one per service, so that none needs to be refused."""
        self._waiting = [
            (ticket, known)
            for ticket, known in self._waiting
            if ticket in self._promises or known.service != request.service
        ]
        self._next += 1
        self._waiting.append((self._next, request))

    def services(self) -> frozenset[str]:
        """Services that somebody asked something for and that no look has answered yet."""
        return frozenset(request.service for _, request in self._waiting)

    def take(self) -> list[tuple[int, Request]]:
        """All that wait, in order."""
        found, self._waiting = self._waiting, []
        return found

    def answer(self, ticket: int, answer: Answer) -> None:
        """Tell whoever asked, if anybody still listens."""
        promise = self._promises.pop(ticket, None)
        if promise is not None and not promise.done():
            promise.set_result(answer)
