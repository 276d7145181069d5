"""A service under a demand, in steps of 15 s, and what a policy costs it.

What is ordered takes work 60 s later; what is taken away goes at once, whoever still starts first.
A step is short when those that take work carry less than is asked. Over-provisioned is what is
there beyond what the step needs, starting or not. A policy sees the demand of the steps before.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from benchmarks.scaling.traces import STEP_S, Floats

CAPACITY = 25.0
START_S = 60
LAG_STEPS = 2
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Sight:
    """What a policy may know at a step. `seen`: demand of all steps before."""

    step: int
    instances: int
    ready: int
    seen: Floats


class Policy(Protocol):
    """Wants a number of instances."""

    def want(self, sight: Sight) -> int:
        """For this step."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one policy on one trace."""

    hours: float
    needed_hours: float
    over_hours: float
    short_minutes: float
    unserved_share: float
    actions: int
    days: float
    counts: list[int] = field(default_factory=list, repr=False)


class _Pool:
    """Instances, those that start among them."""

    def __init__(self, count: int) -> None:
        self.count = self.ready = count
        self._starting: deque[list[int]] = deque()

    def become_ready(self, step: int) -> None:
        while self._starting and self._starting[0][0] <= step:
            self.ready += self._starting.popleft()[1]

    def become(self, wanted: int, step: int) -> None:
        if wanted > self.count:
            self._starting.append([step + START_S // STEP_S, wanted - self.count])
        cut = max(0, self.count - wanted)
        while cut and self._starting:
            gone = min(cut, self._starting[-1][1])
            cut -= gone
            self._starting[-1][1] -= gone
            if not self._starting[-1][1]:
                self._starting.pop()
        self.ready -= cut
        self.count = wanted


def needs(demand: Floats, capacity: float = CAPACITY) -> Floats:
    """Instances that each step needs; one at least."""
    return np.maximum(1.0, np.ceil(demand / capacity - ROUNDING))


def play(demand: Floats, policy: Policy, capacity: float = CAPACITY) -> Outcome:
    """From the number that is right for the first step at 70 %."""
    need = needs(demand, capacity)
    pool = _Pool(int(np.maximum(1.0, np.ceil(demand[0] / (capacity * 0.7)))))
    counts: list[int] = []
    short_steps = actions = 0
    unserved = 0.0
    for step in range(len(demand)):
        pool.become_ready(step)
        if step >= LAG_STEPS:
            wanted = policy.want(Sight(step, pool.count, pool.ready, demand[:step]))
            wanted = max(1, wanted)
            actions += wanted != pool.count
            pool.become(wanted, step)
        counts.append(pool.count)
        missing = float(demand[step]) - pool.ready * capacity
        if missing > ROUNDING:
            short_steps += 1
            unserved += missing
    hours = STEP_S / 3600.0
    there = np.array(counts, dtype=np.float64)
    return Outcome(
        hours=float(there.sum()) * hours,
        needed_hours=float(need.sum()) * hours,
        over_hours=float(np.maximum(0.0, there - need).sum()) * hours,
        short_minutes=short_steps * STEP_S / 60.0,
        unserved_share=unserved / max(float(demand.sum()), ROUNDING),
        actions=actions,
        days=len(demand) * STEP_S / 86_400.0,
        counts=counts,
    )
