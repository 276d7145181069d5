"""A report of a period: how well each service was, what was done and what would have been.

Built by `loop.report` from journal entries; given out by `GET /report` and `everup report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN, ActionKind, Cause


@dataclass(frozen=True, slots=True)
class KindRecord:
    """Actions of one kind, Everup's own or people's. `open`: neither verified nor failed yet."""

    kind: ActionKind
    begun: int = 0
    verified: int = 0
    failed: int = 0

    @property
    def success_ratio(self) -> float:
        """Of those that ended; NaN when none did."""
        ended = self.verified + self.failed
        return self.verified / ended if ended else UNKNOWN


@dataclass(frozen=True, slots=True)
class NaturalEnds:
    """How long one cause took to end by itself. `wait_s`: so long the next first action waits."""

    cause: Cause
    count: int
    p50_s: float
    p90_s: float
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One service. `availability`: share of the watched time in which no incident hurt it, NaN when
    nothing was watched. `suffered`: incidents of others that hurt it. `wrong_actions`: of
    Everup's own, on a victim, on what was well, once too often, or with harm (`loop.wrong`)."""

    service: str
    availability: float = UNKNOWN
    unwell_s: float = 0.0
    frozen_s: float = 0.0
    episodes: int = 0
    still_open: int = 0
    endings: Mapping[str, int] = field(default_factory=dict)
    escalated: int = 0
    would_have_done: int = 0
    would_be_right: int = 0
    would_be_wrong: int = 0
    natural_ends: tuple[NaturalEnds, ...] = ()
    actions: tuple[KindRecord, ...] = ()
    by_people: int = 0
    people_actions: tuple[KindRecord, ...] = ()
    suffered: int = 0
    wrong_actions: int = 0
    heal_mean_s: float = UNKNOWN
    heal_p90_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Report:
    """The stack in one period. `is_cut`: there was more in the journal than is read at once.
    `looked_since_s`: when the first controller of the period began to look."""

    since_s: float
    until_s: float
    watched_s: float
    looked_since_s: float
    frozen_s: float
    services: tuple[ServiceReport, ...]
    is_cut: bool = False
