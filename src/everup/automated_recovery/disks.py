"""What may be done about a full disk: its owner's hook, then a person. Nobody is restarted for it.

Flows in: a confirmed finding with the cause *disk full*, and what was done lately. Flows out: a
Proposal that runs the declared hook, or an Escalate with the case. Called by `propose`.

Nothing is ever deleted or truncated in a volume by Everup: only its owner knows what may go. So
without a hook, or when it did not help, a person is told at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.automated_recovery.ladders import ladder
from everup.automated_recovery.steps import expectation_for, step_for
from everup.model.decision import HOOK, Escalate, Proposal, proposal_key
from everup.model.disk import Disk, fullest
from everup.model.incident import Incident
from everup.model.kinds import Cause, Origin
from everup.model.observation import ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import FREE_SPACE_HOOK
from everup.model.state import PastAction, ServiceState, streak

if TYPE_CHECKING:
    from everup.automated_recovery.propose import _Case

DEADLINE_WINDOWS = 3.0
SHARERS_NAMED_MOST = 8


def make_room(case: _Case) -> Proposal | Escalate:
    """The hook, as long as it helps for longer than its cooldown, and within the budget; else a
    person."""
    found, settings = case.found, case.settings
    remembered = case.state.service(found.service)
    before = lately(case.incident, remembered, settings, case.now_s)
    is_spent = len(before) >= settings.budget_per_incident or any(
        case.now_s - past.ended_at_s < settings.cache_clear_cooldown_s for past in before
    )
    has_failed = any(not past.has_passed for past in before) or _has_failed(case.incident)
    rungs = ladder(Cause.DISK_FULL, is_stateful=case.spec.is_stateful, on_running=case.on_running)
    has_hook = FREE_SPACE_HOOK in case.spec.hooks and case.on_running
    if not (has_hook and rungs) or is_spent or has_failed:
        return Escalate(found.service, found.cause, case_text(case, before, has_hook=has_hook))
    (kind,) = rungs
    step = step_for(kind, case.spec, found, settings, on_running=case.on_running)
    steps = (replace(step, parameters={**step.parameters, HOOK: FREE_SPACE_HOOK}),)
    probe = case.spec.probe
    answers_s = settings.verify_probes * probe.interval_s if probe and probe.is_owners else 0.0
    expectation = replace(
        expectation_for(case.spec, found.cause, case.assessment, case.stack, settings),
        has_room=True,
        deadline_s=DEADLINE_WINDOWS * settings.verify_window_s + answers_s,
    )
    return Proposal(
        key=proposal_key(case.stack.name, found.service, found.cause, steps),
        origin=Origin.RECOVERY,
        service=found.service,
        cause=found.cause,
        steps=steps,
        reason=found.reason,
        expectation=expectation,
        incident_id=case.incident.id if case.incident is not None else None,
        on_running=case.on_running,
    )


def lately(
    incident: Incident | None, remembered: ServiceState, settings: Settings, now_s: float
) -> list[PastAction]:
    """The hook's runs since the service was last left in peace, oldest first."""
    mine = {a.action_id for a in incident.attempts} if incident is not None else set()
    past = streak(remembered.past, now_s, settings.backoff_reset_s)
    return [
        p
        for p in reversed(past)
        if p.cause is Cause.DISK_FULL and p.has_happened and p.action_id not in mine
    ]


def _has_failed(incident: Incident | None) -> bool:
    """Was it run for this incident, and did not help? A refusal that touched nothing counts too:
    a person is told rather than asked to wait."""
    attempts = incident.attempts if incident is not None else ()
    return any(a.result and a.origin is Origin.RECOVERY for a in attempts)


def case_text(case: _Case, before: list[PastAction], *, has_hook: bool) -> str:
    """For the person: which disk, how full, who else writes to it, what was tried, what helps."""
    found = case.found
    parts = [f"{found.service}: disk full. {found.reason}."]
    disk = disk_of(case.seen)
    if disk is not None and (others := sharers(case, disk)):
        parts.append(f"The same disk is used by {', '.join(others)}.")
    parts += [
        f"{(case.now_s - p.ended_at_s) / 60:.0f} min ago its hook {FREE_SPACE_HOOK}"
        f" {'helped for a while' if p.has_passed else 'did not help'}."
        for p in before
    ]
    attempts = case.incident.attempts if case.incident is not None else ()
    for attempt in attempts:
        error = f" ({attempt.error})" if attempt.error else ""
        parts.append(f"{attempt.kind}: {attempt.result or 'under way'}{error}.")
    parts.append("Nothing in a volume is deleted by Everup, and a restart makes no room.")
    where = f"in {disk.where} of {found.service}" if disk is not None else "there"
    parts.append(f"Free space {where}, or enlarge it; then: everup heal {found.service}.")
    if not has_hook:
        parts.append(f"To have it done next time, declare a hook: {FREE_SPACE_HOOK}.")
    return " ".join(parts)


def disk_of(seen: ServiceObservation | None) -> Disk | None:
    """The fullest of its instances' disks."""
    disks = [i.instance.disk for i in seen.instances] if seen is not None else []
    return fullest([d for d in disks if d is not None])


def sharers(case: _Case, disk: Disk) -> list[str]:
    """Other services on the same device, each with where it sees it."""
    found: list[str] = []
    for name, seen in sorted(case.observed.items()):
        if name == case.found.service or not disk.device:
            continue
        theirs = disk_of(seen)
        if theirs is not None and theirs.device == disk.device:
            found.append(f"{name} at {theirs.where}")
    if len(found) > SHARERS_NAMED_MOST:
        left = len(found) - SHARERS_NAMED_MOST
        return [*found[:SHARERS_NAMED_MOST], f"{left} more"]
    return found
