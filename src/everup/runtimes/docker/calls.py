"""Which deaths and starts are ours, and what the engine still does for a call that was left.

Flows in: the beginning and end of our own calls. Flows out: whether an event is ours, and the call
that is still under way for a container. The engine goes on with a call whose caller has gone: it is
kept here, so that nobody puts a second one on top. Signals are counted: what comes beyond the one
that a call of ours sends is somebody else's, also while our call is under way.
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

ENDS_LATE_S = 30.0
"""The same for its signal: taken for somebody else's it would be a wish, and nothing be healed."""

CLAIMS_MOST = 1000
KILL = "SIGKILL"


@dataclass(slots=True)
class Claim:
    """The events that one call will cause: each kind once, its signal once. `is_stop`: the engine
    ends it, with a kill after the grace, and says so with a `stop` that was not heard yet."""

    container: str
    kinds: set[EventKind]
    signal: str = ""
    is_stop: bool = False
    ended_s: float | None = None


@dataclass(slots=True)
class Calls:
    """The calls of one runtime."""

    clock: Clock
    _claims: list[Claim] = field(default_factory=list)
    _under_way: dict[str, asyncio.Task[Any]] = field(default_factory=dict)

    @contextmanager
    def claims(
        self, container: str, *kinds: EventKind, signal: str = "", is_stop: bool = False
    ) -> Iterator[None]:
        """These events of this container are ours, once each, until a little after the end."""
        claim = Claim(container, set(kinds), signal, is_stop)
        self._claims.append(claim)
        del self._claims[:-CLAIMS_MOST]
        try:
            yield
        finally:
            claim.ended_s = self.clock.now()

    def is_ours(self, container: str, kind: EventKind) -> bool:
        """Takes the claim, if there is one."""
        for claim in self._of(container, LATE_S):
            if kind in claim.kinds:
                claim.kinds.discard(kind)
                return True
        return False

    def sent(self, container: str, signal: str) -> bool:
        """Is this signal ours? Takes it, if it is."""
        for claim in self._of(container, ENDS_LATE_S):
            if signal == claim.signal:
                claim.signal = ""
                return True
            if claim.is_stop and signal == KILL:
                return True
        return False

    def stopped(self, container: str) -> bool:
        """Is this `stop` of the engine ours? Takes it, if it is."""
        for claim in self._of(container, ENDS_LATE_S):
            if claim.is_stop:
                claim.is_stop = False
                return True
        return False

    def _of(self, container: str, late_s: float) -> list[Claim]:
        """Claims on it of calls that go on, or ended no longer ago than this, oldest first."""
        now_s = self.clock.now()

        def is_open(claim: Claim, late_s: float) -> bool:
            return claim.ended_s is None or now_s - claim.ended_s <= late_s

        self._claims = [c for c in self._claims if is_open(c, ENDS_LATE_S)]
        return [c for c in self._claims if c.container == container and is_open(c, late_s)]

    def under_way(self, container: str) -> asyncio.Task[Any] | None:
        """The engine's own work on it that nobody may be waiting for."""
        task = self._under_way.get(container)
        if task is not None and task.done():
            del self._under_way[container]
            return None
        return task

    async def to_its_end(
        self, container: str, work: Coroutine[Any, Any, Any], *kinds: EventKind, signal: str = ""
    ) -> Any:
        """Do it, and let it go on when the one who waits is cancelled. `signal`: with which one
        the engine ends it."""

        async def claimed() -> Any:
            with self.claims(container, *kinds, signal=signal, is_stop=signal != ""):
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
