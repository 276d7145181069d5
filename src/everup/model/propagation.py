"""The fault propagation model: how failures spread along dependencies, and what follows from it.

A service fails by itself with a probability of its own, independent of the others. When it fails,
each service that needs it is hurt with the probability of that link, once and independently, some
time later; who is hurt hurts others in the same way. This is the independent cascade model. Built
by `dependency_monitor.fault_model`, judged by `dependency_monitor.cascade` and `reach`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """`dependent` is hurt with `probability` once `target` has failed, about `delay_s` later."""

    dependent: str
    target: str
    probability: float
    delay_s: float = 15.0


@dataclass(frozen=True, slots=True)
class FaultModel:
    """`own_failure`: service → probability (0–1) that it fails by itself within the horizon; 1 for
    one that has failed. Services that are not in it never do. Links to others are passed over."""

    services: tuple[str, ...]
    links: tuple[Link, ...]
    own_failure: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FailurePath:
    """One way a failure may go: `services` from the one that fails to the last one hurt.

    `probability`: that it fails and that every link of this path passes it on. `risk`: that times
    the number of services hurt on the way. `delay_s`: sum of the links' delays.
    """

    services: tuple[str, ...]
    probability: float
    risk: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class SinglePoint:
    """A service without another instance or standby whose failure likely hurts several others.

    `expected`: how many others are hurt on average. `hurt`: those more likely hurt than not.
    """

    service: str
    expected: float
    hurt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CascadeRisk:
    """`services`: service → probability (0–1) that a failure elsewhere hurts it, though nothing is
    wrong with itself. `stack`: that this happens to any of them. `expected`: to how many, on
    average. `error`: one standard error at most of each probability; 0: exact."""

    services: Mapping[str, float]
    stack: float
    expected: float
    error: float
    paths: tuple[FailurePath, ...] = ()
    single_points: tuple[SinglePoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Suffering:
    """Of one service if another fails: how likely it is hurt, along which likeliest way (from the
    one that fails), and after how long on that way; `soonest_s`: on the fastest way there is."""

    service: str
    probability: float
    by: tuple[str, ...]
    delay_s: float
    soonest_s: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Who suffers if `service` fails: likeliest first, then soonest. `expected`: how many."""

    service: str
    suffering: tuple[Suffering, ...]
    expected: float
    error: float


@dataclass(frozen=True, slots=True)
class Tally:
    """What was learned of one link: episodes of its target in which the dependent, well before, was
    hurt or spared, as weights that may be fractions; `delay_sum_s` over those hurt."""

    hurt: float = 0.0
    spared: float = 0.0
    delay_sum_s: float = 0.0
