"""The heartbeat: calls an outside address after looks, so that somebody else notices our silence.

Flows in: `beat()` after each completed look in which Everup may act. Flows out: one HTTP call at
most every interval, in a task of its own. A call that fails or hangs is counted and blocks nothing.
"""

from __future__ import annotations

import asyncio

from everup.loop.ports import Clock
from everup.model.errors import EverupError
from everup.model.notice import HeartbeatSpec
from everup.notify.http import Caller

EARLY_S = 0.5
"""Looks do not come to the millisecond; a beat this early is no second one."""


class HttpHeartbeat:
    """One address."""

    def __init__(self, spec: HeartbeatSpec, clock: Clock, caller: Caller | None = None) -> None:
        self._spec, self._clock = spec, clock
        self._caller = caller or Caller()
        self._task: asyncio.Task[None] | None = None
        self._last_s = float("-inf")
        self._counts = {"sent": 0, "failed": 0, "skipped": 0}
        self.last_error = ""

    def beat(self) -> None:
        """Call, if it is time and the call before has ended; never waits."""
        now_s = self._clock.now()
        if now_s - self._last_s < self._spec.every_s - EARLY_S:
            return
        if self._task is not None and not self._task.done():
            self._counts["skipped"] += 1
            return
        self._last_s = now_s
        self._task = asyncio.create_task(self._call(), name="heartbeat")

    def counts(self) -> dict[str, int]:
        """sent | failed | skipped → how often since the start."""
        return dict(self._counts)

    async def close(self) -> None:
        """Stop; the silence is meant to be heard."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._caller.close()

    async def _call(self) -> None:
        spec = self._spec
        try:
            answer = await self._caller.call(spec.method, spec.url, spec.timeout_s)
        except EverupError as error:
            self.last_error = str(error)
        else:
            self.last_error = "" if 200 <= answer.status < 300 else f"answered {answer.said}"
        self._counts["failed" if self.last_error else "sent"] += 1
