"""An approval: Everup asks, a person answers, and the answer is used once or goes stale.

asked ──▶ approved ──▶ used        asked, approved ──▶ expired
  └─────▶ rejected                 asked, approved, rejected ──▶ withdrawn (no longer proposed)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN, ActionKind


class ApprovalState(StrEnum):
    """Where an approval is in its life; the last three are its ends."""

    ASKED = "asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({ApprovalState.ASKED, ApprovalState.APPROVED, ApprovalState.REJECTED})


@dataclass(frozen=True, slots=True)
class Approval:
    """One question. `key` is the proposal's: another proposal needs another approval."""

    id: str
    key: str
    service: str
    kind: ActionKind
    reason: str
    risk: str
    expected: str
    asked_at_s: float
    expires_at_s: float
    incident_id: str | None = None
    state: ApprovalState = ApprovalState.ASKED
    answered_at_s: float = UNKNOWN
    by: str = ""
    said: str = ""
    differs: tuple[str, ...] = ()  # what it would change, a line each
    action_id: str | None = None

    def is_stale(self, now_s: float) -> bool:
        """Too old to be answered or used. A refusal holds as long as its incident."""
        return now_s >= self.expires_at_s and self.state is not ApprovalState.REJECTED
