"""HAProxy as a Router: looks, orders, and what is held, noted before it is ordered.

Flows in: values of `model.routing`. Flows out: commands of `talk`, in which nothing but names and
numbers that were checked here ever stands. Called by `loop.traffic`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from everup.loop.ports import Clock
from everup.model.errors import EverupError, GiveUp, StillHeld, TryAgain
from everup.model.kinds import is_known
from everup.model.routing import (
    Held,
    Order,
    RoutedServer,
    RouterListing,
    RouterSpec,
    ServerName,
    Skill,
)
from everup.routing.haproxy import answers
from everup.routing.haproxy.manifest import MANIFEST
from everup.routing.haproxy.talk import ask
from everup.routing.notes import Notes

OLDEST, ADDS_SINCE = (2, 4), (2, 6)
WEIGHT_MOST = 256
REFUSED = ("Permission denied", "Can't", "can't")
GONE = ("No such server", "No such backend")
WORD = {Order.READY: "ready", Order.DRAIN: "drain", Order.OUT: "maint"}
MOVED = ("changed from", "no need to change")
REGISTERED, KNOWN = "New server registered", "Already exists"
CHECK = "check inter 1s"
STATISTICS = "show stat -1 6 -1"
"""Of all proxies those of backends (2) and servers (4)."""
RETRY_S = 5.0


class HaproxyRouter:
    """One HAProxy."""

    def __init__(self, spec: RouterSpec, notes: Notes, clock: Clock) -> None:
        self._spec, self._notes, self._clock = spec, notes, clock
        self._turn = asyncio.Lock()
        self._life = ""
        self._checked_ones: frozenset[ServerName] = frozenset()  # as last listed
        self.manifest = MANIFEST

    async def list(self) -> RouterListing:
        """Every server of every backend.

        Raises:
            TryAgain: it does not answer, or not with what was asked for.
            GiveUp: it is too old.
        """
        about, state, stat = await asyncio.gather(
            self._ask("show info"), self._ask("show servers state"), self._ask(STATISTICS)
        )
        try:
            info = answers.info(about)
            counted = answers.sessions(stat), answers.served(stat), answers.waiting(stat)
            found, groups = answers.servers(state, *counted), answers.groups(stat)
        except answers.Unreadable as error:
            raise TryAgain(f"{self._spec.address} says {error}", RETRY_S) from error
        if info.number < OLDEST:
            wanted = ".".join(map(str, OLDEST))
            raise GiveUp(f"HAProxy {info.version} is too old: {wanted} or newer is needed")
        self._life = info.life
        self._checked_ones = frozenset(one.name for one in found if one.is_checked)
        skills = MANIFEST.skills - ({Skill.ADD} if info.number < ADDS_SINCE else set())
        self.manifest = replace(MANIFEST, skills=skills)
        return RouterListing(self._clock.now(), found, info.life, info.version, groups)

    async def hold(self, held: Held) -> None:
        """Note it, then order it."""
        assert held.order is not None
        async with self._turn:
            known = self._notes.of(self._checked(held.server))
            before = held.weight_before if known is None else known.weight_before
            self._notes.hold(self._spec, replace(held, weight_before=before, life=self._life))
            try:
                await self._order(held.server, f"state {WORD[held.order]}")
            except GiveUp:
                if known is None:
                    self._notes.drop(held.server)
                raise

    async def weigh(self, held: Held, weight: float) -> None:
        """Note what it had, then give it that share of it."""
        async with self._turn:
            held = held.weighed_over(self._notes.of(self._checked(held.server)))
            life = self._life if held.order is None else held.life  # a reload may have forgotten it
            self._notes.hold(self._spec, replace(held, life=life))
            share = max(1, min(WEIGHT_MOST, round(held.weight_before * weight)))
            await self._order(held.server, f"weight {share}")

    async def ready(self, server: ServerName, *, is_proven: bool) -> str:
        """The order alone; one that we added has no note of an order, and is made ready too."""
        async with self._turn:
            held = self._notes.of(server)
            if (held is None or held.order is None) and not self._notes.was_added(server):
                return ""
            await self._make_ready(server, is_proven=is_proven)
            if held is not None and is_known(held.weight_before):
                self._notes.hold(self._spec, replace(held, order=None))
            else:
                self._notes.drop(server)
        return f"{server} takes requests again"

    async def give_back(self, server: ServerName, *, is_proven: bool = False) -> str:
        """Its weight first: it must not be met with a load that it had not before."""
        async with self._turn:
            held = self._notes.of(server)
            if held is None:
                return ""
            said = []
            try:
                if is_known(held.weight_before):
                    await self._order(server, f"weight {round(held.weight_before)}")
                    said.append(f"its weight is {held.weight_before:g} again")
                if held.order is not None:
                    await self._make_ready(server, is_proven=is_proven)
                    said.append("it takes requests again")
            except GiveUp as error:
                if not str(error).startswith(GONE):
                    raise
                said = ["it is not there any more"]
            self._notes.drop(server)
        return f"{held.service}: {server} ({held.instance}): {' and '.join(said)}"

    async def _make_ready(self, server: ServerName, *, is_proven: bool) -> None:
        """Straight out of maintenance HAProxy takes a server to be up before it was checked. One
        that drains is checked: said to be down there, it has to pass first."""
        if not is_proven and server in self._checked_ones:
            await self._order(server, f"state {WORD[Order.DRAIN]}")
            await self._order(server, "health down")
        await self._order(server, f"state {WORD[Order.READY]}")

    async def forget(self, server: ServerName) -> None:
        """The note alone goes."""
        self._notes.drop(server)

    async def held(self) -> Sequence[Held]:
        """By the notes."""
        return self._notes.held()

    async def move(self, server: ServerName, address: str, port: int) -> None:
        """`set server … addr`."""
        if not answers.is_address(address) or not 0 < port < 65536:
            raise GiveUp(f"{server} cannot lead to {address[:64]!r}, port {port}")
        await self._order(server, f"addr {address} port {port}", MOVED)

    async def add(self, like: RoutedServer, name: str, address: str, port: int) -> ServerName:
        """`add server`, in maintenance, with a check where its like has one."""
        server = ServerName(like.name.group, name)
        if Skill.ADD not in self.manifest.skills:
            raise GiveUp("servers can be added from HAProxy 2.6 on")
        if not answers.is_address(address) or not 0 < port < 65536:
            raise GiveUp(f"{server} cannot lead to {address[:64]!r}, port {port}")
        if like.is_encrypted:
            raise GiveUp(
                f"{server} cannot be added: TLS is spoken to {like.name}, and nobody tells by which"
                " certificates; leave places with server-template"
            )
        at = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        check = f"{CHECK} " if like.is_checked else ""
        weight = max(1, min(WEIGHT_MOST, round(like.weight_declared)))
        is_ours = self._notes.was_added(server)
        self._notes.note_added(self._spec, self._checked(server))
        text = await self._ask(f"add server {server} {at} {check}weight {weight}")
        good = (REGISTERED, KNOWN) if is_ours else (REGISTERED,)
        if said := answers.complaint(text, good):
            if not is_ours:
                self._notes.drop_added(server)
            raise GiveUp(f"{server} cannot be added: {said}")
        if like.is_checked:
            self._obeyed(await self._ask(f"enable health {server}"), f"enable health {server}")
        return server

    async def remove(self, server: ServerName) -> None:
        """`del server`, where it is ours. Refused while it has sessions: then it stays, out."""
        if not self._notes.was_added(server):
            return
        async with self._turn:
            text = await self._ask(f"del server {self._checked(server)}")
            said = answers.complaint(text, ("Server deleted", *GONE))
            if said:
                raise TryAgain(f"{server} stays for now: {said}")
            self._notes.drop(server)
            self._notes.drop_added(server)

    async def release(self, service: str | None = None) -> Sequence[str]:
        """All that is noted, one after the other; what fails holds nothing else up."""
        given: dict[str, tuple[str, ...]] = {}
        failed: list[str] = []
        if self._notes.held():
            with suppress(EverupError):  # whoever does not answer is said below
                await self.list()
        for held in self._notes.held():
            if service not in (None, held.service):
                continue
            try:
                said = await self.give_back(held.server)
            except EverupError as error:
                failed.append(f"{held.service}: {held.server} is still held: {error}")
                continue
            given[held.service] = (*given.get(held.service, ()), said)
        if failed:
            raise StillHeld("; ".join(failed), given)
        return [line for lines in given.values() for line in lines]

    async def close(self) -> None:
        """There is nothing open."""

    async def _order(self, server: ServerName, what: str, good: Sequence[str] = ()) -> None:
        command = f"set server {self._checked(server)} {what}"
        self._obeyed(await self._ask(command), command, good)

    def _obeyed(self, text: str, command: str, good: Sequence[str] = ()) -> None:
        said = answers.complaint(text, good)
        if not said:
            return
        if said.startswith(GONE):
            raise GiveUp(said)
        hint = "; its stats socket needs level admin" if said.startswith(REFUSED) else ""
        raise GiveUp(f"{self._spec.address} refuses {command!r}: {said}{hint}")

    def _checked(self, server: ServerName) -> ServerName:
        if not (answers.is_name(server.group) and answers.is_name(server.name)):
            raise GiveUp(f"{str(server)[:160]!r} is no name of a server")
        return server

    async def _ask(self, command: str) -> str:
        return await ask(self._spec.address, command, self._spec.timeout_s)
