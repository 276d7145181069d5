"""One connection that is opened when needed, used by one caller at a time, and dropped when in
doubt. Shared by the PostgreSQL and Redis clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from everup.demo.stack.wire.errors import Unavailable, explain


class Refused(Unavailable):
    """The server read the question and said no: the session is as good as before."""


class Closable(Protocol):
    """What a session holds."""

    @property
    def is_open(self) -> bool: ...

    def close(self) -> None: ...


C = TypeVar("C", bound=Closable)
R = TypeVar("R")


class Session(Generic[C]):
    """Keeps one connection. ``may_reopen`` answers whether a lost one is replaced by itself; a
    service with a stale pool is one that says no until its ``reconnect`` hook is called."""

    def __init__(
        self,
        dependency: str,
        open_connection: Callable[[], Awaitable[C]],
        may_reopen: Callable[[], bool],
    ) -> None:
        self._dependency = dependency
        self._open = open_connection
        self._may_reopen = may_reopen
        self._connection: C | None = None
        self._was_open = False
        self._lock = asyncio.Lock()

    async def use(self, work: Callable[[C], Awaitable[R]], *, timeout_s: float) -> R:
        """Runs ``work`` on the connection. After any doubt about its state it is dropped, since
        a late reply would be taken for the answer to the next question."""
        try:
            async with asyncio.timeout(timeout_s), self._lock:
                connection = await self._ready()
                try:
                    return await work(connection)
                except Refused:
                    raise
                except BaseException:
                    self._drop()
                    raise
        except (TimeoutError, OSError, EOFError) as error:
            raise Unavailable(self._dependency, explain(error)) from error

    async def reconnect(self, *, timeout_s: float) -> None:
        """Drops the connection and opens a new one."""
        self._drop()
        self._was_open = False
        try:
            async with asyncio.timeout(timeout_s), self._lock:
                await self._ready()
        except (TimeoutError, OSError, EOFError) as error:
            raise Unavailable(self._dependency, explain(error)) from error

    def close(self) -> None:
        self._drop()

    async def _ready(self) -> C:
        if self._connection is not None and not self._connection.is_open:
            self._drop()
        if self._connection is None:
            if self._was_open and not self._may_reopen():
                raise Unavailable(self._dependency, "stale connection")
            self._connection = await self._open()
            self._was_open = True
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
