"""What a rollback would change, read beside the looks for whoever is asked about it.

Flows in: proposals that wait for a person's word. Flows out: lines to show, once they are there;
the question is asked with them. It reads what was kept and what runs, so it is no part of a look,
which never waits; where it cannot be read the question says so, and is asked all the same.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from everup.model.decision import Proposal
from everup.model.kinds import ActionKind

if TYPE_CHECKING:
    from everup.loop.control import Control

KNOWN_MOST = 64
CHARS_MOST = 300
LINES_MOST = 60
AGAIN_S = 60.0
"""After a try that failed."""


class ShownToPeople:
    """Of one stack."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._unread_s: dict[str, float] = {}

    def of(self, control: Control) -> Callable[[Proposal], tuple[str, ...] | None]:
        """Lines by proposal; None while they are being read."""

        def shown(proposal: Proposal) -> tuple[str, ...] | None:
            if proposal.kind is not ActionKind.EMERGENCY_ROLLBACK:
                return ()
            unread_s = self._unread_s.get(proposal.key)
            if unread_s is not None and control.clock.now() - unread_s >= AGAIN_S:
                del self._unread_s[proposal.key]
                self._known.pop(proposal.key, None)
            if proposal.key in self._known:
                return self._known[proposal.key]
            if proposal.key not in self._tasks:
                task = asyncio.create_task(self._read(control, proposal), name="what differs")
                self._tasks[proposal.key] = task
            return None

        return shown

    async def close(self) -> None:
        """End; the next life reads anew."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _read(self, control: Control, proposal: Proposal) -> None:
        try:
            lines = await control.safe_points.differs(control, proposal.steps[0])
        except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
            lines = [f"what would differ cannot be shown: {str(error) or type(error).__name__}"]
            self._unread_s[proposal.key] = control.clock.now()
        self._known[proposal.key] = tuple(line[:CHARS_MOST] for line in lines[:LINES_MOST])
        while len(self._known) > KNOWN_MOST:
            oldest, _ = self._known.popitem(last=False)
            self._unread_s.pop(oldest, None)
        self._tasks.pop(proposal.key, None)
        control.wake("what differs is known")
