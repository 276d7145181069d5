"""How many connections wait to be accepted, for every listening TCP socket of this network, how
many may wait there, and how many are established to a port.

Asks the kernel's socket diagnostics for the listening ones alone, which costs a tenth of a
millisecond. The tables in /proc hold every connection and cost a hundred times that on a busy host;
they are read only where the diagnostics are missing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Container, Iterator
from typing import NamedTuple

from everup.runtimes.processes import procfs

ANSWER_WITHIN_S = 1.0
ANSWER_BYTES_MOST = 64 * 1024
ANSWERS_MOST = 1000
CONNECTIONS_MOST = 50_000

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h
_SOCK_DIAG = 4
_BY_FAMILY = 20
_REQUEST_AND_DUMP = 0x301
_ERROR, _DONE = 2, 3
_ESTABLISHED, _LISTEN = 1, 10
_HEADER = struct.Struct("=IHHII")
_QUERY = struct.Struct("=BBBxI48x")
_PORT = struct.Struct("!H")
_QUEUE = struct.Struct("=II")
_PORT_AT = 4
_QUEUE_AT = 4 + 48 + 4
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Listener(NamedTuple):
    """Of one port, summed over its sockets. `most`: so many may wait; 0: not told."""

    waiting: int
    most: int


def listeners() -> dict[int, Listener]:
    """By local port, summed over addresses. Empty where nobody can say."""
    try:
        return _summed(row for family in _FAMILIES for row in _diagnosed(family, _LISTEN))
    except OSError:
        return _summed(
            (port, waiting, 0)
            for path in ("/proc/net/tcp", "/proc/net/tcp6")
            for port, waiting in _listed(path)
        )


def accept_queues() -> dict[int, int]:
    """Waiting connections by local port."""
    return {port: found.waiting for port, found in listeners().items()}


def established(ports: Container[int]) -> dict[int, int] | None:
    """How many connections each of these local ports has; None where nobody can say, or where
    there are more than anybody wants to count."""
    counts: dict[int, int] = {}
    seen = 0
    try:
        for family in _FAMILIES:
            for port, _, _ in _diagnosed(family, _ESTABLISHED):
                seen += 1
                if seen > CONNECTIONS_MOST:
                    return None
                if port in ports:
                    counts[port] = counts.get(port, 0) + 1
    except OSError:
        return None
    return counts


def _summed(rows: Iterator[tuple[int, int, int]]) -> dict[int, Listener]:
    found: dict[int, Listener] = {}
    for port, waiting, most in rows:
        before = found.get(port, Listener(0, 0))
        found[port] = Listener(before.waiting + waiting, before.most + most)
    return found


def _diagnosed(family: int, state: int) -> Iterator[tuple[int, int, int]]:
    """(port, waiting, how many may) of every socket of one address family in this state; the last
    two mean that of listening ones alone. Raises OSError."""
    query = _QUERY.pack(family, socket.IPPROTO_TCP, 0, 1 << state)
    header = _HEADER.pack(_HEADER.size + len(query), _BY_FAMILY, _REQUEST_AND_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as channel:
        channel.settimeout(ANSWER_WITHIN_S)
        channel.send(header + query)
        for _ in range(ANSWERS_MOST):
            for kind, body in messages(channel.recv(ANSWER_BYTES_MOST)):
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError("the kernel has no socket diagnostics")
                port = _PORT.unpack_from(body, _PORT_AT)[0]
                yield port, *_QUEUE.unpack_from(body, _QUEUE_AT)
        raise OSError("the kernel's socket diagnostics do not end")


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each netlink message in one answer."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _listed(path: str) -> Iterator[tuple[int, int]]:
    return parse_table(procfs.read_bytes(path) or b"")


def parse_table(content: bytes) -> Iterator[tuple[int, int]]:
    """(port, waiting) of the listening rows of /proc/net/tcp, which the kernel puts first."""
    for line in content.splitlines()[1:]:
        columns = line.split(None, 5)
        if len(columns) < 6 or columns[3] != b"0A":
            return
        yield int(columns[1].rpartition(b":")[2], 16), int(columns[4].rpartition(b":")[2], 16)
