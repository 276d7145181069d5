"""Actions that are under way: one task for each service, what was kept while it ran, how it ended.

Flows in: intents that stand in the journal. Flows out: Finished entries for the next look, which
the end of each action calls for. Called by `control`; the world is touched in `perform` alone.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from everup.loop.aside import KeepAside
from everup.loop.perform import perform
from everup.model.entries import Finished, Intended

if TYPE_CHECKING:
    from everup.loop.control import Control

EVIDENCE_KEPT = 100


class UnderWay:
    """The hands of one stack's loop."""

    def __init__(self, aside: KeepAside) -> None:
        self.aside = aside
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._finished: list[Finished] = []
        self._during: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def has(self, service: str) -> bool:
        """Is something being done to it, by this process?"""
        return service in self._tasks

    def begin(self, control: Control, intent: Intended) -> None:
        """Its end calls for a look."""
        task = asyncio.create_task(self._perform(control, intent))
        self._tasks[intent.step.target] = task

    async def _perform(self, control: Control, intent: Intended) -> None:
        spec, now_s = control.stack.services[intent.step.target], control.clock.now()
        answers = control.samplers.answers.lines(spec.name, now_s)
        unrecorded = await control.snapshots.before(intent)
        finished = await perform(
            control.runtime,
            control.clock,
            control.settings,
            spec,
            intent,
            answers,
            self.aside,
            control.safe_points.get,
            control.traffic,
            partial(control.mitigations.carry_out, control),
        )
        if unrecorded:
            finished = replace(finished, during=(*finished.during, unrecorded))
        self._during[intent.action_id] = finished.during
        while len(self._during) > EVIDENCE_KEPT:
            self._during.popitem(last=False)
        try:
            await control.samplers.list_once()
        except Exception as error:  # noqa: BLE001 - the action has ended all the same
            now_s = control.clock.now()
            control.mishaps.happened("listing", error, now_s, stops_acting=True, can_end=False)
        self._finished.append(finished)
        self._tasks.pop(intent.step.target, None)
        control.wake("action ended")

    def take_finished(self) -> list[Finished]:
        """Ended actions since the last look."""
        found, self._finished = self._finished, []
        return found

    def during(self, action_id: str) -> tuple[str, ...]:
        """What was kept while the action ran; empty after a restart of ours."""
        return self._during.get(action_id, ())

    def cancel(self) -> list[asyncio.Task[None]]:
        """All of them, to be waited for; the next start settles what they leave."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks
