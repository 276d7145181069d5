"""Finds a stretch of loopback ports that nobody uses, one decade per service."""

from __future__ import annotations

import random
import socket

from everup.demo.stack.topology import PORTS_PER_SERVICE, PROFILES

SPAN = len(PROFILES) * PORTS_PER_SERVICE
LOWEST, HIGHEST = 20_000, 30_000
"""Below what Linux gives to outgoing connections (32768 and up), which come and go."""
ATTEMPTS_MAX = 50


def free_base_port(rng: random.Random | None = None) -> int:
    """The first of ``SPAN`` free ports."""
    rng = rng or random.Random()
    for _ in range(ATTEMPTS_MAX):
        base = rng.randrange(LOWEST, HIGHEST - SPAN, 10)
        if all(_is_free(port) for port in range(base, base + SPAN)):
            return base
    raise RuntimeError(f"found no {SPAN} free ports in a row between {LOWEST} and {HIGHEST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
