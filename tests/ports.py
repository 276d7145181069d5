"""Loopback ports for tests: never the same one twice, in no worker of a machine.

A port that is only tried and let go may be given to the next who asks, and the kernel gives those
of its own range to any outgoing connection. So these lie below that range, each is claimed by a
name that its process holds until it ends, and the few above it are left for further instances.
"""

from __future__ import annotations

import random
import socket

FIRST, END, STEP = 21_000, 31_000, 8
_claims: list[socket.socket] = []


def free_port() -> int:
    """A port that nobody listens on now, and that no other test is given while this process lives.

    Raises RuntimeError when none is left.
    """
    ports = list(range(FIRST, END, STEP))
    random.SystemRandom().shuffle(ports)
    for port in ports:
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0everup-test-port-{port}")
            _try(port)
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise RuntimeError(f"no port is left between {FIRST} and {END}")


def _try(port: int) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", port))
