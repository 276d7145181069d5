"""As much of HTTP/1.1 as the services need: JSON in, JSON out.

``read_request`` and ``render`` serve ``server``; ``call`` is the client.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

LOOPBACK = "127.0.0.1"
Address = tuple[str, int]
"""Where an instance listens."""
BODY_MAX_BYTES = 1 << 20
HEADERS_MAX = 64

REASONS = {
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class BadRequest(Exception):
    """What came in is no request that this server understands."""


@dataclass(frozen=True)
class Request:
    """One request, read to its end."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; an empty body is an empty object."""
        if not self.body:
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise BadRequest(f"the body is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadRequest("the body must be a JSON object")
        return value

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, or None when the client is done."""
    line = await reader.readline()
    if not line.strip():
        return None
    try:
        method, target, _version = line.decode("latin-1").split()
    except ValueError as error:
        raise BadRequest("no request line") from error
    headers = await _read_headers(reader)
    body = await _read_body(reader, headers)
    parts = urlsplit(target)
    return Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)


async def _read_headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        line = (await reader.readline()).decode("latin-1").strip()
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise BadRequest("too many headers")


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_MAX_BYTES:
        raise BadRequest("no acceptable content-length")
    return await reader.readexactly(int(length)) if int(length) else b""


def render(status: int, payload: Any, *, keep_alive: bool = False) -> bytes:
    """A response in full; a string goes out as text, everything else as JSON."""
    is_text = isinstance(payload, str)
    body = payload.encode() if is_text else json.dumps(payload).encode()
    head = (
        f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\n"
        f"content-type: {'text/plain; charset=utf-8' if is_text else 'application/json'}\r\n"
        f"content-length: {len(body)}\r\n"
        f"connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return head.encode("latin-1") + body


async def call(
    address: Address,
    method: str,
    path: str,
    payload: Any = None,
    *,
    timeout_s: float,
    name: str = LOOPBACK,
) -> tuple[int, Any]:
    """One request on a connection of its own: (status, decoded answer). ``name`` is what the
    other side is called, in its own eyes too.

    Raises OSError, EOFError or TimeoutError when there is no whole answer in time.
    """
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(*address)
        try:
            body = b"" if payload is None else json.dumps(payload).encode()
            head = (
                f"{method} {path} HTTP/1.1\r\nhost: {name}:{address[1]}\r\nconnection: close\r\n"
                f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode("latin-1") + body)
            return await _read_response(reader)
        finally:
            writer.close()


async def _read_response(reader: asyncio.StreamReader) -> tuple[int, Any]:
    line = (await reader.readline()).split()
    if len(line) < 2 or not line[1].isdigit():
        raise EOFError("closed before an answer")
    headers = await _read_headers(reader)
    body = await _read_body(reader, headers)
    if headers.get("content-type", "").startswith("application/json"):
        return int(line[1]), json.loads(body)
    return int(line[1]), body.decode(errors="replace")
