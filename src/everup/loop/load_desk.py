"""The latest load of every service, put together from what its router and its queue say.

Flows in: what `loads` reads. Flows out: a Load for the observation, in which what is older than two
intervals is unknown. Never waits. Part of the desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model.load import Load

QUEUE = "queue"


class LoadDesk:
    """Of one stack. `limit_s`: what is older is not known any more."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._routed: Mapping[str, Load] = {}
        self._queues: dict[str, tuple[float, float]] = {}

    def take_router(self, loads: Mapping[str, Load]) -> None:
        """Of all services that the router counts."""
        self._routed = loads

    def take_queue(self, service: str, at_s: float, length: float) -> None:
        """Entries that waited at that time."""
        self._queues[service] = (at_s, length)

    def forget(self) -> None:
        """Nobody looked for long, or the clock jumped."""
        self._routed = {}
        self._queues.clear()

    @property
    def is_empty(self) -> bool:
        """Nobody has counted anything yet."""
        return not self._routed and not self._queues

    def of(self, service: str, now_s: float) -> Load | None:
        """What is asked of it now; None where nobody counts, or nobody has for too long."""
        routed, queue = self._routed.get(service), self._queues.get(service)
        if routed is not None and not self._is_fresh(routed.at_s, now_s):
            routed = None
        if queue is None or not self._is_fresh(queue[0], now_s):
            return routed
        at_s, length = queue
        if routed is None:
            return Load(at_s, queue=length, source=QUEUE)
        oldest_s, source = min(at_s, routed.at_s), f"{routed.source}+{QUEUE}"
        return replace(routed, at_s=oldest_s, queue=length, source=source)

    def _is_fresh(self, at_s: float, now_s: float) -> bool:
        return 0.0 <= now_s - at_s <= self._limit_s
