"""RESP2, the protocol of Redis: ``encode`` a command, ``read_reply``."""

from __future__ import annotations

import asyncio

Reply = None | int | str | list["Reply"]

BULK_MAX_BYTES = 1 << 20
ARRAY_MAX = 4096


class RedisError(Exception):
    """An error reply. ``code`` is its first word: ``NOAUTH``, ``LOADING``, ``WRONGTYPE``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message.partition(" ")[0]


class ProtocolError(ConnectionError):
    """Bytes that are no RESP, or too many: the connection cannot be used any more."""


def encode(*parts: str | int | float) -> bytes:
    """One command as an array of bulk strings."""
    chunks = [f"*{len(parts)}\r\n".encode()]
    for part in parts:
        data = str(part).encode()
        chunks.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(chunks)


async def read_reply(reader: asyncio.StreamReader) -> Reply:
    """One reply. An error reply is raised, since nobody here expects one inside of an array."""
    line = await reader.readline()
    if not line.endswith(b"\r\n"):
        raise EOFError("closed within a reply")
    kind, rest = line[:1], line[1:-2].decode()
    match kind:
        case b"+":
            return rest
        case b"-":
            raise RedisError(rest)
        case b":":
            return int(rest)
        case b"$":
            return await _read_bulk(reader, _length(rest, BULK_MAX_BYTES))
        case b"*":
            count = _length(rest, ARRAY_MAX)
            return None if count < 0 else [await read_reply(reader) for _ in range(count)]
    raise ProtocolError(f"unknown reply type {kind!r}")


def _length(text: str, at_most: int) -> int:
    try:
        length = int(text)
    except ValueError as error:
        raise ProtocolError(f"not a length: {text!r}") from error
    if not -1 <= length <= at_most:
        raise ProtocolError(f"length {length} is out of bounds")
    return length


async def _read_bulk(reader: asyncio.StreamReader, length: int) -> str | None:
    if length < 0:
        return None
    data = await reader.readexactly(length + 2)
    return data[:-2].decode(errors="replace")
