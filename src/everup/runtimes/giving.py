"""Giving back what is held: each part is tried, whatever becomes of the others.

Flows in: parts that give something back, each with sentences on what it did. Flows out: all of the
sentences, or `StillHeld` with what failed. Called by runtimes that hold things.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from everup.model.errors import EverupError, StillHeld


class Giving:
    """What was given back of one service (`said`), and what was not."""

    def __init__(self, service: str) -> None:
        self.said: list[str] = []
        self._service = service
        self._failed: list[str] = []

    @contextmanager
    def trying(self) -> Iterator[None]:
        """What fails in here is kept, and the next part has its turn."""
        try:
            yield
        except StillHeld as error:
            self._failed.append(str(error))
        except EverupError as error:
            self._failed.append(f"{self._service}: {error}")

    def result(self) -> Sequence[str]:
        """What was given back.

        Raises:
            StillHeld: that was not all.
        """
        if self._failed:
            raise StillHeld("; ".join((*self.said, *self._failed)))
        return self.said


async def every_room(
    service: str, *rooms: Callable[[str], Coroutine[Any, Any, Sequence[str]]]
) -> Sequence[str]:
    """Of one service, one room after the other.

    Raises:
        StillHeld: some failed.
    """
    giving = Giving(service)
    for room in rooms:
        with giving.trying():
            giving.said += await room(service)
    return giving.result()


async def give_back(services: Mapping[str, Coroutine[Any, Any, Sequence[str]]]) -> Sequence[str]:
    """Of all of them, side by side, so that none waits for one that hangs.

    Raises:
        StillHeld: some failed.
    """
    results = await asyncio.gather(*services.values(), return_exceptions=True)
    given: dict[str, tuple[str, ...]] = {}
    failed: list[str] = []
    for service, result in zip(services, results, strict=True):
        if isinstance(result, StillHeld):
            failed.append(str(result))
        elif isinstance(result, EverupError):
            failed.append(f"{service}: {result}")
        elif isinstance(result, BaseException):
            raise result
        elif result:
            given[service] = tuple(result)
    if failed:
        raise StillHeld("; ".join(failed), given)
    return [line for lines in given.values() for line in lines]
