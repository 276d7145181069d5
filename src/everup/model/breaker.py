"""A breaker on one critical dependency: what it is, what is heard of it, what whoever asks is told.

The state machine is `dependency_monitor.breaker`'s; what outlives a restart of ours is a fold of
the journal's `BreakerTurned`. Read by the loop, which moves it, and by the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import UNKNOWN

EDGE_MARK = ">"
OUTCOMES_MOST = 1000
"""Told at once."""


class BreakerState(StrEnum):
    """May the dependent call what it needs?

    closed ──too many failures──▶ open ──its time is over──▶ half_open
       ▲                           ▲                           │  │
       │                           └──────the trial failed─────┘  │
       └────────────────the trial passed──────────────────────────┘
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class TurnedBy(StrEnum):
    """What opened or closed it: outcomes of real calls, our own probes, a person, or a mitigation
    that wants the dependency not to be called while it is sick."""

    CALLS = "calls"
    PROBES = "probes"
    PERSON = "person"
    MITIGATION = "mitigation"


class CallOutcome(StrEnum):
    """How one call ended. One letter each, so that many fit into one line, in their order."""

    PASSED = "p"
    FAILED = "f"
    SLOW = "s"  # it passed, and took too long


@dataclass(frozen=True, slots=True, order=True)
class EdgeName:
    """`service` needs `target`."""

    service: str
    target: str

    def __str__(self) -> str:
        return f"{self.service}{EDGE_MARK}{self.target}"


@dataclass(frozen=True, slots=True)
class Turn:
    """What a breaker is since `at_s`, and why: all of it that is written down.

    `openings`: how often it opened since it was last closed for long. `until_s`: while it is open,
    when a trial is let through; NaN otherwise.
    """

    state: BreakerState = BreakerState.CLOSED
    at_s: float = UNKNOWN
    openings: int = 0
    until_s: float = UNKNOWN
    reason: str = ""
    turned_by: TurnedBy = TurnedBy.CALLS
    by: str = "everup"


@dataclass(frozen=True, slots=True)
class BreakerAnswer:
    """What whoever asks is told. `trial`: the id under which this one call is the trial; its
    outcome is to be told with it within `trial_for_s`. `retry_after_s`: when to ask again, where
    the call is not allowed."""

    edge: EdgeName
    state: BreakerState
    is_allowed: bool
    reason: str = ""
    trial: str = ""
    trial_for_s: float = 0.0
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A breaker as it is shown. Counts are of the present window; `turned_away` and `calls`, by
    outcome, since this Everup started. `group`: the router's group of servers that carries this
    edge alone, "" where there is none; `is_enforced`: its traffic is turned away there now,
    `not_enforced` why not."""

    edge: EdgeName
    turn: Turn
    passed: int = 0
    failed: int = 0
    slow: int = 0
    failed_in_a_row: int = 0
    is_trial_out: bool = False
    turned_away: int = 0
    calls: Mapping[str, int] = field(default_factory=dict)
    group: str = ""
    is_enforced: bool = False
    not_enforced: str = ""

    @property
    def is_closed(self) -> bool:
        """Nothing stands against calling."""
        return self.turn.state is BreakerState.CLOSED
