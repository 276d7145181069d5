"""Notices between two listings what calls for one: who stands still, whose own check said no.

Flows in: the kernel's letters of the main processes, once a second, and how checks ended, as the
engine tells it. Flows out: containers to look at. Nothing is decided here; a listing would see it
too, seconds later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from everup.loop.ports import Clock
from everup.model.kinds import CANNOT_HEAR

INTERVAL_S = 1.0
SETTLES_S = 0.2
"""The engine writes an answer down a moment after it told that the check has ended."""

Letters = Callable[[], Awaitable[Mapping[str, str]]]
"""Container id → the letter of its main process, of those that can be seen."""


class Lookout:
    """Of one engine's containers."""

    def __init__(self, letters: Letters, clock: Clock, scale: float) -> None:
        self._letters, self._clock, self._interval_s = letters, clock, INTERVAL_S * scale
        self._still: frozenset[str] = frozenset()
        self._said_no: dict[str, float] = {}

    def said_no(self, container: str) -> None:
        """Its owner's check has just ended badly."""
        self._said_no.setdefault(container, self._clock.now() + SETTLES_S)

    async def next(self) -> tuple[str, ...]:
        """After a while: who is newly to be looked at."""
        await self._clock.sleep(self._interval_s)
        letters = await self._letters()
        still = frozenset(one for one, letter in letters.items() if letter in CANNOT_HEAR)
        fresh, self._still = still - self._still, still
        now_s = self._clock.now()
        due = {one for one, at_s in self._said_no.items() if at_s <= now_s}
        for one in due:
            del self._said_no[one]
        return tuple(sorted(fresh | due))
