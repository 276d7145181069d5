"""The engine's events as ours: one stream, many watchers, taken up again when it breaks.

Flows in: the engine's stream. Flows out: `RuntimeEvent`s, each a call to look, and for every
container that something happened to it. After a break, what happened meanwhile is asked for; the
engine remembers little, so that a watcher is told to look in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from everup.loop.ports import Clock
from everup.model.errors import EverupError
from everup.model.observation import Exit
from everup.model.runtime import EventKind, RuntimeEvent
from everup.runtimes.broadcast import Broadcast
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.checks_heard import ENDS
from everup.runtimes.docker.containers import code_of, happened_at_s
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.lookout import Lookout

AGAIN_LEAST_S, AGAIN_MOST_S = 0.2, 5.0
KINDS = {
    "start": EventKind.STARTED,
    "die": EventKind.DIED,
    "oom": EventKind.OUT_OF_MEMORY,
    "health_status": EventKind.HEALTH,
    "pause": EventKind.PAUSED,
    "unpause": EventKind.CHANGED,
    "update": EventKind.CHANGED,
    "rename": EventKind.CHANGED,
    "create": EventKind.CHANGED,
    "destroy": EventKind.CHANGED,
}

Heard = Callable[[Mapping[str, Any]], None]
Known = Callable[[str], tuple[str, str] | None]
"""Container id → its service and name, if it belongs to the stack."""


class Events:
    """Events of the containers that `known` knows. `blind` is called while nothing is heard."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        calls: Calls,
        *,
        known: Known,
        heard: Heard,
        blind: Callable[[], None],
        lookout: Lookout,
    ) -> None:
        self._engine, self._clock, self._calls = engine, clock, calls
        self._known, self._heard, self._blind = known, heard, blind
        self._broadcast = Broadcast()
        self._lookout = lookout
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._since_s = 0.0
        self._is_lost = False

    def open(self) -> None:
        """Listen from now on."""
        self._since_s = self._clock.now()
        self._tasks = (
            asyncio.create_task(self._listen(), name="docker events"),
            asyncio.create_task(self._look_out(), name="docker lookout"),
        )

    async def close(self) -> None:
        """All streams end."""
        tasks, self._tasks = self._tasks, ()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._broadcast.close()

    def watch(self) -> AsyncIterator[RuntimeEvent]:
        """Events from this call on."""
        return self._broadcast.watch()

    async def _listen(self) -> None:
        again_s = AGAIN_LEAST_S
        while True:
            try:
                async with aclosing(self._engine.events(self._since_s)) as stream:
                    async for event in stream:
                        again_s = AGAIN_LEAST_S
                        self._back()
                        self._take(event)
            except EverupError:
                pass
            self._lost()
            await self._clock.sleep(again_s)
            again_s = min(2 * again_s, AGAIN_MOST_S)

    async def _look_out(self) -> None:
        """One call for a look is enough for all that is found at once: it sees everybody."""
        while True:
            found = [known for one in await self._lookout.next() if (known := self._known(one))]
            if found:
                service, instance = found[0]
                now_s = self._clock.now()
                self._broadcast.tell(RuntimeEvent(EventKind.HEALTH, now_s, service, instance))

    def _lost(self) -> None:
        """A stream may end without the engine being lost; the listing that follows will tell."""
        self._blind()
        if not self._is_lost:
            self._is_lost = True
            self._broadcast.tell(RuntimeEvent(EventKind.ENGINE_LOST, self._clock.now()))

    def _back(self) -> None:
        if self._is_lost:
            self._is_lost = False
            self._broadcast.tell(RuntimeEvent(EventKind.ENGINE_BACK, self._clock.now()))

    def _take(self, event: Mapping[str, Any]) -> None:
        at_s = happened_at_s(event, self._clock.now())
        self._since_s = max(self._since_s, at_s + 1e-9)
        self._heard(event)
        actor = event.get("Actor")
        if not isinstance(actor, Mapping):
            return
        container = str(actor.get("ID") or "")
        found = self._known(container)
        if found is None:
            return
        action = str(event.get("Action") or "").partition(":")[0].strip()
        attributes = actor.get("Attributes")
        if action == ENDS and _ended_badly(attributes):
            self._lookout.said_no(container)
        kind = KINDS.get(action)
        if kind is None:
            return
        self._broadcast.tell(
            RuntimeEvent(
                kind,
                min(at_s, self._clock.now()),
                service=found[0],
                instance=found[1],
                exit=_exit(kind, at_s, attributes, found[1]),
                is_ours=self._calls.is_ours(container, kind),
            )
        )


def _ended_badly(attributes: object) -> bool:
    """What was run into a container: a check, or somebody's command, which costs one more look."""
    code = attributes.get("exitCode") if isinstance(attributes, Mapping) else None
    return code not in (None, "0", 0)


def _exit(kind: EventKind, at_s: float, attributes: object, instance: str) -> Exit | None:
    if kind is not EventKind.DIED or not isinstance(attributes, Mapping):
        return None
    try:
        code = code_of(int(attributes.get("exitCode", "")))
    except ValueError:
        return Exit(at_s, instance=instance)
    return Exit(at_s, code, instance=instance)
