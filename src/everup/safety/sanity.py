"""Can we trust what we see: our own senses, mass failures, changes that somebody else makes."""

from __future__ import annotations

from everup.model.decision import Check, Delayed, Proposal, Refused, Verdict
from everup.model.kinds import ActionKind, Origin, is_known
from everup.model.restore import RESTORE
from everup.model.safe_point import FROM
from everup.model.scaling import BEFORE
from everup.safety.context import Context

PERSONS_OWN = frozenset({ActionKind.START, ActionKind.STOP})


def monitor_sane(proposal: Proposal, context: Context) -> Verdict | None:
    """Nothing is done while we, the host or the engine are the likely fault.

    A person's start and stop say what is wanted and need no diagnosis.
    """
    if proposal.origin is Origin.PERSON and proposal.kind in PERSONS_OWN:
        return None
    fault = monitor_fault(context)
    if fault:
        return Delayed(Check.MONITOR_SANE, fault)
    memory = context.memory
    if not is_known(memory.complete_since_s):
        return Delayed(Check.MONITOR_SANE, "no complete observation yet")
    if is_known(memory.hold_until_s) and context.now_s < memory.hold_until_s:
        text = "history broke (suspend, clock jump or new host): watching one window first"
        return Delayed(Check.MONITOR_SANE, text, memory.hold_until_s)
    return None


def monitor_fault(context: Context) -> str:
    """Why we cannot trust our eyes now, with what would end it; "" when we can."""
    monitor = context.observation.monitor
    if monitor.engine_fault:
        return f"the engine does not answer ({monitor.engine_fault}); ends when it does"
    if monitor.faults:
        return f"our own senses fail ({'; '.join(monitor.faults)}); ends when they work again"
    stale = len(monitor.stale)
    total = max(1, len(context.stack.services))
    settings = context.settings
    if stale >= settings.mass_failure_least and stale / total > settings.mass_failure_ratio:
        return f"{stale} of {total} services could not be read; ends when they can"
    return _mass_failure(context)


def _mass_failure(context: Context) -> str:
    """Too many independent roots at once, none of them a death that the engine reported."""
    settings, total = context.settings, max(1, context.stack.independent)
    fresh, silent = context.fresh_roots, context.silent_checks
    if is_mass(fresh, context):
        return (
            f"{fresh} services fell ill by themselves within {settings.mass_failure_window_s:g} s "
            f"({total} need no other), which looks like our fault or the host's; "
            "ends when fewer are, or when it lasts longer than that"
        )
    if is_mass(silent, context):
        return (
            f"the checks of {silent} services have no answer in time ({total} need no other), and "
            "none is proven to hang, which looks like the host's fault; ends when fewer are"
        )
    return ""


def is_mass(many: int, context: Context) -> bool:
    """Are so many of those that need no other too many at once?"""
    settings, total = context.settings, max(1, context.stack.independent)
    return many >= settings.mass_failure_least and many / total > settings.mass_failure_ratio


def someone_elses_change(proposal: Proposal, context: Context) -> Verdict | None:
    """Wait until somebody else's change to this service has been quiet for a while. Undoing that
    very change does not wait for it. Whoever stops it has it until it has ended, or lives on. What
    became something else is read anew before anything is done: it may need more care."""
    if ending := _is_being_stopped(proposal, context):
        return Delayed(Check.SOMEONE_ELSES_CHANGE, ending)
    if unread := _is_unread(proposal, context):
        return Delayed(Check.SOMEONE_ELSES_CHANGE, unread)
    if proposal.kind is ActionKind.EMERGENCY_ROLLBACK:
        return _undoes_a_change(proposal, context)
    at_s = context.observation.changes.get(proposal.service)
    if at_s is None or (proposal.origin is Origin.PERSON and proposal.kind in PERSONS_OWN):
        return None
    since_s = context.observation.changing_since.get(proposal.service, at_s)
    settings = context.settings
    due_s = min(at_s + settings.change_quiet_s, since_s + settings.change_most_s)
    if context.now_s < due_s:
        text = f"somebody else is changing {proposal.service} since {context.now_s - since_s:.0f} s"
        return Delayed(Check.SOMEONE_ELSES_CHANGE, text, due_s)
    return None


def _is_unread(proposal: Proposal, context: Context) -> str:
    if proposal.origin is Origin.PERSON:
        return ""
    for step in proposal.steps:
        restraint = context.observation.restraints.get(step.target)
        if restraint is not None and restraint.unread:
            return f"{restraint.unread}; ends when Everup has begun anew over it"
    return ""


def _is_being_stopped(proposal: Proposal, context: Context) -> str:
    if proposal.origin is Origin.PERSON and proposal.kind in PERSONS_OWN:
        return ""
    seen = context.observation.services.get(proposal.service)
    target = proposal.steps[0].instance
    for one in (i.instance for i in seen.instances) if seen is not None else ():
        if one.ending and target in ("", one.name):
            return f"somebody is stopping {one.name} ({one.ending})"
    return ""


def _undoes_a_change(proposal: Proposal, context: Context) -> Verdict | None:
    """By our own initiative only what was changed lately and never was well since; of a set that
    was changed together, also who is well. A person may go back whenever there is something to go
    back to."""
    if proposal.origin is Origin.PERSON:
        return None
    remembered, settings = context.state.service(proposal.service), context.settings
    is_of_a_set = RESTORE in proposal.steps[0].parameters
    parameters = proposal.steps[0].parameters
    changed_s = remembered.altered_at_s if is_of_a_set else remembered.unproven_since_s
    is_other = parameters.get(FROM) != remembered.version
    is_other = is_other or parameters.get(BEFORE, remembered.counted) != remembered.counted
    if not is_known(changed_s) or is_other:
        text = f"{proposal.service} was not changed since it was last well: nothing to undo"
        return Refused(Check.SOMEONE_ELSES_CHANGE, text)
    if context.now_s - changed_s > settings.rollback_window_s:
        text = f"{proposal.service} was changed more than {settings.rollback_window_s:g} s ago"
        return Refused(Check.SOMEONE_ELSES_CHANGE, text)
    if remembered.is_undone:
        text = f"this change of {proposal.service} was undone once already"
        return Refused(Check.SOMEONE_ELSES_CHANGE, text)
    return None
