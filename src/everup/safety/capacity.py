"""What must stay: healthy instances and the host's own headroom."""

from __future__ import annotations

from everup.model.decision import Check, Delayed, Proposal, Refused, Verdict
from everup.model.kinds import (
    FORETOLD,
    TAKES_CAPACITY,
    ActionKind,
    InstanceState,
    Origin,
    ProbeVerdict,
    is_known,
)
from everup.safety.context import Context

GROWS = frozenset({ActionKind.SCALE_OUT, ActionKind.SCALE_UP})


def minimum_healthy(proposal: Proposal, context: Context) -> Verdict | None:
    """Never fewer healthy instances than the minimum by our hand.

    Restarting an unhealthy instance lowers nothing; one that leaks is healthy still. A person who
    restarts a healthy one said so.
    """
    if proposal.origin is Origin.PERSON or not proposal.on_running:
        return None
    seen = context.observation.services.get(proposal.service)
    if seen is None:
        return None
    found = context.assessment.relations.findings.get(proposal.service)
    is_sick = found is not None and found.is_confirmed and found.cause not in FORETOLD
    sick = found.instances if found is not None and is_sick else ()
    healthy = {
        i.instance.name
        for i in seen.instances
        if i.instance.state is InstanceState.RUNNING
        and i.instance.name not in sick
        and (i.probe is None or i.probe.verdict is ProbeVerdict.PASS)
    }
    least = context.stack.services[proposal.service].min_instances
    if proposal.cause in FORETOLD and context.is_quiet(proposal.service):
        least = 0  # its owner declared that a restart is welcome now
    for step in proposal.steps:
        if step.kind not in TAKES_CAPACITY:
            continue
        target = step.parameters.get("instance")
        lost = healthy & {str(target)} if target is not None else healthy
        if lost and len(healthy) - len(lost) < least:
            text = (
                f"would leave {len(healthy) - len(lost)} healthy instances, the minimum is {least}"
            )
            return Delayed(Check.MINIMUM_HEALTHY, text)
    return None


def headroom(proposal: Proposal, context: Context) -> Verdict | None:
    """No growth that leaves the host short of memory."""
    if proposal.kind not in GROWS:
        return None
    host, settings = context.observation.host, context.settings
    if not is_known(host.memory_available_bytes) or not is_known(host.memory_total_bytes):
        return Refused(Check.HEADROOM, "the host's memory is unknown")
    spec = context.stack.services[proposal.service]
    needs = spec.limits.memory_bytes if is_known(spec.limits.memory_bytes) else 0.0
    floor = max(settings.headroom_bytes, settings.headroom_ratio * host.memory_total_bytes)
    if host.memory_available_bytes - needs < floor:
        return Refused(Check.HEADROOM, "would leave the host with too little memory")
    return None
