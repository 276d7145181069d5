"""Bringing replacements to their end: forward once the new one has proven itself, else back.

Flows in: the notes of what was moved aside, in this life or in an earlier one. Flows out: one
container under each name, and in words what was done, what stays, and why. Called by `replace` when
it fails, every few seconds to tidy up, and for who wants all given back.

Only what we made is ever taken away. The new one is made under a name that was written down before
and that nobody else knows, and is known by its id from then on: who else bears a service's name is
somebody else's. That one stays, and ours stays aside until the name is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from everup.dependency_monitor.causes import PRESUMED_WISHES
from everup.loop.ports import Clock
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.kinds import InstanceState
from everup.runtimes.docker.asides import AWAITED, MOVED, STAYS, Aside, Asides
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import ASIDE, PROJECT, SERVICE, Container, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.store import Store
from everup.runtimes.giving import Giving

LEFT_WAIT_S = 10.0
"""How long a call waits for a replacement that nobody waits for any more."""

LATEST_BORN_S = 60.0
"""How long after its call the engine may still come up with a container."""

PROVEN_S = 30.0
"""How long the new one must have run, and be healthy if it has a check, before the old one goes."""

STARTED_BY_ENGINE = ("always", "on-failure")
"""Restart policies by which an engine that starts itself anew starts also what was stopped."""


class Settler(Asides):
    """Settles what an earlier life left half done, and removes what is not needed."""

    def __init__(
        self, engine: Engine, clock: Clock, calls: Calls, hands: Hands, store: Store, scale: float
    ) -> None:
        super().__init__(store)
        self._engine, self._clock, self._calls = engine, clock, calls
        self._hands = hands
        self._proven_s = PROVEN_S * scale

    async def settle(self, service: str | None = None) -> Sequence[str]:
        """Bring to an end what can be; what came of each. Where the new one has not proven itself
        yet, the old one stays aside: `tidy` ends that, in this life or the next."""
        said = self._told()
        for aside in self.asides():
            if service in (None, aside.service):
                said.append(await self._settle(aside))
        return said

    async def release(self, service: str) -> Sequence[str]:
        """The same of one service, after what is under way; each of its replacements is tried.

        Raises:
            StillHeld: some failed.
        """
        giving = Giving(service)
        with giving.trying():
            await self.settle_unfinished(service)
        giving.said += self._told(service)
        for aside in self.asides():
            if aside.service == service:
                with giving.trying():
                    giving.said.append(await self._settle(aside))
        return giving.result()

    async def settle_unfinished(self, service: str | None = None) -> None:
        """End what was cut short: by a crash of Everup, or by whoever waited for it leaving."""
        for aside in self.asides():
            if aside.is_started or service not in (None, aside.service):
                continue
            left = self._calls.under_way(exchange_of(aside.name))
            if left is not None:
                await asyncio.wait({left}, timeout=LEFT_WAIT_S)
            if self._calls.under_way(exchange_of(aside.name)) is not None:
                raise TryAgain(f"{aside.name} is still being replaced", LEFT_WAIT_S)
            now = self._now(aside)
            if now is None or now.is_started:
                continue
            try:
                await self._end_and_tell(now)
            except GiveUp as error:
                self._tell_later(f"{aside.service}: {error}")

    async def _end_and_tell(self, aside: Aside) -> None:
        trouble = await self._end_unfinished(aside)
        if trouble and self._now(aside) is None:  # else `settle` says it as long as it is so
            self._tell_later(f"{aside.service}: {trouble}")

    async def tidy(self) -> None:
        """Remove old ones whose replacement has proven itself, or whose time is over. What was cut
        short by something that has passed, as a full disk, is ended: nobody else may come to it."""
        for aside in self.asides():
            with suppress(EverupError):  # the others are tidied all the same
                if not aside.is_started:
                    await self._end_left(aside)
                elif await self._is_over(aside):
                    await self._finish(aside)
        await self._end_awaited()

    async def _end_left(self, aside: Aside) -> None:
        exchange = exchange_of(aside.name)
        is_at_it = self._calls.under_way(exchange) is not None
        if not (is_at_it or aside.is_back or self._now(aside) != aside):
            await self._calls.to_its_end(exchange, self._end_and_tell(aside))

    async def _end_awaited(self) -> None:
        """What came into being for a call that was given up."""
        for name, value in self._store.all(AWAITED).items():
            found = await self._named(name)
            if found is not None and not found.was_ever_started:
                await self._hands.remove(found.id)
            elif found is None and self._clock.now() < float(value.get("until_s") or 0.0):
                continue
            self._store.remove(AWAITED, name)

    async def _settle(self, aside: Aside) -> str:
        if not aside.is_started:
            trouble = await self._end_unfinished(aside)
            now = self._now(aside)
            if now is None or not now.is_started:
                back = f"the container that {aside.name} was to replace is back"
                return f"{aside.service}: {trouble or back}"
            aside = now
        new = await self._found(self._newest(aside))
        was_stopped = new is not None and _was_stopped(new)
        if aside.is_kept and new is not None and (new.is_running or was_stopped):
            said = await self._finish(aside)
        elif aside.is_kept or (new is not None and _has_failed(new)):
            said = await self._put_back(replace(aside, new=self._newest(aside)))
            said = said or f"the container that {aside.name} was to replace is back"
        elif await self._is_over(aside):
            said = await self._finish(aside)
        else:
            said = await self._waits(aside)
        gone = f"the container that {aside.name} replaced is removed"
        return f"{aside.service}: {said or gone}"

    async def _waits(self, aside: Aside) -> str:
        """Why it cannot be over yet; "" when it is, since the old one is gone."""
        old = await self._found(aside.old)
        if old is None:
            self._drop(aside)
            return ""
        return (
            f"the container that {aside.name} replaced {STAYS} as {old.name} until the new one has "
            f"proven itself; docker rm {old.name} is the end of it"
        )

    async def _end_unfinished(self, aside: Aside) -> str:
        """Forward where the new one runs, else back; what is not as before, in words."""
        new = await self._found(aside.new)
        if new is None or not new.is_running:
            return await self._put_back(aside)
        self._note_started(aside)
        return ""

    async def _is_over(self, aside: Aside) -> bool:
        if aside.is_kept:
            return self._clock.now() >= aside.until_s
        return await self._is_proven(aside)

    async def _is_proven(self, aside: Aside) -> bool:
        new = await self._found(self._newest(aside))
        if new is None and (old := await self._found(aside.old)):
            new = await self._deployed_anew(old, aside)
        if new is None or new.state is not InstanceState.RUNNING:
            return False
        if new.check is not None and new.check.status != "healthy":
            return False
        return self._clock.now() - new.started_at_s >= self._proven_s

    async def _deployed_anew(self, old: Container, aside: Aside) -> Container | None:
        """What its owner has put in its place: the same service under the same name."""
        bearer = await self._named(aside.name)
        if bearer is None or any(
            bearer.labels.get(label) != old.labels.get(label) for label in (PROJECT, SERVICE)
        ):
            return None
        return bearer

    async def _leave_one_aside(self, latest: Aside) -> None:
        """Who was replaced before it had proven itself is nothing to go back to: the one before it
        is, which stays."""
        others = [a for a in self.asides() if a.old != latest.old and not a.is_kept]
        if latest.is_kept or all(self._newest(a) != latest.new for a in others):
            return
        with suppress(EverupError):  # `tidy` does it with the others
            await self._finish(latest)

    async def _finish(self, aside: Aside) -> str:
        """The old one goes, unless somebody took it back meanwhile; says so then."""
        old = await self._found(aside.old)
        if old is None:
            self._drop(aside)
            return ""
        if not old.name.startswith(ASIDE):
            self._drop(aside)
            return (
                f"{old.name}, which {aside.name} replaced, was renamed by somebody, and is theirs"
            )
        if aside.is_kept:
            await self._hands.kill(old)
        elif old.is_running and old.policy not in STARTED_BY_ENGINE:
            return f"{old.name}, which {aside.name} replaced, {STAYS}: somebody has started it"
        await self._hands.stop(old, old.grace_s, may_kill=True)
        await self._hands.remove(old.id)
        self._drop(aside)
        return ""

    async def _put_back(self, aside: Aside) -> str:
        """The old one under its name again, running if it ran. Each part may have been done before.
        What could not be had, in words; "" when all is as it was."""
        await self._remove_new(aside)
        old = await self._found(aside.old)
        if old is None:
            self._drop(aside)
            return f"somebody else has removed the container of {aside.name}, {aside.old[:12]}"
        self._store.remove(MOVED, old.id)
        has_name = old.name == aside.name or await self._take_name_back(aside)
        trouble = ""
        if not aside.is_back:
            if aside.is_kept:  # frozen and without networks: what comes back is started anew
                if old.state is InstanceState.PAUSED:
                    await self._hands.kill(old)
                await self._reconnect(aside)
            if aside.was_running and (has_name or not await self._deployed_anew(old, aside)):
                trouble = await self._start_again(old, aside)
        if has_name:
            self._drop(aside)
            return trouble
        self._note(replace(aside, new="", is_started=False, is_back=True))
        return (
            f"the name {aside.name} is another container's by now, which is left alone; ours "
            f"{STAYS} as {old.name}: docker rename one of them, or docker rm what is not needed"
        )

    async def _start_again(self, old: Container, aside: Aside) -> str:
        try:
            await self._hands.start(old)
        except GiveUp as error:
            return f"{aside.name} is back, and could not be started again: {error}"
        return ""

    async def _take_name_back(self, aside: Aside) -> bool:
        if await self._named(aside.name) is not None:
            return False
        try:
            await self._rename(aside.old, aside.name)
        except GiveUp:  # somebody's is being made
            return False
        return True

    async def _remove_new(self, aside: Aside) -> None:
        """What we made, by its id, or by the name that only we knew."""
        if aside.is_back:
            return
        made = await self._named(aside.made_as) if aside.made_as else None
        found = await self._found(aside.new)
        for new in (found, made):
            if new is None:
                continue
            if new.is_running or new.state is InstanceState.RESTARTING:
                await self._hands.stop(new, new.grace_s, may_kill=True)
            await self._hands.remove(new.id)
        if aside.made_as and not aside.new and made is None:
            until_s = self._clock.now() + LATEST_BORN_S
            self._store.put(AWAITED, aside.made_as, {"until_s": until_s})

    async def _reconnect(self, aside: Aside) -> None:
        old = await self._hands.look(aside.old)
        now = section(section(old.document, "NetworkSettings"), "Networks")
        for network, end in aside.networks.items():
            if network not in now:
                body = {"Container": aside.old, "EndpointConfig": dict(end)}
                with suppress(Gone):  # nobody can be on a network that is no more
                    await self._engine.call("POST", f"networks/{network}/connect", body=body)

    async def _rename(self, container: str, name: str) -> None:
        await self._engine.call("POST", f"containers/{container}/rename", params={"name": name})

    async def _found(self, container: str) -> Container | None:
        if not container:
            return None
        try:
            return await self._hands.look(container)
        except Gone:
            return None

    async def _named(self, name: str) -> Container | None:
        """By its whole name: the engine also takes the beginning of an id."""
        found = await self._found(name)
        return found if found is not None and found.name == name else None


def exchange_of(name: str) -> str:
    """What `Calls` knows the exchange under this name by."""
    return f"exchange of {name}"


def _has_failed(new: Container) -> bool:
    """Did it end by itself? Who was stopped on purpose stays so."""
    if new.state is not InstanceState.EXITED:
        return False
    return not _was_stopped(new)


def _was_stopped(new: Container) -> bool:
    """Is its end presumed to be somebody's wish? It stays down then."""
    is_wish = new.exit_code in PRESUMED_WISHES and not new.is_out_of_memory and not new.error
    return new.state is InstanceState.EXITED and is_wish
