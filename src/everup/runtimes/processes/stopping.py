"""Ends everything that runs: dependents before what they need, what is not declared any more last.

Called when the runtime is closed with its services.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from everup.model.stack import Stack
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.house import House
from everup.runtimes.processes.roster import Life

T = TypeVar("T")


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """All to their end, then the first error, or what they returned."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


async def stop_everything(house: House) -> None:
    """Each with its own stop signal and grace. Raises like `Ending.stop`."""
    for names in _levels(house.stack):
        lives = [life for life in house.roster if life.record.service in names]
        await together(*(_stop(house, life) for life in lives))
    await together(*(_stop(house, life) for life in house.roster))


async def _stop(house: House, life: Life) -> None:
    known = life.record.configuration or Configuration()
    await house.ending.stop(life, known.stop_grace_s * house.time_scale, may_kill=True)


def _levels(stack: Stack) -> Sequence[frozenset[str]]:
    """Services in groups, each group before what it depends on; a cycle is one group."""
    left = set(stack.services)
    levels: list[frozenset[str]] = []
    while left:
        free = frozenset(name for name in left if not left.intersection(stack.dependents_of(name)))
        levels.append(free or frozenset(left))
        left -= levels[-1]
    return levels
