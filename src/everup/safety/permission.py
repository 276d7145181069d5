"""May anything be done at all: freeze, mode, leadership, maintenance window, approval."""

from __future__ import annotations

from everup.model.approval import ApprovalState
from everup.model.decision import Check, Delayed, Proposal, Refused, Step, Verdict
from everup.model.kinds import ActionKind, Mode, Origin
from everup.model.state import Freeze
from everup.safety.context import Context
from everup.safety.freezes import freeze_on, why_frozen
from everup.safety.modes import mode_in_force

NEEDS_CONSENT_WHEN_STATEFUL = frozenset(
    {
        ActionKind.CONTAINER_RESTART,
        ActionKind.RECREATE,
        ActionKind.ISOLATE,
        ActionKind.FAILOVER,
        ActionKind.SCALE_OUT,
        ActionKind.EMERGENCY_ROLLBACK,
    }
)


def freeze(proposal: Proposal, context: Context) -> Verdict | None:
    """Somebody said: hands off."""
    frozen = freeze_on(
        proposal.service, context.stack, context.state, context.observation, context.now_s
    )
    if frozen is None:
        return None
    return Delayed(Check.FREEZE, f"{why_frozen(frozen)}; {_how_to_lift(frozen)}", frozen.until_s)


def _how_to_lift(frozen: Freeze) -> str:
    if frozen.by in ("a file", "a label"):
        return f"remove {frozen.by.replace('a ', 'the ')} to lift it"
    return f"lift it with: everup unfreeze {frozen.scope}".rstrip()


def mode(proposal: Proposal, context: Context) -> Verdict | None:
    """The mode binds our own initiative, never a person's."""
    if proposal.origin is Origin.PERSON:
        return None
    for step in proposal.steps:
        if _mode_of(step, context) is Mode.OBSERVE:
            return Refused(
                Check.MODE, f"mode is observe for {step.kind} on {step.target}: only said, not done"
            )
    return None


def _mode_of(step: Step, context: Context) -> Mode:
    return mode_in_force(context.stack, context.observation, step.target, step.kind)


def leadership(proposal: Proposal, context: Context) -> Verdict | None:
    """Only a controller that holds the stack and can write its journal may act."""
    if context.cannot_act:
        return Delayed(Check.LEADERSHIP, context.cannot_act)
    return None


def maintenance(proposal: Proposal, context: Context) -> Verdict | None:
    """A window in which the owner works on the stack."""
    for window in context.stack.maintenance:
        if window.covers(context.local_minute, context.weekday, proposal.service):
            left_min = (window.to_minute - context.local_minute) % (24 * 60)
            return Delayed(
                Check.MAINTENANCE,
                f"maintenance window, {left_min} min left",
                context.now_s + 60.0 * left_min,
            )
    return None


def approval(proposal: Proposal, context: Context) -> Verdict | None:
    """Asked for by the mode, or by the care that stateful services get; given for one proposal,
    for a while, and used once."""
    if proposal.origin is Origin.PERSON:
        return None
    why = _why_consent(proposal, context)
    if not why:
        return None
    given = context.state.approvals.get(proposal.key)
    if given is None or given.is_stale(context.now_s):
        return Delayed(Check.APPROVAL, why, needs_approval=True)
    if given.state is ApprovalState.APPROVED:
        return None
    if given.state is ApprovalState.REJECTED:
        said = f": {given.said}" if given.said else ""
        return Refused(Check.APPROVAL, f"{given.by} said no to {given.id}{said}")
    text = f"{why}; asked as {given.id}, answer with: everup approve {given.id}"
    return Delayed(Check.APPROVAL, text, given.expires_at_s, needs_approval=True)


def _why_consent(proposal: Proposal, context: Context) -> str:
    if proposal.must_ask:
        return proposal.must_ask
    for step in proposal.steps:
        spec = context.stack.services[step.target]
        if _mode_of(step, context) is Mode.APPROVE:
            return f"mode is approve for {step.kind} on {step.target}"
        if spec.is_stateful and proposal.on_running and step.kind in NEEDS_CONSENT_WHEN_STATEFUL:
            return f"{step.kind} of a running stateful service needs a person's word"
    return ""
