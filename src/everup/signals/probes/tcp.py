"""Asks whether a TCP port can be connected to. Flows in: host and port; flows out: an Answer.

`connect` is also how the probes with a protocol of their own get their connection. This is the
weakest of the probes: the kernel completes connections for a process that is stopped or stuck, so a
pass proves only that something listens, and the answer says so.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Sequence

from everup.model.kinds import ProbeVerdict
from everup.signals.probes.answer import Answer

_Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
_Addresses = Sequence[tuple[int, int, int, str, _Address]]

ADDRESSES_MOST = 4
PASSED = "connected; this proves only that the kernel accepts connections there"


async def ask(host: str, port: int) -> Answer:
    """Connect and close. The caller sets the deadline. Raises like `connect`."""
    with await connect(host, port):
        return Answer(ProbeVerdict.PASS, PASSED)


async def connect(host: str, port: int) -> socket.socket:
    """A connected socket, not blocking; the caller closes it.

    Raises:
        OSError: or a group of them, one for each address, as `trouble.judge` understands them.
    """
    errors: list[OSError] = []
    for family, kind, protocol, _, address in (await _addresses(host, port))[:ADDRESSES_MOST]:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, address)
            if connection.getsockname() == connection.getpeername():
                # The kernel can connect an ephemeral port to itself: nobody listens there.
                raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")
            return connection
        except OSError as error:
            connection.close()
            errors.append(error)
        except BaseException:
            connection.close()
            raise
    raise ExceptionGroup(f"no address of {host} could be connected to", errors)


async def _addresses(host: str, port: int) -> _Addresses:
    """What the name stands for; a number needs no resolver, and so no thread."""
    try:
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=numeric)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
