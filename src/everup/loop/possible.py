"""Which kinds of action a person may ask for here: by this version, the runtime and the service.

Flows in: a kind, the service, the runtime's manifest. Flows out: "" or why not, with what is
possible instead. Called before anything is written down: what cannot be done is no action. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.automated_recovery.steps import hook_of
from everup.loop import scaling
from everup.model.kinds import OF_TRAFFIC, ActionKind
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.stack import ServiceSpec

NEEDS: Mapping[ActionKind, Capability] = {
    ActionKind.GRACEFUL_RESTART: Capability.RESTART,
    ActionKind.CONTAINER_RESTART: Capability.RESTART,
    ActionKind.DEPENDENCY_RECOVERY: Capability.RESTART,
    ActionKind.RECREATE: Capability.RECREATE,
    ActionKind.CACHE_CLEAR: Capability.RUN_HOOK,
    ActionKind.EMERGENCY_ROLLBACK: Capability.RESTORE,
    ActionKind.ISOLATE: Capability.ISOLATE,
    ActionKind.REJOIN: Capability.REJOIN,
    ActionKind.FAILOVER: Capability.FAILOVER,
    **scaling.NEEDS,
}
HAVE_A_VERB = frozenset({ActionKind.START, ActionKind.STOP})


def why_not(kind: ActionKind, spec: ServiceSpec, manifest: RuntimeManifest) -> str:
    """ "" when it can be done, else what stands against it, and what can."""
    reason = _reason(kind, spec, manifest)
    if not reason:
        return ""
    if kind in HAVE_A_VERB:
        return reason
    able = [k.value for k in NEEDS if not _reason(k, spec, manifest)]
    return f"{reason}; possible for {spec.name} are: restart, {', '.join(able)}"


def _reason(kind: ActionKind, spec: ServiceSpec, manifest: RuntimeManifest) -> str:
    if kind in HAVE_A_VERB:
        return f"{kind} is no recovery; use: everup {kind} {spec.name}"
    if kind in OF_TRAFFIC:
        return (
            f"{kind} is a mitigation, which Everup proposes itself; see: everup graph mitigations"
        )
    needed = NEEDS.get(kind)
    if needed is None:
        return f"{kind} is not part of this version"
    if not manifest.can(needed):
        said = manifest.why_not.get(needed, "")
        return f"the {manifest.name} runtime cannot {kind}" + (f": {said}" if said else "")
    declared = manifest.needs_declared.get(needed)
    if declared is not None and not getattr(spec, declared):
        return f"{spec.name} declares no {declared}, without which {kind} is a restart"
    if kind is ActionKind.RECREATE and spec.no_recreate:
        return f"{spec.name} is not made anew: {'; '.join(spec.no_recreate)}"
    if kind is ActionKind.CACHE_CLEAR and (hook := hook_of(spec, None)) not in spec.hooks:
        return f"{spec.name} declares no {hook} hook"
    if kind is ActionKind.FAILOVER and not spec.standby:
        return f"{spec.name} declares no standby"
    return ""
