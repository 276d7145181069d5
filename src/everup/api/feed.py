"""The journal as it grows, for any number of listeners up to a bound, as server-sent events.

Flows in: the journal, and where each listener left off. Flows out: bytes of `text/event-stream`.
Nothing is kept per listener but a number: each reads its own pages, so that whoever is slow or was
away costs nothing and misses nothing. While anybody listens, one task asks the journal for news.
Called by `routes.events`; closed by `server` before it waits for answers to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from everup.api.engine import JournalView
from everup.api.limits import Traffic
from everup.api.shapes.records import EntryShape, entry_shape
from everup.model.entries import Entry
from everup.model.errors import EverupError

PAGE = 100
STILL_HERE = b": still here\n\n"
COME_BACK_MS = 2000


@dataclass(frozen=True, slots=True)
class FeedBounds:
    """`send_most_s`: a listener that does not take its bytes for this long is let go."""

    listeners: int = 16
    heartbeat_s: float = 15.0
    poll_every_s: float = 0.25
    send_most_s: float = 10.0


class Feed:
    """One per API."""

    def __init__(self, traffic: Traffic, bounds: FeedBounds) -> None:
        self.traffic = traffic
        self.bounds = bounds
        self.is_closed = False
        self._news = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Nobody more can listen."""
        return self.is_closed or self.traffic.listeners >= self.bounds.listeners

    @contextlib.contextmanager
    def seat(self, journal: JournalView, end: int) -> Iterator[None]:
        """Listening while the block runs; the first to come has the journal asked for news behind
        its present `end`, the last to go ends that."""
        self.traffic.listeners += 1
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(journal, end), name="feed")
        try:
            yield
        finally:
            self.traffic.listeners -= 1
            if self.traffic.listeners == 0 and self._asking is not None:
                self._asking.cancel()
                self._asking = None

    async def events(self, journal: JournalView, after: int) -> AsyncIterator[bytes]:
        """Every entry behind `after`, then each one as it is written, until the feed closes."""
        yield f"retry: {COME_BACK_MS}\n\n".encode()
        while not self.is_closed:
            news = self._news
            page = await _page(journal, after)
            for row in page:
                after = row[0]
                yield as_event(*row)
            if len(page) == PAGE:
                continue
            try:
                async with asyncio.timeout(self.bounds.heartbeat_s):
                    await news.wait()
            except TimeoutError:
                yield STILL_HERE

    def close(self) -> None:
        """Let every listener go; each may come back to another Everup."""
        self.is_closed = True
        self._news.set()

    async def _ask(self, journal: JournalView, after: int) -> None:
        while True:
            page = await _page(journal, after)
            if page:
                after = page[-1][0]
                news, self._news = self._news, asyncio.Event()
                news.set()
            if self.is_closed:
                self._news.set()
            if len(page) < PAGE:
                await asyncio.sleep(self.bounds.poll_every_s)


async def end_of(journal: JournalView) -> int:
    """The sequence of the last entry; 0 for an empty journal.

    Sequences have no gaps at the end, so doubling and halving finds it in a few dozen small reads.

    Raises:
        JournalUnavailable: it cannot be read now.
    """
    low, high = 0, 1
    while await journal.entries(after=high - 1, limit=1):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if await journal.entries(after=middle - 1, limit=1):
            low = middle
        else:
            high = middle
    return low


def as_event(sequence: int, digest: str, entry: Entry) -> bytes:
    """One entry on the wire; JSON has no line breaks of its own."""
    shape: EntryShape = entry_shape(sequence, digest, entry)
    data = json.dumps(shape.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))
    return f"id: {sequence}\nevent: {shape.type}\ndata: {data}\n\n".encode()


async def _page(journal: JournalView, after: int) -> list[tuple[int, str, Entry]]:
    """What there is; nothing while the journal cannot be read, since it will be asked again."""
    try:
        return list(await journal.entries(after=after, limit=PAGE))
    except EverupError:
        return []
