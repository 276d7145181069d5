"""Is it somebody's change that makes it ill? Only of what was not proven well since. Pure.

Flows in: a confirmed finding, what is seen and remembered of the service. Flows out: the same, or
with the cause *bad deploy*. Called by `relate`.

A change counts when it was recorded, is not older than the window, and what it brought was not yet
well for long enough to be a safe point. What dies must have done so often enough since; a start of
ours that it did not survive is such a death, also where it was over before the start was.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.assessment import Finding
from everup.model.kinds import ActionKind, Cause, is_known
from everup.model.observation import ServiceObservation
from everup.model.safe_point import number_stays
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec
from everup.model.state import ServiceState
from everup.model.version import files_of, only_files_differ

DIES = frozenset({Cause.CRASH, Cause.CRASH_LOOP})
MAY_BE = frozenset({*DIES, Cause.HANG, Cause.UNHEALTHY, Cause.RECOVERING})


def by_a_change(
    found: Finding,
    spec: ServiceSpec,
    seen: ServiceObservation,
    remembered: ServiceState,
    now_s: float,
    settings: Settings,
) -> Finding:
    """A crash is none before it has died often enough: whatever it is, it is started first."""
    if found.cause not in MAY_BE or not found.is_confirmed or not settings.rollback_enabled:
        return found
    changed_s = remembered.unproven_since_s
    if not is_known(changed_s) or now_s - changed_s > settings.rollback_window_s:
        return found
    before = remembered.ways_back[-1].version
    if only_files_differ(remembered.version, before):
        if not files_of(before):
            return found  # what they were was not kept: treated as any other illness
    elif spec.is_stateful and not spec.rollback_is_safe:
        return found
    if is_final(spec, remembered) or is_restless(remembered, now_s, settings):
        return found
    sick = [i.instance for i in seen.instances if i.instance.name in found.instances]
    if any(i.version != remembered.version for i in sick or (i.instance for i in seen.instances)):
        return found  # one that nobody changed is ill as well
    if found.cause in DIES and _deaths(seen, remembered, changed_s) < settings.crash_loop_exits:
        return found
    return replace(
        found,
        cause=Cause.BAD_DEPLOY,
        symptom=found.cause,
        reason=f"{found.reason}; since {_what(remembered)} it was not well for long enough",
    )


def _what(remembered: ServiceState) -> str:
    if not remembered.has_other_number:
        return "it was changed"
    then = remembered.ways_back[-1].instances
    return f"it has {remembered.counted} instances in place of {then}"


def is_restless(remembered: ServiceState, now_s: float, settings: Settings) -> bool:
    """Is it on probation for longer than one goes back, since its files change again and again?
    Whatever writes them is no deploy, and the latest of their changes explains nothing."""
    probation = remembered.probation
    if probation is None or not files_of(remembered.version):
        return False
    return now_s - probation.began_at_s > settings.rollback_window_s


def is_final(spec: ServiceSpec, remembered: ServiceState) -> bool:
    """Is all that was changed the number of instances, and can it not be as it was?"""
    if remembered.has_other_version or not remembered.has_other_number:
        return False
    then = remembered.ways_back[-1].instances
    return bool(number_stays(spec, remembered.counted, then))


def _deaths(seen: ServiceObservation, remembered: ServiceState, since_s: float) -> int:
    """Those that were seen, and starts in vain in which none was seen: they ended at once."""
    exits = [death.at_s for death in seen.exits if death.at_s >= since_s]
    at_once = [
        p
        for p in remembered.past
        if p.kind is ActionKind.CONTAINER_RESTART
        and p.has_happened
        and not p.has_passed
        and p.started_at_s >= since_s
        and not any(p.started_at_s <= at_s <= p.ended_at_s for at_s in exits)
    ]
    return len(exits) + len(at_once)
