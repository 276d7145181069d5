"""The ways along which failures may go, worst first. Pure.

Flows in: a fault model. Flows out: `FailurePath`s of two links or more, ranked by risk. Called by
`cascade`.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from everup.model.propagation import FailurePath, FaultModel, Link

PATHS_KEPT = 20
HOPS_MOST = 8
STEPS_MOST = 600
"""So many beginnings of paths are followed, likeliest first; what is left is less likely."""
LEAST = 1e-4


def failure_paths(model: FaultModel, hops_least: int = 2) -> tuple[FailurePath, ...]:
    """At most `PATHS_KEPT` that are not the beginning of a riskier one."""
    dependents: dict[str, list[Link]] = {}
    for link in model.links:
        if link.probability > 0.0:
            dependents.setdefault(link.target, []).append(link)
    found = [p for p in _walked(model, dependents) if len(p.services) > hops_least]
    found.sort(key=lambda p: (-p.risk, p.services))
    kept: list[FailurePath] = []
    for path in found:
        if not any(k.services[: len(path.services)] == path.services for k in kept):
            kept.append(path)
            if len(kept) == PATHS_KEPT:
                break
    return tuple(kept)


def _walked(model: FaultModel, dependents: dict[str, list[Link]]) -> Iterator[FailurePath]:
    queue: list[tuple[float, tuple[str, ...], float]] = [
        (-probability, (name,), 0.0)
        for name in model.services
        if (probability := model.own_failure.get(name, 0.0)) >= LEAST
    ]
    heapq.heapify(queue)
    for _ in range(STEPS_MOST):
        if not queue:
            return
        minus, way, delay_s = heapq.heappop(queue)
        hops = len(way) - 1
        if hops:
            yield FailurePath(way, -minus, -minus * hops, delay_s)
        if hops == HOPS_MOST:
            continue
        for link in dependents.get(way[-1], ()):
            probability = minus * min(1.0, link.probability)
            if link.dependent not in way and -probability >= LEAST:
                heapq.heappush(queue, (probability, (*way, link.dependent), delay_s + link.delay_s))
