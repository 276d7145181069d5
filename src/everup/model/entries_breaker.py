"""The journal's entry about breakers: each turn of one, and no single outcome.

Part of `entries`, which is where everybody takes it from.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.breaker import BreakerState, TurnedBy
from everup.model.kinds import UNKNOWN


@dataclass(frozen=True, slots=True)
class BreakerTurned:
    """The breaker on what `service` needs of `target` is another one now. `openings`: since it was
    last closed for long; `until_s`: while it is open, when a trial is let through."""

    at_s: float
    service: str
    target: str
    state: BreakerState
    openings: int
    reason: str
    turned_by: TurnedBy
    until_s: float = UNKNOWN
    by: str = "everup"
