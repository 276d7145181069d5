"""Whom the engine is asked about where its own word is all there is, and what is known meanwhile.

An answer costs the engine some milliseconds of processor. While all is well, one in a second is
asked for, the longest unasked first; the others keep their memory, and have no known use of the
processor: the same totals twice would read as if nothing had been used. Whoever fails its check is
always asked, and all are while somebody looks closely. Pure; kept by `meter`.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.runtimes.docker.accounting import Usage
from everup.runtimes.docker.containers import Container

CLOSE_S = 3.0  # whoever comes back sooner looks closely
AT_REST_PER_S = 1.0


class Turns:
    """Answers by container id, with the time at which each came."""

    def __init__(self) -> None:
        self._read_at_s = float("-inf")
        self._said: dict[str, tuple[float, Usage]] = {}

    def due(self, missing: Sequence[Container], now_s: float) -> list[Container]:
        """Whom to ask now."""
        since_s, self._read_at_s = now_s - self._read_at_s, now_s
        if since_s < CLOSE_S:
            return list(missing)
        at_rest = [c for c in missing if c.id in self._said and not fails(c)]
        at_rest.sort(key=lambda c: self._said[c.id][0])
        many = len(at_rest) if since_s > len(at_rest) else max(1, int(since_s * AT_REST_PER_S))
        well = {c.id for c in at_rest[many:]}
        return [c for c in missing if c.id not in well]

    def take(self, container: Container, answer: Usage | None, now_s: float) -> None:
        """Keep an answer; None: there was none."""
        self._said[container.id] = (now_s, answer or Usage())

    def usage(self, container: Container, now_s: float) -> Usage:
        """What is known of it now."""
        said_s, usage = self._said.get(container.id, (now_s, Usage()))
        if said_s == now_s:
            return usage
        return Usage(memory_bytes=usage.memory_bytes, memory_limit_bytes=usage.memory_limit_bytes)

    def keep_only(self, containers: Sequence[Container]) -> None:
        """Forget all others."""
        for gone in self._said.keys() - {c.id for c in containers}:
            del self._said[gone]


def fails(container: Container) -> bool:
    """Does its owner's check fail?"""
    return container.check is not None and container.check.failing_streak > 0
