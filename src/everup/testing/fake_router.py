"""A router in memory that keeps the contract: for tests of what is done with routers.

Flows in: servers, and what should go wrong. Flows out: the same answers as from a real one. `said`
has every order in its order. The world (`FakeRoutes`) outlives the router, as a real one does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from everup.model.errors import EverupError, GiveUp, StillHeld, TryAgain
from everup.model.kinds import is_known
from everup.model.routing import (
    Held,
    Order,
    RoutedGroup,
    RoutedServer,
    RouterListing,
    RouterManifest,
    ServerName,
    Skill,
)

_NAME = re.compile(r"[A-Za-z0-9_.:-]+")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")


@dataclass
class FakeRoutes:
    """The router's own world, and the notes."""

    servers: dict[ServerName, RoutedServer] = field(default_factory=dict)
    notes: dict[ServerName, Held] = field(default_factory=dict)
    added: set[ServerName] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    life: int = 1
    is_silent: bool = False
    groups: dict[str, RoutedGroup] = field(default_factory=dict)

    def put(self, server: RoutedServer) -> None:
        """There is such a server."""
        self.servers[server.name] = server

    def reload(self) -> None:
        """It forgets what was ordered, and what was added."""
        self.life += 1
        for name, one in list(self.servers.items()):
            if name in self.added:
                del self.servers[name]
            else:
                fresh = replace(one, order=Order.READY, weight=one.weight_declared)
                self.servers[name] = fresh


class FakeRouter:
    """One life's door to it."""

    def __init__(self, routes: FakeRoutes) -> None:
        self.routes = routes
        self.manifest = RouterManifest("fake", frozenset(Skill))

    async def list(self) -> RouterListing:
        """Each server was checked since the last time."""
        self._speak()
        found = tuple(self.routes.servers.values())
        for one in found:
            if one.is_checked and one.order is Order.READY and one.is_up is None:
                self.routes.servers[one.name] = replace(one, is_up=True)
        shown = [replace(o, is_up=bool(o.is_up)) if o.is_checked else o for o in found]
        listing = RouterListing(0.0, tuple(shown), str(self.routes.life), "1.0")
        return replace(listing, groups=dict(self.routes.groups))

    async def hold(self, held: Held) -> None:
        """Note, then order."""
        known = self.routes.notes.get(held.server)
        before = held.weight_before if known is None else known.weight_before
        noted = replace(held, weight_before=before, life=str(self.routes.life))
        self._check(held.server)
        self.routes.notes[held.server] = noted
        assert held.order is not None
        self._set(held.server, held.order, is_up=True)

    async def weigh(self, held: Held, weight: float) -> None:
        """A share of what it had at first."""
        self._speak()
        self._check(held.server)
        held = held.weighed_over(self.routes.notes.get(held.server))
        self.routes.notes[held.server] = held
        share = max(1.0, float(round(held.weight_before * weight)))
        one = self._found(held.server)
        self.routes.servers[held.server] = replace(one, weight=share)
        self.routes.said.append(f"weigh {held.server} {share:g}")

    async def ready(self, server: ServerName, *, is_proven: bool) -> str:
        """The order alone."""
        held = self.routes.notes.get(server)
        if (held is None or held.order is None) and server not in self.routes.added:
            return ""
        self._set(server, Order.READY, is_up=is_proven or None)
        if held is not None and is_known(held.weight_before):
            self.routes.notes[server] = replace(held, order=None)
        else:
            self.routes.notes.pop(server, None)
        return f"{server} takes requests again"

    async def give_back(self, server: ServerName, *, is_proven: bool = False) -> str:
        """All of it."""
        held = self.routes.notes.get(server)
        if held is None:
            return ""
        self._speak()
        if server in self.routes.servers:
            if is_known(held.weight_before):
                one = self.routes.servers[server]
                self.routes.servers[server] = replace(one, weight=held.weight_before)
                self.routes.said.append(f"weigh {server} {held.weight_before:g}")
            if held.order is not None:
                self._set(server, Order.READY, is_up=is_proven or None)
        del self.routes.notes[server]
        return f"{held.service}: {server} is given back"

    async def forget(self, server: ServerName) -> None:
        """The note alone."""
        self.routes.notes.pop(server, None)

    async def held(self) -> Sequence[Held]:
        """By the notes."""
        return tuple(self.routes.notes.values())

    async def move(self, server: ServerName, address: str, port: int) -> None:
        """Another address."""
        if not _ADDRESS.fullmatch(address):
            raise GiveUp(f"{address!r} is no address")
        self._speak()
        self.routes.servers[server] = replace(self._found(server), address=address, port=port)
        self.routes.said.append(f"move {server} {address}:{port}")

    async def add(self, like: RoutedServer, name: str, address: str, port: int) -> ServerName:
        """One more."""
        self._speak()
        server = ServerName(like.name.group, name)
        made = replace(
            like,
            name=server,
            address=address,
            port=port,
            order=Order.OUT,
            sessions=0.0,
            weight=like.weight_declared,
            host_name="",
        )
        self.routes.servers[server] = made
        self.routes.added.add(server)
        self.routes.said.append(f"add {server} {address}:{port}")
        return server

    async def remove(self, server: ServerName) -> None:
        """One of ours."""
        self._speak()
        if server in self.routes.added:
            self.routes.servers.pop(server, None)
            self.routes.notes.pop(server, None)
            self.routes.added.discard(server)
            self.routes.said.append(f"remove {server}")

    async def release(self, service: str | None = None) -> Sequence[str]:
        """Everything."""
        given: list[str] = []
        failed: list[str] = []
        for held in list(self.routes.notes.values()):
            if service in (None, held.service):
                try:
                    given.append(await self.give_back(held.server))
                except EverupError as error:
                    failed.append(f"{held.server}: {error}")
        if failed:
            raise StillHeld("; ".join(failed))
        return given

    async def close(self) -> None:
        """Nothing is open."""

    def _set(self, server: ServerName, order: Order, *, is_up: bool | None) -> None:
        self._speak()
        one = self._found(server)
        self.routes.servers[server] = replace(one, order=order, is_up=is_up)
        self.routes.said.append(f"{order} {server}")

    def _found(self, server: ServerName) -> RoutedServer:
        self._check(server)
        if server not in self.routes.servers:
            raise GiveUp(f"there is no {server}")
        return self.routes.servers[server]

    def _check(self, server: ServerName) -> None:
        if not (_NAME.fullmatch(server.group) and _NAME.fullmatch(server.name)):
            raise GiveUp(f"{server} is no name")

    def _speak(self) -> None:
        if self.routes.is_silent:
            raise TryAgain("nobody answers")
