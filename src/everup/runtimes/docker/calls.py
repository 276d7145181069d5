"""Which deaths and starts are ours, and what the engine still does for a call that was left.

Flows in: the beginning and end of our own calls. Flows out: whether an event is ours, and the call
that is still under way for a container. The engine goes on with a call whose caller has gone: it is
kept here, so that nobody puts a second one on top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from everup.loop.ports import Clock
from everup.model.runtime import EventKind

LATE_S = 2.0
"""How long after the end of a call its events may still come in."""

CLAIMS_MOST = 1000


@dataclass(slots=True)
class Claim:
    """The events that one call will cause: each kind once."""

    container: str
    kinds: set[EventKind]
    may_end: bool = False
    ended_s: float | None = None


@dataclass(slots=True)
class Calls:
    """The calls of one runtime."""

    clock: Clock
    _claims: list[Claim] = field(default_factory=list)
    _under_way: dict[str, asyncio.Task[Any]] = field(default_factory=dict)

    @contextmanager
    def claims(self, container: str, *kinds: EventKind) -> Iterator[None]:
        """These events of this container are ours, once each, until a little after the end."""
        claim = Claim(container, set(kinds), may_end=EventKind.DIED in kinds)
        self._claims.append(claim)
        del self._claims[:-CLAIMS_MOST]
        try:
            yield
        finally:
            claim.ended_s = self.clock.now()

    def is_ours(self, container: str, kind: EventKind) -> bool:
        """Takes the claim, if there is one."""
        now_s = self.clock.now()
        self._claims = [c for c in self._claims if c.ended_s is None or now_s - c.ended_s <= LATE_S]
        for claim in self._claims:
            if claim.container == container and kind in claim.kinds:
                claim.kinds.discard(kind)
                return True
        return False

    def is_acting(self, container: str) -> bool:
        """Is a call of ours that ends it under way, or just over?"""
        now_s = self.clock.now()
        return any(
            claim.container == container
            and claim.may_end
            and (claim.ended_s is None or now_s - claim.ended_s <= LATE_S)
            for claim in self._claims
        )

    def under_way(self, container: str) -> asyncio.Task[Any] | None:
        """The engine's own work on it that nobody may be waiting for."""
        task = self._under_way.get(container)
        if task is not None and task.done():
            del self._under_way[container]
            return None
        return task

    async def to_its_end(
        self, container: str, work: Coroutine[Any, Any, Any], *kinds: EventKind
    ) -> Any:
        """Do it, and let it go on when the one who waits is cancelled."""

        async def claimed() -> Any:
            with self.claims(container, *kinds):
                return await work

        task = asyncio.ensure_future(claimed())
        self._under_way[container] = task
        task.add_done_callback(_heard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Nobody waits any more."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._under_way.clear()


def _heard(task: asyncio.Task[Any]) -> None:
    """An error that nobody waits for any more is no news: the next listing shows the truth."""
    if not task.cancelled():
        task.exception()
