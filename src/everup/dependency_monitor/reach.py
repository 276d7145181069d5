"""Who suffers if one service fails, how likely and how soon. Pure.

Flows in: a fault model. Flows out: `Reach` (all pairs) or `WhatIf` (one service). Called by
`cascade`, `suspects` and by whoever asks what if.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from everup.dependency_monitor.worlds import FULL, WORD, Wiring, Worlds, spread, wire, worlds_of
from everup.model.propagation import FaultModel, Link, Suffering, WhatIf
from everup.model.signals import Floats

REACH_WORLDS = 256
WHAT_IF_WORLDS = 4096
WORDS_MOST = 1 << 23
"""Words of one pass over all pairs (64 MB): for more services fewer worlds are drawn."""
LEAST = 0.005  # less likely than this is not worth a line


@dataclass(frozen=True, slots=True)
class Reach:
    """`hurt[a, b]`: probability that service number a is hurt if source number b fails, 1 where
    they are the same. `column`: source → b."""

    services: tuple[str, ...]
    sources: tuple[str, ...]
    number: dict[str, int]
    column: dict[str, int]
    hurt: Floats
    error: float

    def of(self, dependent: str, failed: str) -> float:
        """0 for services that are not in the model."""
        a, b = self.number.get(dependent), self.column.get(failed)
        return 0.0 if a is None or b is None else float(self.hurt[a, b])

    def expected(self, failed: str) -> float:
        """How many others are hurt on average if this source fails."""
        return float(self.hurt[:, self.column[failed]].sum() - 1.0)


def reach(
    model: FaultModel,
    seed: int = 0,
    worlds: int = REACH_WORLDS,
    sources: Sequence[str] | None = None,
) -> Reach:
    """Of each source (None: every service) to every service, by the links alone."""
    wiring = wire(model)
    wanted = wiring.names if sources is None else tuple(s for s in sources if s in wiring.number)
    size = len(wiring.names) * len(wanted)
    column = {name: index for index, name in enumerate(wanted)}
    if not size:
        empty = np.zeros((len(wiring.names), 0))
        return Reach(wiring.names, wanted, wiring.number, column, empty, 0.0)
    most = max(WORD, WORD * (WORDS_MOST // size))
    drawn = worlds_of(model, min(worlds, most), seed, with_failures=False)
    start = np.zeros((len(wiring.names), len(wanted), drawn.failed.shape[1]), dtype=np.uint64)
    for name, index in column.items():
        start[wiring.number[name], index] = FULL
    hurt = drawn.probability(spread(wiring, drawn.live, start))
    return Reach(wiring.names, wanted, wiring.number, column, hurt, drawn.error)


def what_if(model: FaultModel, service: str, seed: int = 0, worlds: int = WHAT_IF_WORLDS) -> WhatIf:
    """If this one failed now, and no other did by itself. Raises KeyError for an unknown one."""
    wiring = wire(model)
    failed = wiring.number[service]
    drawn = worlds_of(model, worlds, seed, with_failures=False)
    hurt = _hurt_by(failed, wiring, drawn)
    likeliest = _ways(model, service, lambda link: -math.log(min(1.0, link.probability)))
    fastest = _ways(model, service, lambda link: link.delay_s)
    found = [
        Suffering(
            name,
            float(hurt[number]),
            likeliest[name][0],
            likeliest[name][1],
            fastest[name][1],
        )
        for name, number in wiring.number.items()
        if number != failed and hurt[number] >= LEAST and name in likeliest
    ]
    found.sort(key=lambda s: (-s.probability, s.delay_s, s.service))
    expected = float(hurt.sum() - hurt[failed])
    return WhatIf(service, tuple(found), expected, drawn.error)


def _hurt_by(failed: int, wiring: Wiring, drawn: Worlds) -> Floats:
    start = np.zeros_like(drawn.failed)
    start[failed] = FULL
    return drawn.probability(spread(wiring, drawn.live, start))


def _ways(
    model: FaultModel, service: str, cost: Callable[[Link], float]
) -> dict[str, tuple[tuple[str, ...], float]]:
    """Dijkstra's: each service that can be reached → the cheapest way from the failed one, and the
    sum of the delays on it."""
    dependents: dict[str, list[Link]] = {}
    for link in model.links:
        if link.probability > 0.0 and link.dependent != link.target:
            dependents.setdefault(link.target, []).append(link)
    found: dict[str, tuple[tuple[str, ...], float]] = {}
    queue: list[tuple[float, tuple[str, ...], float]] = [(0.0, (service,), 0.0)]
    while queue:
        spent, way, delay_s = heapq.heappop(queue)
        if way[-1] in found:
            continue
        found[way[-1]] = (way, delay_s)
        for link in dependents.get(way[-1], ()):
            if link.dependent not in found:
                step = (spent + cost(link), (*way, link.dependent), delay_s + link.delay_s)
                heapq.heappush(queue, step)
    return found
