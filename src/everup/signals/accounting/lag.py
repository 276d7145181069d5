"""How late our own event loop is. Flows out: seconds; called by `signals.host` once a look.

A timer that ends late tells how long nobody in this process could have heard anything. It rings
twice a second, which costs some ten microseconds each time.
"""

from __future__ import annotations

import asyncio

from everup.model.kinds import UNKNOWN

INTERVAL_S = 0.5


class LoopLag:
    """Begins to measure with the first `worst_s`; ends with `close`."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self._worst_s = 0.0

    def worst_s(self) -> float:
        """The greatest lateness since the previous call, in seconds; NaN on the first one."""
        if self._timer is None:
            self._arm()
            return UNKNOWN
        # A block that still lasts, or has only just ended, is not rung in yet.
        overdue_s = asyncio.get_running_loop().time() - self._due_s
        worst_s = max(self._worst_s, overdue_s, 0.0)
        self._worst_s = 0.0
        return worst_s

    def close(self) -> None:
        """No more ringing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._due_s = loop.time() + INTERVAL_S
        self._timer = loop.call_at(self._due_s, self._ring)

    def _ring(self) -> None:
        late_s = asyncio.get_running_loop().time() - self._due_s
        self._worst_s = max(self._worst_s, late_s)
        self._arm()
