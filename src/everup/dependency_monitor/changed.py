"""Is it somebody's change that makes it ill? Only of what was never well since then. Pure.

Flows in: a confirmed finding, what is seen and remembered of the service. Flows out: the same, or
with the cause *bad deploy*. Called by `relate`.

A change counts when it was recorded, is not older than the window, and what it brought was not yet
well for long enough to be a safe point. What keeps dying must have done so often enough since.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.assessment import Finding
from everup.model.kinds import Cause, is_known
from everup.model.observation import ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec
from everup.model.state import ServiceState
from everup.model.version import only_files_differ

MAY_BE = frozenset({Cause.CRASH_LOOP, Cause.HANG, Cause.UNHEALTHY, Cause.RECOVERING})


def by_a_change(
    found: Finding,
    spec: ServiceSpec,
    seen: ServiceObservation,
    remembered: ServiceState,
    now_s: float,
    settings: Settings,
) -> Finding:
    """A plain crash is none: whatever it is, it is started again first."""
    if found.cause not in MAY_BE or not found.is_confirmed or not settings.rollback_enabled:
        return found
    changed_s = remembered.unproven_since_s
    if is_known(changed_s) and spec.is_stateful and not spec.rollback_is_safe:
        if not only_files_differ(remembered.version, remembered.safe_points[-1].version):
            return found
    if not is_known(changed_s) or now_s - changed_s > settings.rollback_window_s:
        return found
    sick = [i.instance for i in seen.instances if i.instance.name in found.instances]
    if any(i.version != remembered.version for i in sick or (i.instance for i in seen.instances)):
        return found  # one that nobody changed is ill as well
    if found.cause is Cause.CRASH_LOOP:
        deaths = sum(1 for death in seen.exits if death.at_s >= changed_s)
        if deaths < settings.crash_loop_exits:
            return found
    return replace(
        found,
        cause=Cause.BAD_DEPLOY,
        symptom=found.cause,
        reason=f"{found.reason}; it was never well since it was changed",
    )
