"""An incident: one cause and every service it hurts; it ends resolved or escalated.

opened ──▶ acting ⇄ verifying ──▶ resolved
   │          │                      ▲
   └──────────┴──────▶ escalated     │ (or healed by itself)
   └─────────────────────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin


class IncidentState(StrEnum):
    """Where an incident is in its life."""

    OPEN = "open"
    RESOLVED = "resolved"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One action taken for an incident, and what came of it ("" while it is under way)."""

    action_id: str
    kind: ActionKind
    at_s: float
    result: str = ""
    error: str = ""
    origin: Origin = Origin.RECOVERY
    instance: str = ""  # "": all of them


@dataclass(frozen=True, slots=True)
class Incident:
    """One cause on one service with its victims, attempts and end."""

    id: str
    service: str
    cause: Cause
    reason: str
    opened_at_s: float
    state: IncidentState = IncidentState.OPEN
    victims: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    waiting_for: str = ""  # the gate's or the ladder's latest answer while nothing is done
    seen_at_s: float = UNKNOWN  # when the trouble began, as far as one can tell
    ended_at_s: float = UNKNOWN
    ending: str = ""  # how it was resolved, or the case for a person

    @property
    def is_open(self) -> bool:
        """Neither resolved nor escalated."""
        return self.state is IncidentState.OPEN
