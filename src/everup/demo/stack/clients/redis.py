"""Redis for one service: commands over one session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from everup.demo.stack.clients.session import Refused, Session
from everup.demo.stack.wire import resp
from everup.demo.stack.wire.errors import Unavailable
from everup.demo.stack.wire.http import LOOPBACK
from everup.demo.stack.wire.resp import RedisError, Reply

NAME = "redis"


@dataclass
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_open(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        self.writer.close()

    async def command(self, *parts: str | int | float) -> Reply:
        self.writer.write(resp.encode(*parts))
        try:
            return await resp.read_reply(self.reader)
        except RedisError as error:
            raise Refused(NAME, str(error)) from error


class Redis:
    """``url`` is ``redis://USER@HOST:PORT/DATABASE``; the password may stand apart."""

    def __init__(self, url: str, password: str, may_reopen: Callable[[], bool]) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or LOOPBACK, parts.port or 6379)
        self._login = (parts.username or "default", password)
        self._database = parts.path.lstrip("/") or "0"
        self._session = Session(NAME, self._open, may_reopen)

    async def command(self, *parts: str | int | float, timeout_s: float = 1.0) -> Reply:
        """One command, as it would be typed: ``command("SET", key, value, "EX", 30)``."""

        async def run(connection: _Connection) -> Reply:
            return await connection.command(*parts)

        return await self._session.use(run, timeout_s=timeout_s)

    async def check(self, timeout_s: float) -> None:
        """Raises unless Redis answers ``PING`` over our session."""
        if await self.command("PING", timeout_s=timeout_s) != "PONG":
            raise Unavailable(NAME, "answers PING with something else")

    async def reconnect(self, timeout_s: float) -> None:
        await self._session.reconnect(timeout_s=timeout_s)

    def close(self) -> None:
        self._session.close()

    async def _open(self) -> _Connection:
        connection = _Connection(*await asyncio.open_connection(*self._address))
        try:
            await connection.command("AUTH", *self._login)
            await connection.command("SELECT", self._database)
        except BaseException:
            connection.close()
            raise
        return connection
