"""Replacing a container by one made from a blueprint, so that at no moment anything is lost.

Flows in: a container, a blueprint. Flows out: a new container under the old name, the old one moved
aside until the new one has proven itself. Each stage is written down before it begins:

    made → the old one named aside → the new one named → the old one stopped → the new one started
    → proven → the old one removed

Whatever happens before it is written down that the new one runs, `_put_back` leads to where it
began: the old one under its name, running if it ran. What cannot be put back at the time is ended
later. Nothing is removed together with volumes, ever. The old one is stopped before the new one
starts, since both may want one port, one address, or one file. The new one has a name that nobody
else knows until it takes the old one's: so it can be told from whatever somebody else makes under
that name meanwhile (`settling`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from everup.model.errors import EverupError, GiveUp, NotKept
from everup.model.kinds import InstanceState
from everup.model.runtime import EventKind
from everup.runtimes.docker import undeclared, volumes
from everup.runtimes.docker.asides import Aside, name_aside
from everup.runtimes.docker.blueprint import Blueprint, blueprint_of
from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.refusals import (
    forbids_keeping,
    refuse,
    refuse_other_volumes,
    refuse_what_it_wrote,
)
from everup.runtimes.docker.settling import Settler, exchange_of
from everup.runtimes.docker.streams import TooMuch

CHANGES_BYTES_MOST = 4 << 20


class Replacer(Settler):
    """Puts new containers in the place of old ones. What is not over yet, `Settler` ends."""

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

        self._refuse(old, blueprint)
        if not may_lose_layer:
            await self._refuse_what_it_wrote(old)
        if old.state is InstanceState.RESTARTING:  # engines cannot rename it in this state
            await self._hands.stop(old, 0.0, may_kill=True)
        await self._to_its_end(old, self._exchange(old, blueprint, end, is_kept=False))

    async def put_back(self, old: Container, before: Blueprint, grace_s: float) -> str:
        """The one that was replaced has its place again; where it has gone already, one that is
        made of what it was made of. What could not be had, in words.

        Raises:
            GiveUp, TryAgain: it is not there any more, and another one was not possible.
        """
        aside = next((a for a in self.asides() if a.old == old.id and a.is_started), None)
        if aside is None:
            new = await self._hands.look(old.name)
            await self.replace(new, before, grace_s, may_lose_layer=True)
            return ""
        work = self._put_back(replace(aside, new=self._newest(aside)))
        said: str = await self._calls.to_its_end(exchange_of(old.name), work)
        return said

    async def quarantine(self, old: Container, blueprint: Blueprint, keep_s: float) -> str:
        """The same, but the old one is frozen and taken off its networks, not ended.

        Raises:
            NotKept: it cannot be kept; nothing was touched.
        """
        if reason := forbids_keeping(old):
            raise NotKept(reason)

        async def end() -> None:
            await self._hands.freeze(old)
            for network in blueprint_of(old, "").networks:
                body = {"Container": old.id, "Force": True}
                await self._engine.call("POST", f"networks/{network}/disconnect", body=body)

        try:
            self._refuse(old, blueprint)
            await self._refuse_what_it_wrote(old)
        except GiveUp as refusal:
            raise NotKept(str(refusal)) from refusal
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
        aside = Aside(
            old.service,
            old.name,
            old.id,
            old.is_running or old.state is InstanceState.RESTARTING,
            is_kept=is_kept,
            until_s=until_s,
            networks=blueprint_of(old, "").networks if is_kept else {},
            made_as=name_aside(old.name),
        )
        self._note(aside)
        try:
            new = await self.make(aside.made_as, blueprint.in_place_of(old), old, named=old.name)
            aside = replace(aside, new=new)
            self._note(aside)
            made = await self._hands.look(new)
            refuse_other_volumes(old, volumes.volumes_of(made.document), may_more=False)
            await self._rename(old.id, name_aside(old.name))
            await self._rename(new, old.name)
            await end()
            with self._calls.claims(new, EventKind.STARTED):
                await self._engine.call("POST", f"containers/{new}/start")
            started = self._note_started(aside)
        except EverupError as error:
            if trouble := await self._put_back(aside):
                raise GiveUp(f"{error}; {trouble}") from error
            raise
        await self._leave_one_aside(started)

    async def make(
        self, name: str, blueprint: Blueprint, like: Container, *, named: str = ""
    ) -> str:
        """A container that does not run yet, on all of its networks; its id. `named`: as it will be
        called."""
        made = await self._engine.call(
            "POST", "containers/create", params={"name": name}, body=blueprint.body()
        )
        container = str(made["Id"])
        try:
            undeclared.hand_on(self._store, like, container, named or name)
            for network, end in blueprint.further_networks().items():
                body = {"Container": container, "EndpointConfig": dict(end)}
                await self._engine.call("POST", f"networks/{network}/connect", body=body)
        except EverupError:
            await self._hands.remove(container)
            raise
        return container

    def _refuse(self, old: Container, blueprint: Blueprint) -> None:
        """Before anything is touched."""
        refuse(old)
        host = blueprint.in_place_of(old).host
        planned = volumes.volumes_planned(host)
        refuse_other_volumes(old, planned, may_more=bool(host.get("VolumesFrom")))
        if any(aside.old == old.id and not aside.is_started for aside in self.asides()):
            raise GiveUp(
                f"an earlier replacement of {old.name} is not over, so that no other one can take "
                f"its place; everup release {old.service} says what it waits for"
            )

    async def _refuse_what_it_wrote(self, old: Container) -> None:
        try:
            path = f"containers/{old.id}/changes"
            changes = await self._engine.bounded(path, CHANGES_BYTES_MOST)
        except TooMuch:
            raise GiveUp(
                f"{old.name} has written more outside of its volumes than can be looked through, "
                "which a new one would not have; mount a volume there, or restart it"
            ) from None
        await asyncio.to_thread(refuse_what_it_wrote, old, changes)

    async def _to_its_end(self, old: Container, work: Coroutine[Any, Any, None]) -> None:
        """The engine goes on with a call whose caller has gone, so that an exchange which stops in
        its midst would not know what there is. It does not stop."""
        await self._calls.to_its_end(exchange_of(old.name), work)
