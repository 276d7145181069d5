"""The fold of approvals: asked, answered, used or over. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`, and by
`fold_actions`, since an action uses its approval up.
"""

from __future__ import annotations

from dataclasses import replace

from everup.loop.changes import without
from everup.model import entries as e
from everup.model.approval import Approval, ApprovalState
from everup.model.state import StackState

PAST_APPROVALS_MOST = 50


def asked(state: StackState, entry: e.ApprovalAsked) -> StackState:
    """A person is asked."""
    approval = Approval(
        id=entry.approval_id,
        key=entry.key,
        service=entry.service,
        kind=entry.kind,
        reason=entry.reason,
        risk=entry.risk,
        expected=entry.expected,
        asked_at_s=entry.at_s,
        expires_at_s=entry.expires_at_s,
        incident_id=entry.incident_id,
        differs=entry.differs,
    )
    return replace(state, approvals={**state.approvals, entry.key: approval})


def answered(state: StackState, entry: e.ApprovalAnswered) -> StackState:
    """A person has answered."""
    found = state.approval(entry.approval_id)
    if found is None or found.key not in state.approvals:
        return state
    now = replace(
        found,
        state=ApprovalState.APPROVED if entry.is_approved else ApprovalState.REJECTED,
        answered_at_s=entry.at_s,
        by=entry.by,
        said=entry.reason,
    )
    return replace(state, approvals={**state.approvals, found.key: now})


def over(state: StackState, entry: e.ApprovalEnded) -> StackState:
    """It is over without an answer, or by another way."""
    found = state.approval(entry.approval_id)
    return state if found is None else end_approval(state, found.key, entry.state, None)


def end_approval(
    state: StackState, key: str, how: ApprovalState, action_id: str | None
) -> StackState:
    """The approval of this key belongs to the past."""
    found = state.approvals.get(key)
    if found is None:
        return state
    ended = replace(found, state=how, action_id=action_id)
    past = (*state.past_approvals, ended)[-PAST_APPROVALS_MOST:]
    return replace(state, approvals=without(state.approvals, key), past_approvals=past)
