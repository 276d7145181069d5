"""What a service has at hand: its name, its knobs, its counters and its dependencies.

Behaviours in ``services`` take a ``Context`` and a request and return what to answer. Whom they
may call is what ``topology`` declares; asking for anybody else is an error in the behaviour.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from everup.demo.stack import health
from everup.demo.stack.ballast import Ballast
from everup.demo.stack.clients.peer import Peer
from everup.demo.stack.clients.postgres import Postgres
from everup.demo.stack.clients.redis import Redis
from everup.demo.stack.knobs import Knobs
from everup.demo.stack.stats import Stats
from everup.demo.stack.topology import BY_NAME, CHECK_PATHS, PORTS_PER_SERVICE, address_variable
from everup.demo.stack.wire.errors import Unavailable
from everup.demo.stack.wire.http import LOOPBACK, Request

T = TypeVar("T")
Json = Any
Handler = Callable[["Context", Request], Awaitable[Json]]


@dataclass(frozen=True)
class Behaviour:
    """What one service does, beyond what all of them do.

    ``work`` is one typical unit of its work, using its dependencies. ``routes`` maps
    ``"METHOD /path"`` to a handler; a path that ends in ``/`` stands for all beneath it.
    """

    work: Handler
    routes: Mapping[str, Handler] = field(default_factory=dict)
    background: Callable[[Context], Coroutine[Any, Any, None]] | None = None


@dataclass
class Context:
    """One service process."""

    name: str
    instance: str
    port: int
    knobs: Knobs
    host: str = LOOPBACK
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    stats: Stats = field(default_factory=Stats)
    ballast: Ballast = field(default_factory=Ballast)
    peers: dict[str, Peer] = field(default_factory=dict)
    sessions: list[Postgres | Redis] = field(default_factory=list)

    @cached_property
    def postgres(self) -> Postgres:
        session = Postgres(
            self.environment["DATABASE_URL"],
            self._password("DATABASE_URL", "DATABASE_PASSFILE"),
            f"{self.name}/{self.instance}",
            self._may_reopen,
        )
        self.sessions.append(session)
        return session

    @cached_property
    def redis(self) -> Redis:
        return self.new_redis()

    def new_redis(self) -> Redis:
        """A Redis session of one's own, for commands that wait."""
        password = self._password("REDIS_URL", "REDIS_PASSWORD_FILE")
        session = Redis(self.environment["REDIS_URL"], password, self._may_reopen)
        self.sessions.append(session)
        return session

    def peer(self, name: str) -> Peer:
        """The client of another service that this one is declared to need."""
        if name not in self.peers:
            if name not in {need.target for need in BY_NAME[self.name].needs}:
                raise LookupError(f"{self.name} is not declared to need {name}")
            where = urlsplit(self.environment[address_variable(name)])
            ports = 1 if BY_NAME[name].stateful else PORTS_PER_SERVICE
            self.peers[name] = Peer(name, where.hostname or LOOPBACK, where.port or 80, ports)
        return self.peers[name]

    async def without_if_down(self, call: Awaitable[T], otherwise: T) -> T:
        """Does a call to a soft dependency; goes on with ``otherwise`` if it is not there."""
        try:
            return await call
        except Unavailable:
            self.stats.degraded += 1
            return otherwise

    async def check(self, name: str) -> None:
        """Raises Unavailable unless the named dependency is well."""
        stateful = BY_NAME[name].stateful
        timeout_s = health.STORE_TIMEOUT_S if stateful else health.SERVICE_TIMEOUT_S
        timeout_s *= float(self.environment.get("PATIENCE", "1"))
        if name == "postgres":
            await self.postgres.check(timeout_s)
        elif name == "redis":
            await self.redis.check(timeout_s)
        else:
            await self.peer(name).check(CHECK_PATHS.get(name, "/health"), timeout_s)

    async def reconnect(self) -> int:
        """Drops and reopens every session; returns how many there are."""
        for session in self.sessions:
            await session.reconnect(timeout_s=1.0)
        self.peers.clear()
        return len(self.sessions)

    def close(self) -> None:
        for session in self.sessions:
            session.close()

    def _password(self, url: str, file: str) -> str:
        """Where the address holds none, it is in a file."""
        given = urlsplit(self.environment[url]).password
        return unquote(given) if given else _secret(self.environment[file])

    def _may_reopen(self) -> bool:
        return not self.knobs.stale


def _secret(path: str) -> str:
    """The last field of a file in the form of ``.pgpass``, which is the password."""
    return Path(path).read_text(encoding="utf-8").strip().rpartition(":")[2]
