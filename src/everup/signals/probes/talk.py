"""A short conversation with a server: connect to a port or a socket file, read what was promised.

Flows in: a target as `everup.config` writes it. Flows out: bytes, or the errors that
`trouble.judge` understands: a server that hangs up within its answer has reset the connection. Used
by the probes that speak a database's protocol; the caller sets the deadline.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from everup.signals.probes import tcp

ANSWER_BYTES_MOST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Talk:
    """One open connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def say(self, data: bytes) -> None:
        """Send; questions are small, so nobody waits for them to leave."""
        self.writer.write(data)

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes. Raises ConnectionResetError when they do not come."""
        try:
            return await self.reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            raise _hung_up() from error

    async def line(self) -> bytes:
        """Up to the next line feed, without its end.

        Raises:
            ConnectionError: it hung up before, or the line does not end.
        """
        try:
            line = await self.reader.readline()
        except ValueError as error:
            raise ConnectionAbortedError(errno.ECONNABORTED, "a line without end") from error
        if not line.endswith(b"\n"):
            raise _hung_up()
        return line.rstrip(b"\r\n")


def _hung_up() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "hung up within its answer")


def split(target: str) -> tuple[str, int]:
    """`host:port` as two; an IPv6 host stands in brackets."""
    host, _, port = target.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


@asynccontextmanager
async def talk(target: str) -> AsyncIterator[Talk]:
    """A connection to `host:port` or to the socket at a path; cut off at the end.

    Raises:
        OSError: as `trouble.judge` understands it.
    """
    connection = await (_by_path(target) if target.startswith("/") else tcp.connect(*split(target)))
    try:
        reader, writer = await asyncio.open_connection(sock=connection, limit=ANSWER_BYTES_MOST)
    except BaseException:
        connection.close()
        raise
    try:
        yield Talk(reader, writer)
    finally:
        writer.close()


async def _by_path(path: str) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, path)
    except FileNotFoundError as error:
        connection.close()
        raise ConnectionRefusedError(errno.ECONNREFUSED, f"{path} is not there") from error
    except BlockingIOError as error:
        # The kernel's queue of this socket is full: for TCP the same would be a time-out.
        connection.close()
        raise TimeoutError(errno.ETIMEDOUT, f"{path} takes no more connections") from error
    except BaseException:
        connection.close()
        raise
    return connection
