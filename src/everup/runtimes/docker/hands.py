"""Starting and ending single containers: the engine's calls with their waits and their truths.

Flows in: a container and how long it may take. Flows out: it runs or it does not, as the engine
says afterwards. A restart is one call of the engine: what is stopped by a call of its own is not
started by its restart policy, so that dying in between would leave it down (docs/safety.md).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from everup.loop.ports import Clock
from everup.model.errors import GiveUp, NotWanted, StillEnds, TryAgain
from everup.model.kinds import InstanceState
from everup.model.runtime import EventKind
from everup.runtimes.docker.asked import signal_name
from everup.runtimes.docker.calls import KILL, Calls
from everup.runtimes.docker.containers import Container, parse
from everup.runtimes.docker.engine import CALL_DEADLINE_S, Engine, Gone

KILL_WAIT_S = 10.0
"""How long a killed process may take to be gone before the kernel is at fault."""

LEFT_WAIT_S = 5.0
"""How long a call waits for what the engine still does for an earlier one."""

POLL_S = 0.05
KILLED = 137  # SIGKILL, as the engine says it

Meanwhile = Callable[[str], bool]
"""Container → did somebody else ask it to end since what is done now was begun?"""


def nobody(_container: str) -> bool:
    """Where nobody can be asked."""
    return False


class Hands:
    """Acts on one container at a time; the caller holds the service's turn."""

    def __init__(self, engine: Engine, clock: Clock, calls: Calls) -> None:
        self._engine, self._clock, self._calls = engine, clock, calls

    async def look(self, container: str) -> Container:
        """It as it is now. Raises Gone."""
        return parse(await self._engine.get(f"containers/{container}/json"))

    async def start(self, container: Container) -> None:
        """Start it if it does not run."""
        await self._free(container)
        if (await self.look(container.id)).is_running:
            return
        with self._calls.claims(container.id, EventKind.STARTED):
            await self._post(container, "start")

    async def stop(self, container: Container, grace_s: float, *, may_kill: bool) -> str:
        """End it; a sentence if it had to be killed.

        Raises:
            GiveUp: it may not be killed and still runs.
        """
        await self._free(container)
        now = await self.look(container.id)
        if not now.is_running and now.state is not InstanceState.RESTARTING:
            return ""
        if not may_kill:
            await self._ask_to_end(container, grace_s)
            return ""
        await self._to_its_end(container, "stop", grace_s, EventKind.DIED, *_thawed(now))
        return await self._told(container, grace_s)

    async def restart(
        self,
        container: Container,
        grace_s: float,
        *,
        may_kill: bool,
        meanwhile: Meanwhile = nobody,
    ) -> str:
        """End it and start it; what is dead is started.

        Raises:
            NotWanted: somebody else stopped it, or is about to, since this was begun.
            StillEnds: it may not be killed and still runs.
        """
        await self._free(container)
        now = await self.look(container.id)
        self._is_wanted(container, meanwhile)
        if not now.is_running:
            await self.start(container)
            return ""
        if not may_kill:
            await self._ask_to_end(container, grace_s)
            self._is_wanted(container, meanwhile)
            await self.start(container)
            return ""
        began_s = self._clock.now()
        kinds = (EventKind.DIED, EventKind.STARTED, *_thawed(now))
        await self._to_its_end(container, "restart", grace_s, *kinds)
        took_s = self._clock.now() - began_s
        if 0 < grace_s <= took_s:
            return f"{container.name} did not end within {grace_s:g} s and was killed"
        return ""

    async def begin_anew(self, container: Container, grace_s: float) -> None:
        """One restart call, whatever it does: also for one that the engine is about to start, which
        knows of no start that is not its own."""
        await self._free(container)
        await self._to_its_end(container, "restart", grace_s, EventKind.DIED, EventKind.STARTED)

    async def kill(self, container: Container) -> None:
        """SIGKILL, also against what the engine still does for a call that was left."""
        left = self._calls.under_way(container.id)
        await self._kill_once(container)
        if left is not None:
            await asyncio.wait({left}, timeout=KILL_WAIT_S)
            await self._kill_once(container)

    async def freeze(self, container: Container) -> None:
        """All of its processes stand still, with everything that they hold."""
        if (await self.look(container.id)).state is InstanceState.RUNNING:
            with self._calls.claims(container.id, EventKind.PAUSED):
                await self._post(container, "pause")

    async def remove(self, container: str) -> None:
        """Remove a container that does not run. Never its volumes."""
        try:
            await self._engine.call(
                "DELETE", f"containers/{container}", params={"v": False, "force": False}
            )
        except Gone:
            return

    def _is_wanted(self, container: Container, meanwhile: Meanwhile) -> None:
        if meanwhile(container.id):
            raise NotWanted(f"{container.name}: somebody stops it meanwhile, so it is left to them")

    async def _kill_once(self, container: Container) -> None:
        now = await self.look(container.id)
        if not now.is_running:
            return
        with self._calls.claims(container.id, EventKind.DIED, *_thawed(now), signal=KILL):
            try:
                await self._post(container, "kill", {"signal": KILL})
            except GiveUp:
                if (await self.look(container.id)).is_running:
                    raise
            await self._until_ended(container, KILL_WAIT_S)

    async def _ask_to_end(self, container: Container, grace_s: float) -> None:
        name = signal_name(container.signal_of_end)
        with self._calls.claims(container.id, EventKind.DIED, signal=name):
            try:
                await self._post(container, "kill", {"signal": container.signal_of_end})
            except GiveUp:
                if (await self.look(container.id)).is_running:
                    raise
            if not await self._has_ended(container, grace_s):
                raise StillEnds(
                    f"{container.name} still runs {grace_s:g} s after {container.signal_of_end}, "
                    "and may not be killed",
                    container.name,
                )

    async def _until_ended(self, container: Container, wait_s: float) -> None:
        if not await self._has_ended(container, wait_s):
            raise TryAgain(f"{container.name} is killed and still there after {wait_s:g} s")

    async def _has_ended(self, container: Container, wait_s: float) -> bool:
        deadline_s = self._clock.now() + wait_s
        while True:
            now = await self.look(container.id)
            if now.identity != container.identity or not now.is_running:
                return True
            if self._clock.now() >= deadline_s:
                return False
            await self._clock.sleep(POLL_S)

    async def _told(self, container: Container, grace_s: float) -> str:
        ended = await self.look(container.id)
        if ended.is_running or ended.exit_code != KILLED or ended.is_out_of_memory:
            return ""
        return f"{container.name} did not end within {grace_s:g} s and was killed"

    async def _to_its_end(
        self, container: Container, verb: str, grace_s: float, *kinds: EventKind
    ) -> None:
        work = self._engine.call(
            "POST",
            f"containers/{container.id}/{verb}",
            params={"t": math.ceil(grace_s)},
            deadline_s=math.ceil(grace_s) + KILL_WAIT_S + CALL_DEADLINE_S,
        )
        name = signal_name(container.signal_of_end)
        await self._calls.to_its_end(container.id, work, *kinds, signal=name)

    async def _post(
        self, container: Container, verb: str, params: dict[str, str] | None = None
    ) -> None:
        await self._engine.call("POST", f"containers/{container.id}/{verb}", params=params)

    async def _free(self, container: Container) -> None:
        """Wait a little for what the engine still does on it; never a second call on top."""
        left = self._calls.under_way(container.id)
        if left is None:
            return
        await asyncio.wait({left}, timeout=LEFT_WAIT_S)
        if self._calls.under_way(container.id) is not None:
            raise TryAgain(
                f"the engine still works on an earlier call for {container.name}", LEFT_WAIT_S
            )


def _thawed(container: Container) -> tuple[EventKind, ...]:
    """What the engine says beside when it ends a paused one: that it lets it go on for that."""
    return (EventKind.CHANGED,) if container.state is InstanceState.PAUSED else ()
