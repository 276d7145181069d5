"""May anything be done at all: freeze, mode, leadership, maintenance window, approval."""

from __future__ import annotations

from everup.model.decision import Check, Delayed, Proposal, Refused, Verdict
from everup.model.kinds import ActionKind, Mode, Origin, is_known
from everup.safety.context import Context

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
    for scope in ("", proposal.service):
        frozen = context.state.freezes.get(scope)
        if frozen is None or (is_known(frozen.until_s) and context.now_s >= frozen.until_s):
            continue
        what = f"service {scope}" if scope else "the stack"
        why = f"{what} is frozen by {frozen.by}" + (f": {frozen.reason}" if frozen.reason else "")
        return Delayed(Check.FREEZE, f"{why}; lift it with: everup unfreeze", frozen.until_s)
    return None


def mode(proposal: Proposal, context: Context) -> Verdict | None:
    """The mode binds our own initiative, never a person's."""
    if proposal.origin is Origin.PERSON:
        return None
    for step in proposal.steps:
        if context.stack.mode_for(step.target, step.kind) is Mode.OBSERVE:
            return Refused(
                Check.MODE, f"mode is observe for {step.kind} on {step.target}: only said, not done"
            )
    return None


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
    """Asked for by the mode, or by the care that stateful services get."""
    if proposal.origin is Origin.PERSON:
        return None
    for step in proposal.steps:
        spec = context.stack.services[step.target]
        if context.stack.mode_for(step.target, step.kind) is Mode.APPROVE:
            return Delayed(Check.APPROVAL, f"mode is approve for {step.kind}", needs_approval=True)
        if spec.is_stateful and proposal.on_running and step.kind in NEEDS_CONSENT_WHEN_STATEFUL:
            return Delayed(
                Check.APPROVAL,
                f"{step.kind} of a running stateful service needs a person's word",
                needs_approval=True,
            )
    return None
