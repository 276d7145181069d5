"""Several calls at once, and services in the order in which they may be stopped.

Called by runtimes that act on many instances.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from everup.model.stack import Stack

T = TypeVar("T")


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """All to their end, then the first error, or what they returned."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def levels(stack: Stack) -> Sequence[frozenset[str]]:
    """Services in groups, each group before what it depends on; a cycle is one group."""
    left = set(stack.services)
    found: list[frozenset[str]] = []
    while left:
        free = frozenset(name for name in left if not left.intersection(stack.dependents_of(name)))
        found.append(free or frozenset(left))
        left -= found[-1]
    return found
