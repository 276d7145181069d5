"""`VirtualClock`, `CountedIds` and `SeededRandom`: the loop's small doors, on a virtual loop.

Flows in: a VirtualLoop. Flows out: implementations of `loop.ports` Clock, Ids and Random. The clock
shows seconds since the epoch; `suspend` makes it jump as after a laptop's sleep: nobody ran.
"""

from __future__ import annotations

import asyncio
from random import Random

from everup.simulation.virtual_loop import VirtualLoop

EPOCH_S = 1_750_000_000.0
"""When simulated time begins; any fixed moment would do."""


class VirtualClock:
    """`now` = start + time on the loop + what was slept through."""

    def __init__(self, loop: VirtualLoop, start_s: float = EPOCH_S) -> None:
        self._loop = loop
        self._start_s = start_s

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._start_s + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        """Let that much virtual time pass."""
        future = self._loop.create_future()
        handle = self._loop.call_at(self._loop.time() + seconds, _wake, future)
        try:
            await future
        finally:
            handle.cancel()

    def suspend(self, for_s: float) -> None:
        """The whole machine sleeps: the clock moves on, no timer does."""
        self._start_s += for_s


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class CountedIds:
    """`act-0001-0007`: the life that made it, then a count, so that no two lives collide."""

    def __init__(self, life: int) -> None:
        self._life = life
        self._count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._count += 1
        return f"{prefix}-{self._life:04d}-{self._count:04d}"


class SeededRandom:
    """Jitter from a seed."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def uniform(self, low: float, high: float) -> float:
        """A float in [low, high]."""
        return self._random.uniform(low, high)
