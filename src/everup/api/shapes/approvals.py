"""Approvals: what waits for a person's word, and what became of earlier questions."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.model.approval import ApprovalState
from everup.model.kinds import ActionKind


class ApprovalShape(Shape):
    """One question. `risk` and `expected` are sentences; `differs` are lines of what it would
    change, where it goes back to something; `action_id` once it was used."""

    id: str
    service: str
    kind: ActionKind
    reason: str
    risk: str
    expected: str
    state: ApprovalState
    asked_at_s: Known
    expires_at_s: Known
    answered_at_s: Known
    by: str
    said: str
    incident_id: str | None
    action_id: str | None
    key: str
    differs: list[str]


class ApprovalsShape(Shape):
    """Open ones first, then the latest that ended, newest first."""

    approvals: list[ApprovalShape]
