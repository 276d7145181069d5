"""Does what `schedule` says is due, beside the loop, in short steps that stop as soon as rest ends.

Flows in: completed looks. Flows out: calls of ports. Called by `Control` after each look, which
never waits for it. What fails is said in the log, and tried again when it is due again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from everup.loop.schedule import Work, due, is_rest
from everup.model.errors import EverupError

if TYPE_CHECKING:
    from everup.loop.control import Control

STEP_EVERY_S = 1.0
STEPS_MOST = 10_000
DAY_S = 86_400.0


class Upkeep:
    """At most one work at a time."""

    def __init__(self) -> None:
        self._begun_at_s: dict[Work, float] = {}
        self._task: asyncio.Task[None] | None = None

    def after_look(self, control: Control) -> None:
        """Begin what is due."""
        if self._task is not None and not self._task.done():
            return
        if not is_rest(control.state, control.cannot_act()):
            return
        now_s = control.clock.now()
        for work in due(now_s, self._begun_at_s, control.settings):
            self._begun_at_s[work] = now_s
            self._task = asyncio.create_task(_prune(control), name=str(work))

    async def close(self) -> None:
        """End; whatever step is under way is whole or nothing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _prune(control: Control) -> None:
    settings = control.settings
    before_s = control.clock.now() - settings.journal_days * DAY_S
    try:
        for _ in range(STEPS_MOST):
            is_more = await control.journal.prune(
                control.fence, before_s=before_s, bytes_most=settings.journal_total_bytes
            )
            if not is_more:
                return
            await control.clock.sleep(STEP_EVERY_S * settings.time_scale)
            if not is_rest(control.state, control.cannot_act()):
                return
    except EverupError as error:
        control.beside.rooms.log.warning("journal_not_pruned", text=str(error))
