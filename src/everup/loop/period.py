"""The entries of a period, through the Journal's door: found by halving, read in pages.

Flows in: the journal and a time. Flows out: pages of entries, oldest first, bounded. Called by the
API's report. Entries are written in the order of time but for moments; `MARGIN_S` covers those.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from everup.model.entries import Entry

PAGE = 1000
PAGES_MOST = 200
MARGIN_S = 60.0


class Entries(Protocol):
    """The part of the journal that is read."""

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]: ...


async def start_of(journal: Entries, since_s: float) -> int:
    """The sequence after which the period begins."""
    low, high = 0, 1
    while await _is_before(journal, high, since_s):
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if await _is_before(journal, middle, since_s):
            low = middle + 1
        else:
            high = middle
    return low


async def _is_before(journal: Entries, after: int, since_s: float) -> bool:
    """Is there an entry behind this sequence that is too old for the period?"""
    found = await journal.entries(after=after, limit=1)
    return bool(found) and found[0][2].at_s < since_s - MARGIN_S


async def pages(journal: Entries, since_s: float) -> AsyncIterator[list[Entry]]:
    """At most `PAGES_MOST`; what is older than the period by a moment may be among the first."""
    after = await start_of(journal, since_s)
    for _ in range(PAGES_MOST):
        rows = await journal.entries(after=after, limit=PAGE)
        if rows:
            after = rows[-1][0]
            yield [entry for _, _, entry in rows]
        if len(rows) < PAGE:
            return
