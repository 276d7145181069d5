"""Listening TCP sockets of another network namespace, from the kernel's socket diagnostics.

Flows in: an open namespace. Flows out: how many connections wait there to be let in; with a wider
look also how many may wait, and how many are in. A socket asks
about the namespace it was made in, for ever, wherever it is used later. So a thread that lives for
nothing else enters the namespace, makes the socket and ends: no thread of ours stays abroad. It
needs CAP_SYS_ADMIN; `queues.py` knows what to do without.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import NamedTuple

from everup.model.kinds import UNKNOWN

ENTER_WITHIN_S = 1.0
ANSWER_WITHIN_S = 0.5
ANSWER_BYTES_MOST = 64 * 1024
ANSWERS_MOST = 200

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h, linux/sched.h
_SOCK_DIAG = 4
_BOTH_FAMILIES = 18
_REQUEST_AND_DUMP = 0x301
_ERROR, _DONE = 2, 3
_ESTABLISHED, _LISTEN = 1, 10
_NEW_NETWORK = 0x40000000
_HEADER = struct.Struct("=IHHII")
_QUERY = struct.Struct("=BBBB48xII")
_QUEUE = struct.Struct("=I")
_QUEUE_AT = 4 + 48 + 4
_SOCKET = struct.Struct("!BBxxH")
"""Family, state and local port, with which each answer begins."""
_SOURCE_AT = 8
_NAME_SERVER = bytes((127, 0, 0, 11))
"""The engine's own door in each container of a network of its own: thousands may wait there."""


def _request(states: int) -> bytes:
    body = _QUERY.pack(0, 0, 0, 0, states, 0)
    kind = _BOTH_FAMILIES
    return _HEADER.pack(_HEADER.size + len(body), kind, _REQUEST_AND_DUMP, 1, 0) + body


_REQUEST = _request(1 << _LISTEN)
_WIDE_REQUEST = _request(1 << _LISTEN | 1 << _ESTABLISHED)


class Doors(NamedTuple):
    """Over all listening sockets: how many connections may wait to be let in, and how many are in.
    NaN is unknown."""

    most: float = UNKNOWN
    connections: float = UNKNOWN


def open_inside(path: str, folder: int) -> socket.socket:
    """A diagnostics socket in the namespace. Raises OSError, PermissionError where not allowed."""
    namespace = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    made: list[socket.socket] = []
    errors: list[OSError] = []

    def enter() -> None:
        try:
            _set_namespace(namespace)
            channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)
            channel.settimeout(ANSWER_WITHIN_S)
            made.append(channel)
        except OSError as error:
            errors.append(error)
        finally:
            os.close(namespace)

    visitor = threading.Thread(target=enter, name="everup-docker-namespace", daemon=True)
    visitor.start()
    visitor.join(ENTER_WITHIN_S)
    if errors:
        raise errors[0]
    if not made:
        raise TimeoutError(f"a network namespace was not entered in {ENTER_WITHIN_S:g} s")
    return made[0]


def _set_namespace(namespace: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(namespace, _NEW_NETWORK) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def ask(channel: socket.socket) -> float:
    """Waiting connections, summed over its listening sockets. Raises OSError."""
    channel.send(_REQUEST)
    waiting = 0
    for _ in range(ANSWERS_MOST):
        answer = channel.recv(ANSWER_BYTES_MOST)
        added, is_done = parse(answer)
        waiting += added
        if is_done:
            return float(waiting)
    raise OSError("the kernel's socket diagnostics do not end")


def parse(answer: bytes) -> tuple[int, bool]:
    """(waiting, was it the end) of one datagram. Raises OSError where the kernel refuses."""
    waiting, at = 0, 0
    while at + _HEADER.size <= len(answer):
        length, kind, *_ = _HEADER.unpack_from(answer, at)
        if kind == _DONE:
            return waiting, True
        if kind == _ERROR or length < _HEADER.size:
            raise OSError("the kernel has no socket diagnostics")
        waiting += _QUEUE.unpack_from(answer, at + _HEADER.size + _QUEUE_AT)[0]
        at += (length + 3) & ~3
    return waiting, False


def survey(channel: socket.socket) -> Doors:
    """A wider look, which costs a row for each connection. Raises OSError."""
    channel.send(_WIDE_REQUEST)
    most, ports, inside = 0, set[int](), list[int]()
    for _ in range(ANSWERS_MOST):
        for kind, row in _rows(channel.recv(ANSWER_BYTES_MOST)):
            if kind == _DONE:
                connections = sum(port in ports for port in inside)
                return Doors(float(most), float(connections))
            _, state, port = _SOCKET.unpack_from(row)
            if state == _LISTEN and row[_SOURCE_AT:].startswith(_NAME_SERVER):
                continue
            if state == _LISTEN:
                ports.add(port)
                most += _QUEUE.unpack_from(row, _QUEUE_AT + _QUEUE.size)[0]
            else:
                inside.append(port)
    raise OSError("the kernel's socket diagnostics do not end")


def _rows(answer: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, socket) of each message. Raises OSError where the kernel refuses."""
    at = 0
    while at + _HEADER.size <= len(answer):
        length, kind, *_ = _HEADER.unpack_from(answer, at)
        if kind == _ERROR or length < _HEADER.size:
            raise OSError("the kernel has no socket diagnostics")
        yield kind, answer[at + _HEADER.size : at + length]
        at += (length + 3) & ~3
