"""Cascade risk: how likely a failure spreads, to whom, and through which weak points. Pure.

Flows in: a fault model and a seed. Flows out: `CascadeRisk`, whose numbers are probabilities under
that model (docs/cascade-risk.md). Exact where little is uncertain, drawn otherwise: the same seed
gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from everup.dependency_monitor.paths import failure_paths
from everup.dependency_monitor.reach import Reach, reach
from everup.dependency_monitor.worlds import spread, wire, worlds_of
from everup.model.propagation import CascadeRisk, FaultModel, SinglePoint

RISK_WORLDS = 2048
SINGLE_POINTS_KEPT = 50
HURT_AT_LEAST = 2
"""A service that so many others would likely not survive is a single point of failure."""
LIKELY = 0.5


def cascade_risk(
    model: FaultModel,
    seed: int = 0,
    worlds: int = RISK_WORLDS,
    spare: Collection[str] = (),
    reaches: Reach | None = None,
) -> CascadeRisk:
    """Of each service and of the stack. `spare`: services with another instance or a standby.

    `reaches`: of the same links, where somebody has it already.
    """
    wiring = wire(model)
    if not wiring.names:
        return CascadeRisk({}, 0.0, 0.0, 0.0)
    drawn = worlds_of(model, worlds, seed)
    hurt = spread(wiring, drawn.live, drawn.failed) & ~drawn.failed
    each = drawn.probability(hurt)
    anybody = drawn.probability(np.bitwise_or.reduce(hurt, axis=0))
    known = reach(model, seed) if reaches is None else reaches
    return CascadeRisk(
        services={name: float(each[i]) for i, name in enumerate(wiring.names)},
        stack=float(anybody),
        expected=float(each.sum()),
        error=drawn.error,
        paths=failure_paths(model),
        single_points=single_points(known, spare),
    )


def single_points(known: Reach, spare: Collection[str] = ()) -> tuple[SinglePoint, ...]:
    """Those without a spare whose failure hurts at least `HURT_AT_LEAST` others, each more likely
    than not; worst first, at most `SINGLE_POINTS_KEPT`."""
    likely = known.hurt >= LIKELY
    counts, expected = likely.sum(axis=0) - 1, known.hurt.sum(axis=0) - 1.0
    worst = sorted(
        (-float(expected[b]), name, b)
        for name, b in known.column.items()
        if counts[b] >= HURT_AT_LEAST and name not in spare
    )
    return tuple(
        SinglePoint(
            name,
            -minus,
            tuple(s for a in np.flatnonzero(likely[:, b]) if (s := known.services[a]) != name),
        )
        for minus, name, b in worst[:SINGLE_POINTS_KEPT]
    )
