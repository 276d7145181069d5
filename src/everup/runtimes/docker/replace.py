"""Replacing a container by one made from a blueprint, so that at no moment anything is lost.

Flows in: a container, a blueprint. Flows out: a new container under the old name, the old one moved
aside until the new one has proven itself. Each stage is written down before it begins:

    named aside → made → the old one stopped → the new one started → proven → the old one removed

Whatever happens before the new one runs, `put_back` leads to where it began: the old one under its
name, running if it ran. Nothing is removed together with volumes, ever. The old one is stopped
before the new one starts, since both may want one port, one address, or one file.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from secrets import token_hex
from typing import Any

from everup.loop.ports import Clock
from everup.model.errors import EverupError, GiveUp, NotKept, TryAgain
from everup.model.kinds import InstanceState
from everup.model.runtime import EventKind
from everup.runtimes.docker.blueprint import Blueprint, blueprint_of
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import ASIDE, Container, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.layer import would_be_lost
from everup.runtimes.docker.store import Store
from everup.runtimes.docker.streams import TooMuch
from everup.runtimes.giving import Giving

ROOM = "aside"
MOVED = "moved"
NAME_TRIES_MOST, NAME_AGAIN_S = 20, 0.5
LEFT_WAIT_S = 10.0
"""How long a call waits for a replacement that nobody waits for any more."""

PATHS_SHOWN_MOST = 3
CHANGES_BYTES_MOST = 4 << 20
PROVEN_S = 30.0
"""How long the new one must have run, and be healthy if it has a check, before the old one goes."""


@dataclass(frozen=True, slots=True)
class Aside:
    """One replacement that is not over. Written before each stage."""

    service: str
    name: str
    old: str
    was_running: bool
    new: str = ""
    is_started: bool = False
    is_kept: bool = False  # in quarantine, for a person
    until_s: float = 0.0  # the end of a quarantine
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Replacer:
    """Replaces, settles what an earlier life left half done, and removes what is not needed."""

    def __init__(
        self, engine: Engine, clock: Clock, calls: Calls, hands: Hands, store: Store, scale: float
    ) -> None:
        self._engine, self._clock, self._calls = engine, clock, calls
        self._hands, self._store = hands, store
        self._proven_s = PROVEN_S * scale

    async def replace(
        self,
        old: Container,
        blueprint: Blueprint,
        grace_s: float,
        *,
        may_lose_layer: bool = False,
    ) -> None:
        """Have a new one in its place. `may_lose_layer`: what the old one wrote outside of volumes
        may go, as it went with the one before.

        Raises:
            GiveUp, TryAgain: it was not possible; the old one is where it was, and runs if it ran.
        """

        async def end() -> None:
            await self._hands.stop(old, grace_s, may_kill=True)

        if not may_lose_layer:
            _refuse(old)
            await self._refuse_what_it_wrote(old)
        if old.state is InstanceState.RESTARTING:  # engines cannot rename it in this state
            await self._hands.stop(old, 0.0, may_kill=True)
        await self._to_its_end(old, self._exchange(old, blueprint, end, is_kept=False))

    async def quarantine(self, old: Container, blueprint: Blueprint, keep_s: float) -> str:
        """The same, but the old one is frozen and taken off its networks, not ended.

        Raises:
            NotKept: it cannot be kept; nothing was touched.
        """
        if reason := _forbids_keeping(old):
            raise NotKept(reason)

        async def end() -> None:
            await self._hands.freeze(old)
            for network in blueprint_of(old, "").networks:
                body = {"Container": old.id, "Force": True}
                await self._engine.call("POST", f"networks/{network}/disconnect", body=body)

        until_s = self._clock.now() + keep_s
        await self._to_its_end(
            old, self._exchange(old, blueprint, end, is_kept=True, until_s=until_s)
        )
        named = (await self._hands.look(old.id)).name
        return (
            f"kept aside: {old.name} as {named}, frozen and off its networks, for {keep_s:.0f} s; "
            f"everup release {old.service} ends it"
        )

    async def _exchange(
        self,
        old: Container,
        blueprint: Blueprint,
        end: Callable[[], Awaitable[None]],
        *,
        is_kept: bool,
        until_s: float = 0.0,
    ) -> None:
        _refuse(old)
        if is_kept:
            await self._refuse_what_it_wrote(old)
        if self._store.get(ROOM, old.name) is not None:
            await self.settle(old.service)  # one at a time under one name
        networks = blueprint_of(old, "").networks if is_kept else {}
        aside = Aside(
            old.service,
            old.name,
            old.id,
            old.is_running or old.state is InstanceState.RESTARTING,
            is_kept=is_kept,
            until_s=until_s,
            networks=networks,
        )
        self._note(aside)
        try:
            new = await self._make(aside, blueprint)
            aside = replace(aside, new=new)
            self._note(aside)
            await end()
            with self._calls.claims(new, EventKind.STARTED):
                await self._engine.call("POST", f"containers/{new}/start")
        except EverupError:
            await self._put_back(aside)
            raise
        self._store.put(MOVED, old.id, {"new": new})
        self._note(replace(aside, is_started=True))

    async def make(self, name: str, blueprint: Blueprint) -> str:
        """A container that does not run yet, on all of its networks; its id."""
        made = await self._engine.call(
            "POST", "containers/create", params={"name": name}, body=blueprint.body()
        )
        container = str(made["Id"])
        try:
            for network, end in blueprint.further_networks().items():
                body = {"Container": container, "EndpointConfig": dict(end)}
                await self._engine.call("POST", f"networks/{network}/connect", body=body)
        except EverupError:
            await self._hands.remove(container)
            raise
        return container

    def moved(self) -> Mapping[str, str]:
        """Ids of containers that we replaced → those of their successors."""
        return {old: str(value.get("new")) for old, value in self._store.all(MOVED).items()}

    def forget_all_but(self, containers: frozenset[str]) -> None:
        """Successors that are gone lend nothing any more."""
        moved = self.moved()
        for old, new in moved.items():
            if new not in containers and new not in moved:
                self._store.remove(MOVED, old)

    def asides(self) -> Sequence[Aside]:
        """What is not over."""
        return [_aside(value) for value in self._store.all(ROOM).values()]

    async def settle(self, service: str | None = None) -> Sequence[str]:
        """Bring every replacement to an end: the new one where it runs, else the old one. For
        what an earlier life left, and for who wants all given back."""
        said: list[str] = []
        for aside in self.asides():
            if service in (None, aside.service):
                said.append(await self._settle(aside))
        return said

    async def release(self, service: str) -> Sequence[str]:
        """The same of one service, after what is under way; each of its replacements is tried."""
        giving = Giving(service)
        with giving.trying():
            await self.settle_unfinished(service)
        for aside in self.asides():
            if aside.service == service and aside.is_started:
                with giving.trying():
                    giving.said.append(await self._settle(aside))
        return giving.result()

    def keeps(self, service: str) -> bool:
        """Is one of this service in quarantine?"""
        return any(aside.is_kept and aside.service == service for aside in self.asides())

    async def settle_unfinished(self, service: str | None = None) -> None:
        """End what was cut short: by a crash of Everup, or by whoever waited for it leaving."""
        for aside in self.asides():
            if aside.is_started or service not in (None, aside.service):
                continue
            left = self._calls.under_way(_exchange_of(aside.name))
            if left is not None:
                await asyncio.wait({left}, timeout=LEFT_WAIT_S)
            if self._calls.under_way(_exchange_of(aside.name)) is not None:
                raise TryAgain(f"{aside.name} is still being replaced", LEFT_WAIT_S)
            await self._settle_if_unfinished(aside.name)

    def seen(self, containers: Sequence[Container]) -> Sequence[Container]:
        """The containers as the instances that they are: while a replacement is not through, the
        old one under its own name; from then on the new one alone."""
        names: dict[str, str] = {}
        hidden: set[str] = set()
        for aside in self.asides():
            if aside.is_started:
                hidden.add(aside.old)
            else:
                names[aside.old] = aside.name
                hidden.add(aside.new)
        shown = [c for c in containers if c.id not in hidden]
        named = [replace(c, name=names[c.id]) if c.id in names else c for c in shown]
        return [c for c in named if not c.name.startswith(ASIDE)]

    async def tidy(self) -> None:
        """Remove old ones whose replacement has proven itself, or whose time is over."""
        now_s = self._clock.now()
        for aside in self.asides():
            if not aside.is_started:
                continue
            is_over = now_s >= aside.until_s if aside.is_kept else await self._is_proven(aside.new)
            if is_over:
                await self._finish(aside)

    async def _refuse_what_it_wrote(self, old: Container) -> None:
        """What a container wrote outside of volumes would be gone with it."""
        try:
            path = f"containers/{old.id}/changes"
            changes = await self._engine.bounded(path, CHANGES_BYTES_MOST) or ()
        except TooMuch:
            raise GiveUp(
                f"{old.name} has written more outside of its volumes than can be looked through, "
                "which a new one would not have; mount a volume there, or restart it"
            ) from None
        host = section(old.document, "HostConfig")
        mounts = [str(m.get("Destination") or "") for m in old.document.get("Mounts") or ()]
        mounted = [*mounts, *section(host, "Tmpfs")]
        if lost := await asyncio.to_thread(would_be_lost, changes, mounted):
            raise GiveUp(
                f"{old.name} has written outside of its volumes, which a new one would not have: "
                f"{', '.join(lost[:PATHS_SHOWN_MOST])}; mount a volume there, or restart it"
            )

    async def _to_its_end(self, old: Container, work: Coroutine[Any, Any, None]) -> None:
        """The engine goes on with a call whose caller has gone, so that an exchange which stops in
        its midst would not know what there is. It does not stop."""
        await self._calls.to_its_end(_exchange_of(old.name), work)

    async def _settle_if_unfinished(self, name: str) -> None:
        value = self._store.get(ROOM, name)
        if value is not None and not _aside(value).is_started:
            await self._settle(_aside(value))

    async def _settle(self, aside: Aside) -> str:
        new = await self._found(aside.new)
        if new is not None and new.is_running:
            await self._finish(aside)
            return f"{aside.service}: the container that {aside.name} replaced is removed"
        try:
            await self._put_back(aside)
        except Gone as error:
            if self._store.get(ROOM, aside.name) is not None:
                raise
            return f"{aside.service}: {error}, so that nothing of it is held any more"
        return f"{aside.service}: the container that {aside.name} was to replace is back"

    async def _is_proven(self, container: str) -> bool:
        new = await self._found(container)
        if new is None or new.state is not InstanceState.RUNNING:
            return False
        if new.check is not None and new.check.status != "healthy":
            return False
        return self._clock.now() - new.started_at_s >= self._proven_s

    async def _finish(self, aside: Aside) -> None:
        old = await self._found(aside.old)
        if old is not None:
            await self._end(old, is_frozen=aside.is_kept)
            await self._hands.remove(old.id)
        self._store.remove(ROOM, aside.name)

    async def _put_back(self, aside: Aside) -> None:
        """The old one under its name again. Each part may have been done before."""
        await self._remove_new(aside)
        old = await self._found(aside.old)
        if old is None:
            self._store.remove(ROOM, aside.name)
            raise Gone(f"{aside.name}: somebody else has removed its container {aside.old[:12]}")
        if old.name != aside.name:
            await self._take_name_back(aside)
        if aside.is_kept:  # frozen and without networks: what comes back is started anew
            await self._end(old, is_frozen=True)
            await self._reconnect(aside)
        if aside.was_running:
            await self._hands.start(old)
        self._store.remove(ROOM, aside.name)

    async def _take_name_back(self, aside: Aside) -> None:
        """The engine may still be making the new one for a life of ours that was killed: its name
        is taken before it can be found."""
        for _ in range(NAME_TRIES_MOST - 1):
            try:
                return await self._rename(aside.old, aside.name)
            except GiveUp:
                await self._clock.sleep(NAME_AGAIN_S)
                await self._remove_new(aside)
        return await self._rename(aside.old, aside.name)

    async def _remove_new(self, aside: Aside) -> None:
        for impostor in {aside.new, await self._id_of(aside.name)} - {"", aside.old}:
            new = await self._found(impostor)
            if new is None:
                continue
            if new.is_running:
                await self._hands.stop(new, new.grace_s, may_kill=True)
            await self._hands.remove(new.id)

    async def _end(self, old: Container, *, is_frozen: bool) -> None:
        if is_frozen:
            await self._hands.kill(old)
        elif old.is_running:
            await self._hands.stop(old, old.grace_s, may_kill=True)

    async def _reconnect(self, aside: Aside) -> None:
        old = await self._hands.look(aside.old)
        now = section(section(old.document, "NetworkSettings"), "Networks")
        for network, end in aside.networks.items():
            if network not in now:
                body = {"Container": aside.old, "EndpointConfig": dict(end)}
                with contextlib.suppress(Gone):  # nobody can be on a network that is no more
                    await self._engine.call("POST", f"networks/{network}/connect", body=body)

    async def _make(self, aside: Aside, blueprint: Blueprint) -> str:
        await self._rename(aside.old, f"{ASIDE}{aside.name}-{token_hex(3)}")
        return await self.make(aside.name, blueprint)

    async def _rename(self, container: str, name: str) -> None:
        await self._engine.call("POST", f"containers/{container}/rename", params={"name": name})

    async def _found(self, container: str) -> Container | None:
        if not container:
            return None
        try:
            return await self._hands.look(container)
        except Gone:
            return None

    async def _id_of(self, name: str) -> str:
        found = await self._found(name)
        return "" if found is None else found.id

    def _note(self, aside: Aside) -> None:
        self._store.put(ROOM, aside.name, asdict(aside))


def _exchange_of(name: str) -> str:
    return f"exchange of {name}"


def _forbids_keeping(container: Container) -> str:
    host = section(container.document, "HostConfig")
    if host.get("AutoRemove"):
        return f"{container.name} runs with --rm, so that the engine would remove it"
    mode = str(host.get("NetworkMode") or "")
    if mode == "host" or mode.startswith("container:"):
        return f"{container.name} is on the network of {mode!r}, where it would keep its ports"
    return ""


def _refuse(container: Container) -> None:
    """What would be lost or is not ours to make (docs/safety.md)."""
    if section(container.document, "HostConfig").get("AutoRemove"):
        raise GiveUp(
            f"{container.name} runs with --rm: the engine removes it when it stops, so that there "
            "would be no way back; run it without --rm"
        )


def _aside(value: Mapping[str, Any]) -> Aside:
    known = {name: value[name] for name in Aside.__dataclass_fields__ if name in value}
    return Aside(**known)
