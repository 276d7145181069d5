"""The cheapest number of instances for a demand that is not certain. Pure.

Flows in: a Spread of demand, what one instance carries, what a shortage and a change are worth.
Flows out: a count, with the chance that it will not do. With N(d) the number that demand d needs,
n instances cost E[max(0, n - N)] for what is idle and price x P(N > n) for being short; the least
of it is taken unless the present number costs hardly more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from everup.auto_scaler.demand.forecast import Spread
from everup.auto_scaler.demand.past import Floats

COUNT_MOST = 10_000
ROUNDING = 1e-6
GROWS_EASIER = 0.25
"""A change to more needs to gain only so much of what one to fewer must."""


@dataclass(frozen=True, slots=True)
class Cheapest:
    """`chance`: that demand needs more than `instances`. `is_bound`: the declared bound on it, and
    not the price, has decided."""

    instances: int
    chance: float
    is_bound: bool = False
    is_kept: bool = False  # another number would be cheaper, and by too little


def needed(demand: float, capacity: float) -> int:
    """How many instances carry this demand; one at least, and no more than anybody ever has: a
    number that was misread must not cost memory by its size."""
    return max(1, math.ceil(min(demand / capacity, COUNT_MOST) - ROUNDING))


def cheapest(
    spread: Spread,
    capacity: float,
    now: int,
    *,
    shortage_price: float,
    change_price: float,
    chance_most: float = 1.0,
    least: int = 1,
) -> Cheapest:
    """At least `least`. `now`: how many there are. `chance_most`: above it no number will do."""
    needs = np.ceil(np.minimum(spread.values / capacity, COUNT_MOST) - ROUNDING)
    counts = np.maximum(1.0, needs).astype(np.int64)
    top = max(int(counts.max()), now, least)
    masses = np.bincount(counts, weights=spread.masses, minlength=top + 1)
    reached = masses.cumsum()
    enough = np.minimum(1.0, reached / reached[-1])  # [n]: chance that n will do
    idle = enough.cumsum() - enough
    costs: Floats = idle + shortage_price * (1.0 - enough)
    by_price = least + int(costs[least:].argmin())
    wanted, is_bound = by_price, False
    if 1.0 - enough[by_price] > chance_most:
        wanted = max(by_price, int(np.searchsorted(enough, 1.0 - chance_most)))
        wanted, is_bound = min(wanted, top), True
    if wanted != now and now >= least and 1.0 - enough[now] <= chance_most:
        gain = float(costs[now] - costs[wanted])
        if gain <= change_price * (GROWS_EASIER if wanted > now else 1.0):
            return Cheapest(now, float(1.0 - enough[now]), is_bound, is_kept=True)
    return Cheapest(wanted, float(1.0 - enough[wanted]), is_bound)
