"""One plain HTTP GET to a literal address, which is what a probe nearly always is.

Flows in: a URL. Flows out: the status line and the beginning of the body. No name to look up, no
TLS, no pool, no redirect: one socket, a few kernel calls, and h11 to understand the answer. It
takes a fifth of the CPU that a whole HTTP client does, and probes are most of what Everup does at
rest. Called by `http` for URLs that `target_of` understands; all others go the general way.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import h11

from everup.model.kinds import UNKNOWN

READ_BYTES = 16 * 1024
HEAD_MOST_BYTES = 100 * 1024
TARGETS_KEPT = 1024
DEFAULT_PORT = 80
# Only what needs no escaping, so that what is sent is what was declared.
_URL = re.compile(
    r"http://(?P<host>[0-9.]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*)?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, and what to ask for there."""

    family: socket.AddressFamily
    host: str
    port: int
    authority: str
    path: str


@dataclass(frozen=True, slots=True)
class Page:
    """What came back. `body` is the beginning of it. `certificate_ends_s`: over TLS, when the
    certificate that was shown for it ends."""

    status: int
    reason: str
    body: bytes
    certificate_ends_s: float = UNKNOWN


@lru_cache(maxsize=TARGETS_KEPT)
def target_of(url: str) -> Target | None:
    """The parts of a plain URL with a literal address; None for every other one."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    host = found["host"].strip("[]")
    port = int(found["port"] or DEFAULT_PORT)
    try:
        version = ip_address(host).version
    except ValueError:
        return None
    if not 0 < port < 65536:
        return None
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    authority = url.removeprefix("http://").partition("/")[0]
    return Target(family, host, port, authority, found["path"] or "/")


async def get(target: Target, headers: Mapping[str, str], body_most_bytes: int) -> Page:
    """Ask once. The caller sets the deadline by cancelling.

    Raises:
        OSError: no connection, or it broke. h11.RemoteProtocolError: that was no whole HTTP answer.
    """
    loop = asyncio.get_running_loop()
    with socket.socket(target.family, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, (target.host, target.port))
        wire = h11.Connection(h11.CLIENT, HEAD_MOST_BYTES)
        asked = [("host", target.authority), *headers.items()]
        question = wire.send(h11.Request(method="GET", target=target.path, headers=asked))
        await loop.sock_sendall(sock, (question or b"") + (wire.send(h11.EndOfMessage()) or b""))
        return await _answer(loop, sock, wire, body_most_bytes)


async def _answer(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, wire: h11.Connection, most_bytes: int
) -> Page:
    head: h11.Response | None = None
    body = b""
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await loop.sock_recv(sock, READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif not isinstance(event, h11.InformationalResponse):
            break
        if len(body) >= most_bytes:
            break
    if head is None:
        raise h11.RemoteProtocolError("the connection ended before an answer began")
    return Page(head.status_code, head.reason.decode("latin-1"), body[:most_bytes])
