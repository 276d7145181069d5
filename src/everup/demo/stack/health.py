"""Is this service able to work? Asks its hard dependencies: briefly, at once, not too often.

A store gets less time than a service: whoever hangs on a store says so before those who wait for
its own answer lose patience, so a report three hops away still names the failing neighbour.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from everup.demo.stack.wire.errors import Unavailable

STORE_TIMEOUT_S = 0.2
SERVICE_TIMEOUT_S = 0.3
FRESH_S = 0.2
"""A report this young is given again: many askers cost no more than one."""

Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Report:
    """``"ok"`` or the reason, for each hard dependency."""

    dependencies: dict[str, str]

    @property
    def failing(self) -> list[str]:
        return [name for name, state in self.dependencies.items() if state != "ok"]

    @property
    def is_ok(self) -> bool:
        return not self.failing


class Health:
    """Looks when asked and the last look is old; one look at a time, shared by all who wait."""

    def __init__(
        self, checks: Mapping[str, Check], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._checks = checks
        self._clock = clock
        self._report = Report({})
        self._looked_at = float("-inf")
        self._look: asyncio.Task[Report] | None = None

    async def report(self) -> Report:
        """The state of the hard dependencies, at most ``FRESH_S`` old."""
        if self._clock() - self._looked_at <= FRESH_S:
            return self._report
        if self._look is None:
            self._look = asyncio.create_task(self._look_once())
        return await asyncio.shield(self._look)

    async def _look_once(self) -> Report:
        try:
            states = await asyncio.gather(*(_state(check) for check in self._checks.values()))
            self._report = Report(dict(zip(self._checks, states, strict=True)))
            self._looked_at = self._clock()
            return self._report
        finally:
            self._look = None


async def _state(check: Check) -> str:
    try:
        await check()
    except Unavailable as error:
        return error.why
    return "ok"
