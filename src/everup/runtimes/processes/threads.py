"""Rooms for work that blocks: one pair of hands that writes and executes, readers, hooks.

Writing and executing happen in one thread, in the order in which they were asked for: a record
never overtakes the one before. Hooks take as long as their owners let them, so they have a room of
their own, in which they cannot keep the readers from reading.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import structlog

from everup.model.errors import TryAgain

_log = structlog.get_logger(__name__)

READERS = 4
HOOKS = 8
WAIT_S = 10.0
"""How long a caller waits for a thread; the work itself goes on to its end."""

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """All rooms. Work that was begun is always finished; a cancelled caller only stops waiting."""

    def __init__(self) -> None:
        self._unwanted: set[threading.Event] = set()
        self.hands = ThreadPoolExecutor(1, thread_name_prefix="everup-processes-hands")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="everup-processes-read")
        self._hooks = ThreadPoolExecutor(HOOKS, thread_name_prefix="everup-processes-hook")

    async def write(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run in the one pair of hands. Raises TryAgain when it takes too long."""
        return await _bounded(self.hands, lambda: work(*args, **kwargs))

    async def read(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run beside other readers. Raises TryAgain when it takes too long."""
        return await _bounded(self._readers, lambda: work(*args, **kwargs))

    async def run_hook(self, work: Callable[[Callable[[], bool]], T]) -> T:
        """Run something that bounds its own time and asks now and then whether it is unwanted, as
        it is when its caller was cancelled or all is being closed."""
        unwanted = threading.Event()
        self._unwanted.add(unwanted)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._hooks, lambda: work(unwanted.is_set))
        finally:
            unwanted.set()
            self._unwanted.discard(unwanted)

    def close(self) -> None:
        """Finish what was begun; takes nothing more."""
        for unwanted in list(self._unwanted):
            unwanted.set()
        self.hands.shutdown(wait=True)
        self._hooks.shutdown(wait=True, cancel_futures=True)
        self._readers.shutdown(wait=True, cancel_futures=True)


async def _bounded(room: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    future = asyncio.get_running_loop().run_in_executor(room, work)
    future.add_done_callback(_look_at)
    done, _ = await asyncio.wait({future}, timeout=WAIT_S)
    if not done:
        raise TryAgain(f"the state folder or the process table did not answer in {WAIT_S:g} s")
    return future.result()


def _look_at(done: asyncio.Future[T]) -> None:
    """A caller that was cancelled asks for no result, and an error is not lost in silence."""
    if not done.cancelled() and isinstance(error := done.exception(), OSError):
        _log.debug("thread_failed", error=str(error))
