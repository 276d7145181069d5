"""The PostgreSQL protocol, version 3: frames, log-in and one parameterised statement at a time.

Parameters and results travel as text. ``scram`` does the password. Used by ``clients.postgres``.
"""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

from everup.demo.stack.wire.errors import Unavailable
from everup.demo.stack.wire.http import Address
from everup.demo.stack.wire.scram import ScramClient

Row = tuple[str | None, ...]
Parameter = str | int | float | None

PROTOCOL_VERSION = 196608
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
MESSAGE_MAX_BYTES = 1 << 22


class PgError(Exception):
    """An error the server reports. ``sqlstate`` 57P03 means: it is starting up or going down."""

    def __init__(self, sqlstate: str, message: str) -> None:
        super().__init__(f"{sqlstate} {message}")
        self.sqlstate = sqlstate

    @property
    def ends_session(self) -> bool:
        """After these the server hangs up without a last word."""
        return self.sqlstate.startswith("57P")


@dataclass
class Connection:
    """One open session."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def is_open(self) -> bool:
        return not self.reader.at_eof() and not self.writer.is_closing()

    async def query(self, sql: str, *parameters: Parameter) -> list[Row]:
        """Runs one statement and returns its rows, values as text."""
        self.writer.write(
            _message(b"P", b"\0" + sql.encode() + b"\0" + struct.pack("!h", 0))
            + _message(b"B", _bind(parameters))
            + _message(b"E", b"\0" + struct.pack("!i", 0))
            + _message(b"S", b"")
        )
        rows: list[Row] = []
        failure: PgError | None = None
        while True:
            kind, body = await _read_message(self.reader)
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                failure = _error(body)
                if failure.ends_session:
                    raise failure
            elif kind == b"Z":
                if failure:
                    raise failure
                return rows

    def close(self) -> None:
        """Says good-bye and hangs up, without waiting."""
        if not self.writer.is_closing():
            self.writer.write(_message(b"X", b""))
            self.writer.close()


async def connect(
    address: Address, user: str, password: str, database: str, name: str
) -> Connection:
    """Logs in; ``name`` is shown in ``pg_stat_activity``. The caller bounds the time."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        settings = {"user": user, "database": database, "application_name": name}
        pairs = b"".join(f"{key}\0{value}\0".encode() for key, value in settings.items())
        startup = struct.pack("!i", PROTOCOL_VERSION) + pairs + b"\0"
        writer.write(struct.pack("!i", len(startup) + 4) + startup)
        await _log_in(reader, writer, password)
    except BaseException:
        writer.close()
        raise
    return Connection(reader, writer)


async def knock(address: Address) -> None:
    """Asks whether a *new* session would be served, without opening one.

    The kernel accepts connections for a stopped server; an answer to an SSL request comes from
    the server itself. It costs one fork there, and no log-in.
    """
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(SSL_REQUEST)
        if await reader.read(1) not in (b"N", b"S"):
            raise Unavailable("postgres", "takes no sessions")
    finally:
        writer.close()


async def _log_in(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, password: str
) -> None:
    scram = ScramClient(password)
    while True:
        kind, body = await _read_message(reader)
        if kind == b"E":
            raise _error(body)
        if kind == b"Z":
            return
        if kind != b"R":
            continue
        (code,) = struct.unpack("!i", body[:4])
        if code == 10:
            first = scram.first().encode()
            reply = b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first
            writer.write(_message(b"p", reply))
        elif code == 11:
            writer.write(_message(b"p", scram.final(body[4:].decode()).encode()))
        elif code == 12:
            scram.verify(body[4:].decode())
        elif code != 0:
            raise Unavailable("postgres", f"asks for log-in method {code}")


async def _read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    if not 4 <= length <= MESSAGE_MAX_BYTES:
        raise ConnectionError(f"a message of {length} bytes")
    return kind, await reader.readexactly(length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _bind(parameters: tuple[Parameter, ...]) -> bytes:
    chunks = [b"\0\0", struct.pack("!hh", 0, len(parameters))]
    for value in parameters:
        if value is None:
            chunks.append(struct.pack("!i", -1))
        else:
            data = str(value).encode()
            chunks.append(struct.pack("!i", len(data)) + data)
    chunks.append(struct.pack("!h", 0))
    return b"".join(chunks)


def _row(body: bytes) -> Row:
    (count,) = struct.unpack("!h", body[:2])
    values: list[str | None] = []
    at = 2
    for _ in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)


def _error(body: bytes) -> PgError:
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    return PgError(fields.get(b"C", "?????"), fields.get(b"M", "no message"))
