"""A deadline that knows whether it was we who were late.

When the event loop was blocked while an answer lay ready, the timer fires first and a healthy
service looks dead. So the waiting is cut into slices, and each slice that ends late tells how long
nobody could have listened. After too much of that it is waited on, until one slice was listened to:
whatever had come by then was heard in it, so that silence is silence again. Otherwise nothing would
ever be proven on a machine short of CPU. Used by probes and canaries.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

SLICES = 4
LATE_RATIO = 0.25
"""A timeout during which we were deaf for more than this share of it proves nothing."""
MORE_SLICES = 4
HEARD_RATIO = 0.5
"""A slice that ended late by no more of its length was listened to."""
TURNS = 8
"""Of the loop, before silence is believed: what lies ready takes some to become an answer."""
CLEAN_UP_MOST_S = 1.0

T = TypeVar("T")


class DeadlinePassed(Exception):
    """No answer in time. `proves_nothing` when we ourselves could not have heard it."""

    def __init__(self, timeout_s: float, late_s: float) -> None:
        super().__init__(f"no answer within {timeout_s:g} s")
        self.timeout_s = timeout_s
        self.late_s = late_s

    @property
    def proves_nothing(self) -> bool:
        """Were we deaf for too much of the time?"""
        return self.late_s > LATE_RATIO * self.timeout_s


async def within(timeout_s: float, question: Coroutine[Any, Any, T]) -> T:
    """The result of `question`, which is cancelled when it takes longer than `timeout_s`.

    Raises:
        DeadlinePassed: it took longer.
        Exception: whatever the question raises.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(question)
    late_s, slice_s = 0.0, timeout_s / SLICES
    try:
        for number in range(1, SLICES + MORE_SLICES + 1):
            started_s = loop.time()
            await asyncio.wait({task}, timeout=slice_s)
            if task.done():
                return task.result()
            late_now_s = max(0.0, loop.time() - started_s - slice_s)
            late_s += late_now_s
            if number > SLICES and late_now_s <= HEARD_RATIO * slice_s:
                late_s = 0.0
            if number >= SLICES and not DeadlinePassed(timeout_s, late_s).proves_nothing:
                break
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if task.done():
            return task.result()
        raise DeadlinePassed(timeout_s, late_s)
    finally:
        if not task.done():
            task.cancel()
            # A question that hangs in its own clean-up is left behind rather than waited for.
            await asyncio.wait({task}, timeout=CLEAN_UP_MOST_S)
        if task.done() and not task.cancelled():
            task.exception()
