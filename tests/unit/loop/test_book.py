"""Several writers at once: a person's request beside a look, on a journal that takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count
from typing import cast

from everup.loop.book import Book
from everup.loop.fold import fold_all
from everup.loop.ports import Journal
from everup.model.entries import Entry, FreezeLifted, FreezeSet, PurposeSet
from everup.model.errors import JournalUnavailable
from everup.model.kinds import Purpose
from everup.model.state import StackState
from tests.unit.builders import SETTINGS


class SlowJournal:
    """Takes a few turns of the loop for each batch, and fails when it is told to."""

    def __init__(self, fails: int = 0) -> None:
        self.written: list[Entry] = []
        self.batches: set[str] = set()
        self.fails = fails

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        await asyncio.sleep(0.001)
        if self.fails:
            self.fails -= 1
            raise JournalUnavailable("locked")
        if batch_id not in self.batches:
            self.batches.add(batch_id)
            self.written.extend(entries)


class Ids:
    def __init__(self) -> None:
        self._count = count()

    def new(self, prefix: str) -> str:
        return f"{prefix}-{next(self._count)}"


def entry(number: int) -> Entry:
    kinds: tuple[Entry, ...] = (
        PurposeSet(float(number), "a", Purpose.STOPPED, "ann"),
        PurposeSet(float(number), "a", Purpose.RUN, "ann"),
        FreezeSet(float(number), "", "why", "ann"),
        FreezeLifted(float(number), "", "ann"),
    )
    return kinds[number % 4]


async def _many(journal: SlowJournal) -> Book:
    book = Book(cast(Journal, journal), SETTINGS, Ids())
    wishes = [book.write([entry(n)]) for n in range(20)]
    flushes = [book.flush() for _ in range(20)]
    await asyncio.gather(*(one for pair in zip(wishes, flushes, strict=True) for one in pair))
    await book.flush()
    return book


def test_many_writers_lose_nothing_and_keep_their_order() -> None:
    for fails in (0, 1, 7):
        journal = SlowJournal(fails)
        book = asyncio.run(_many(journal))
        assert journal.written == [entry(n) for n in range(20)]
        assert book.state == fold_all(StackState(), journal.written)
        assert book.fault == ""
