"""The life of approvals: asked for once, ended when stale or no longer proposed. Pure but for ids.

Flows in: this look's decisions, state, time. Flows out: entries. Called by `record`. The person's
answer is written by `hear`; using one is the intent that carries its key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from everup.loop.look import Decision
from everup.loop.ports import Ids
from everup.model import entries as e
from everup.model.approval import Approval, ApprovalState
from everup.model.decision import Delayed, Proposal
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.safety import Context, expected_of, risk_of

if TYPE_CHECKING:
    from everup.loop.control import Control


Shown = Callable[[Proposal], tuple[str, ...] | None]
"""What a proposal would change, for whoever is asked; None: it is not known yet."""


def nothing_shown(proposal: Proposal) -> tuple[str, ...] | None:
    """Where a proposal says all that there is."""
    return ()


def follow_approvals(
    decisions: Sequence[Decision], context: Context, ids: Ids, shown: Shown = nothing_shown
) -> list[e.Entry]:
    """Entries for all that changed since the last look."""
    now_s, state = context.now_s, context.state
    proposed = {d.proposal.key: d for d in decisions if d.proposal is not None}
    busy = {d.service for d in decisions if d.proposal is not None}
    found: list[e.Entry] = []
    for approval in state.approvals.values():
        if approval.is_stale(now_s):
            found.append(e.ApprovalEnded(now_s, approval.id, ApprovalState.EXPIRED))
        elif _is_void(approval, context, has_other=approval.service in busy, keys=set(proposed)):
            found.append(e.ApprovalEnded(now_s, approval.id, ApprovalState.WITHDRAWN))
    ended = {entry.approval_id for entry in found if isinstance(entry, e.ApprovalEnded)}
    for key, decision in proposed.items():
        known = state.approvals.get(key)
        if known is not None and known.id not in ended:
            continue
        if isinstance(decision.verdict, Delayed) and decision.verdict.needs_approval:
            proposal = decision.proposal
            differs = None if proposal is None else shown(proposal)
            if differs is not None:
                found.append(_question(decision, context, ids, differs))
    return found


def _is_void(approval: Approval, context: Context, *, has_other: bool, keys: set[str]) -> bool:
    """Its incident is over, or something else is proposed for its service now."""
    if approval.key in keys:
        return False
    is_over = approval.incident_id not in context.state.incidents
    return is_over or (has_other and approval.service not in context.state.in_flight)


def _question(
    decision: Decision, context: Context, ids: Ids, differs: tuple[str, ...]
) -> e.ApprovalAsked:
    proposal = decision.proposal
    assert proposal is not None
    return e.ApprovalAsked(
        at_s=context.now_s,
        approval_id=ids.new("apr"),
        key=proposal.key,
        service=proposal.service,
        kind=proposal.kind,
        reason=f"{proposal.cause}: {proposal.reason}",
        risk=risk_of(proposal, context),
        expected=expected_of(proposal),
        expires_at_s=context.now_s + context.settings.approval_lives_s,
        incident_id=proposal.incident_id,
        differs=differs,
    )


async def hear(control: Control, request: Request) -> Answer:
    """A person's word on an approval; the next look judges again and acts if it still may."""
    now_s = control.clock.now()
    found = control.state.approval(request.approval_id)
    no = refusal(request, found, now_s)
    if no is not None or found is None:
        return no or Answer(AnswerState.REFUSED, "unknown")
    await control.write([answered(request, found, now_s)])
    control.wake("approval")
    did = "approved" if request.verb is Verb.APPROVE else "rejected"
    return Answer(AnswerState.DONE, f"{did}: {found.kind} on {found.service} ({found.id})")


def refusal(request: Request, found: Approval | None, now_s: float) -> Answer | None:
    """Why this answer cannot be taken; None when it can."""
    if found is None:
        text = f"there is no approval {request.approval_id!r}; see: everup approve"
        return Answer(AnswerState.REFUSED, text, check="unknown_approval")
    if found.state is not ApprovalState.ASKED:
        by = f" by {found.by}" if found.by else ""
        return Answer(AnswerState.REFUSED, f"{found.id} is {found.state}{by}", check="approval")
    if found.is_stale(now_s):
        return Answer(AnswerState.REFUSED, f"{found.id} has expired", check="approval")
    return None


def answered(request: Request, found: Approval, now_s: float) -> e.ApprovalAnswered:
    """The person's word."""
    is_approved = request.verb is Verb.APPROVE
    return e.ApprovalAnswered(now_s, found.id, is_approved, request.by, request.reason)
