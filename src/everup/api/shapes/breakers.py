"""Breakers of critical dependencies, and what whoever asks before a call is told."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.model.breaker import BreakerState, TurnedBy


class BreakerShape(Shape):
    """The breaker on what `service` needs of `target`. `openings`: since it was last closed for
    long; `until_s`: while it is open, when a trial is let through. `passed`, `failed` and `slow`
    are of the present window, `calls` (by outcome) and `turned_away` since this Everup started.
    `router`: the router's servers that carry this edge alone; `is_enforced`: its traffic is turned
    away there now, `not_enforced`: why it is not although it is not closed."""

    service: str
    target: str
    state: BreakerState
    since_s: Known
    until_s: Known
    openings: int
    reason: str
    turned_by: TurnedBy
    by: str
    passed: int
    failed: int
    slow: int
    failed_in_a_row: int
    is_trial_out: bool
    calls: dict[str, int]
    turned_away: int
    router: str
    is_enforced: bool
    not_enforced: str


class BreakersShape(Shape):
    """All of them, in the order of the stack. `slow_s`: what takes as long counts as slow."""

    at_s: Known
    slow_s: float
    breakers: list[BreakerShape]


class MayCallShape(Shape):
    """`is_allowed`: call it now. With `trial`, this one call decides: tell its outcome with the
    same id within `trial_for_s`. Not allowed: ask again after `retry_after_s`. `slow_s`: what takes
    as long is to be told as slow."""

    service: str
    target: str
    state: BreakerState
    is_allowed: bool
    reason: str
    trial: str
    trial_for_s: float
    retry_after_s: float
    slow_s: float
