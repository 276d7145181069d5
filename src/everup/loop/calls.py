"""The calls that services answer, as a router counts them: one row per interval, for root causes.

Flows in: listings of the router, a while apart. Flows out: for each routed service how much of what
all suffer is its own share (`rank_roots`). Held in memory, bounded; after a restart of ours or of
the router it begins anew. Called by `traffic`, read by `assess`.

Nothing is said before there is a normal period, nor of a service that no router counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from everup.dependency_monitor.root_cause import RankedCause, rank_roots
from everup.loop.routes import Candidates
from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Observation
from everup.model.routing import Held, RouterListing, Served
from everup.model.signals import CallSeries, Floats, Symptom
from everup.model.stack import Dependency, Stack

ROWS_MOST = 240
WINDOW_ROWS, RECENT_ROWS = 3, 3
"""The latest intervals are the window in which somebody suffers, those before it are recent."""
NORMAL_ROWS_LEAST = 12


class CallRows:
    """At most `ROWS_MOST` intervals of one stack."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = tuple(services)
        self._rows: deque[Floats] = deque(maxlen=ROWS_MOST)
        self._before: Mapping[str, Served] = {}
        self._life = ""
        self._taken_at_s = UNKNOWN

    def is_due(self, at_s: float, interval_s: float) -> bool:
        """Is an interval over?"""
        return not at_s - self._taken_at_s < interval_s

    def take(
        self,
        at_s: float,
        stack: Stack,
        seen: Observation,
        listing: RouterListing,
        held: Sequence[Held],
    ) -> None:
        """One more interval: what was counted since the one before."""
        now = _totals(stack, seen, listing, held)
        if listing.life != self._life:
            self._rows.clear()
            self._before, self._life = {}, listing.life
        before = self._before
        self._before, self._taken_at_s = now, at_s
        if before:
            columns = [_since(before.get(n), now.get(n)) for n in self._services]
            self._rows.append(np.array(columns, dtype=np.float64).T)

    def ranked(
        self, edges: Mapping[str, Sequence[Dependency]]
    ) -> Mapping[Symptom, tuple[RankedCause, ...]]:
        """Symptom → services, the largest own share first; empty where nobody has a normal yet."""
        if len(self._rows) < NORMAL_ROWS_LEAST + RECENT_ROWS + WINDOW_ROWS:
            return {}
        rows = np.stack(self._rows)
        is_routed = np.asarray(np.isfinite(rows[:, 0]).any(axis=0))
        nodes = tuple(n for n, routed in zip(self._services, is_routed, strict=True) if routed)
        if not nodes:
            return {}
        calls = {name: [edge.target for edge in found] for name, found in edges.items()}
        routed = rows[:, :, is_routed]
        ends = -WINDOW_ROWS - RECENT_ROWS, -WINDOW_ROWS
        normal, recent, window = (
            CallSeries(nodes, part[:, 2], part[:, 0], part[:, 1])
            for part in (routed[: ends[0]], routed[ends[0] : ends[1]], routed[ends[1] :])
        )
        return {symptom: rank_roots(calls, normal, window, symptom, recent) for symptom in Symptom}


def _totals(
    stack: Stack, seen: Observation, listing: RouterListing, held: Sequence[Held]
) -> dict[str, Served]:
    found: dict[str, Served] = {}
    candidates = Candidates(listing, held)
    for name, spec in stack.services.items():
        service = seen.services.get(name)
        instances = [] if service is None else [i.instance for i in service.instances]
        servers = candidates.servers_of(spec, instances)
        counted = [s.served for each in servers.values() for s in each if s.served is not None]
        if counted:
            found[name] = _together(counted)
    return found


def _together(counted: Sequence[Served]) -> Served:
    """The mean latency of several servers, each as much as it was asked."""
    timed = [s for s in counted if is_known(s.latency_s)]
    weight = sum(s.requests for s in timed)
    latency_s = sum(s.latency_s * s.requests for s in timed) / weight if weight else UNKNOWN
    return Served(sum(s.requests for s in counted), sum(s.failures for s in counted), latency_s)


def _since(before: Served | None, now: Served | None) -> tuple[float, float, float]:
    """(requests, failures, latency). Totals only grow, unless a server was taken away or counted
    anew."""
    if before is None or now is None:
        return UNKNOWN, UNKNOWN, UNKNOWN
    requests, failures = now.requests - before.requests, now.failures - before.failures
    if requests < 0 or failures < 0:
        return UNKNOWN, UNKNOWN, UNKNOWN
    return requests, min(failures, requests), now.latency_s if requests else UNKNOWN
