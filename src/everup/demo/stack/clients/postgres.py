"""PostgreSQL for one service: a session, and a health check that also asks for a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from everup.demo.stack.clients.session import Refused, Session
from everup.demo.stack.wire import pgwire
from everup.demo.stack.wire.errors import Unavailable, explain
from everup.demo.stack.wire.http import LOOPBACK
from everup.demo.stack.wire.pgwire import Connection, Parameter, PgError, Row

NAME = "postgres"


class Postgres:
    """``url`` is ``postgresql://USER@HOST:PORT/DATABASE``; the password may stand apart."""

    def __init__(
        self, url: str, password: str, service: str, may_reopen: Callable[[], bool]
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or LOOPBACK, parts.port or 5432)
        self._login = (parts.username or "", password, parts.path.lstrip("/"), service)
        self._session = Session(NAME, self._open, may_reopen)

    async def query(self, sql: str, *parameters: Parameter, timeout_s: float = 1.0) -> list[Row]:
        """One statement; parameters are ``$1`` and so on, values come back as text."""

        async def run(connection: Connection) -> list[Row]:
            try:
                return await connection.query(sql, *parameters)
            except PgError as error:
                kind = Unavailable if error.ends_session else Refused
                raise kind(NAME, str(error)) from error

        return await self._session.use(run, timeout_s=timeout_s)

    async def check(self, timeout_s: float) -> None:
        """Raises unless our session answers *and* a new one would be served.

        A stopped server goes on serving old sessions from its other processes, so asking only
        over the old one would notice nothing.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await pgwire.knock(self._address)
                await self.query("SELECT 1", timeout_s=timeout_s)
        except (TimeoutError, OSError, EOFError) as error:
            raise Unavailable(NAME, explain(error)) from error

    async def reconnect(self, timeout_s: float) -> None:
        await self._session.reconnect(timeout_s=timeout_s)

    def close(self) -> None:
        self._session.close()

    async def _open(self) -> Connection:
        try:
            return await pgwire.connect(self._address, *self._login)
        except PgError as error:
            raise Unavailable(NAME, str(error)) from error
