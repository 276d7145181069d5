"""Little HTTP over asyncio: one line that is kept, and single questions of a user."""

from __future__ import annotations

import asyncio
import json
from typing import Any

PATIENCE_S = 10.0


class Line:
    """A connection that stays open; a question that fails closes it, the next one opens another."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.is_new = True
        """No answer came on this connection before the latest one."""

    async def ask(self, method: str, path: str, payload: Any = None) -> Any:
        """The decoded answer.

        Raises:
            OSError: none came, or not 200.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._ask(method, path, payload)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise OSError(f"{method} {path}: {type(error).__name__}: {error}") from error

    async def _ask(self, method: str, path: str, payload: Any) -> Any:
        self.is_new = self._streams is None
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        body = b"" if payload is None else json.dumps(payload).encode()
        writer.write(
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            + body
        )
        status = int((await reader.readuntil(b"\r\n")).split()[1])
        length = 0
        while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        answer = await reader.readexactly(length)
        if status != 200:
            raise OSError(f"{status}: {answer[:200]!r}")
        return json.loads(answer)

    def close(self) -> None:
        """The next question opens another."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def is_served(port: int, within_s: float) -> bool:
    """Does a user who comes now get an answer in time?"""
    writer = None
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /ping HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return b" 200 " in await reader.readline()
    except (OSError, ValueError):
        return False
    finally:
        if writer is not None:
            writer.close()
