"""What must stay: healthy instances, the bounds of their number, and the host's own headroom."""

from __future__ import annotations

from everup.model.decision import Check, Delayed, Proposal, Refused, Step, Verdict
from everup.model.kinds import (
    FORETOLD,
    TAKES_CAPACITY,
    ActionKind,
    InstanceState,
    Origin,
    ProbeVerdict,
    is_known,
)
from everup.model.observation import ServiceObservation
from everup.model.safe_point import number_stays
from everup.model.scaling import BEFORE, CPUS, INSTANCES, LEAVING, MEMORY, MEMORY_BEFORE
from everup.model.stack import ServiceSpec
from everup.safety.context import Context

GROWS = frozenset({ActionKind.SCALE_OUT, ActionKind.SCALE_UP})
MIB = 1024 * 1024


def minimum_healthy(proposal: Proposal, context: Context) -> Verdict | None:
    """Never fewer healthy instances than the minimum by our hand.

    Restarting an unhealthy instance lowers nothing; one that leaks is healthy still. A person who
    restarts a healthy one said so; how many there may be binds a person too, where the owner said
    it.
    """
    seen = context.observation.services.get(proposal.service)
    if seen is None:
        return None
    counted = _counted(proposal, seen, context)
    if counted is not None or proposal.origin is Origin.PERSON or not proposal.on_running:
        return counted
    healthy = _healthy(proposal, seen, context)
    least = context.stack.services[proposal.service].min_instances
    if proposal.cause in FORETOLD and context.is_quiet(proposal.service):
        least = 0  # its owner declared that a restart is welcome now
    for step in proposal.steps:
        if step.kind not in TAKES_CAPACITY or step.kind is ActionKind.SCALE_IN:
            continue
        target = step.parameters.get("instance")
        lost = healthy & {str(target)} if target is not None else healthy
        if lost and len(healthy) - len(lost) < least:
            text = (
                f"would leave {len(healthy) - len(lost)} healthy instances, the minimum is {least}"
            )
            return Delayed(Check.MINIMUM_HEALTHY, text)
    return None


def _healthy(proposal: Proposal, seen: ServiceObservation, context: Context) -> set[str]:
    found = context.assessment.relations.findings.get(proposal.service)
    is_sick = found is not None and found.is_confirmed and found.cause not in FORETOLD
    sick = found.instances if found is not None and is_sick else ()
    return {
        i.instance.name
        for i in seen.instances
        if i.instance.state is InstanceState.RUNNING
        and i.instance.name not in sick
        and (i.probe is None or i.probe.verdict is ProbeVerdict.PASS)
    }


def _counted(proposal: Proposal, seen: ServiceObservation, context: Context) -> Verdict | None:
    """Another number of instances: within the bounds, and who goes is not missed. What takes back
    our own copies lowers nothing."""
    spec = context.stack.services[proposal.service]
    is_bound = spec.has_bounds or proposal.origin is not Origin.PERSON
    for step in proposal.steps:
        count = int(step.parameters.get(INSTANCES, 0))
        if not count or step.undoes:
            continue
        if step.kind is ActionKind.EMERGENCY_ROLLBACK:
            if why := number_stays(spec, len(seen.instances), count):
                return Refused(Check.MINIMUM_HEALTHY, why)
            continue
        if step.kind is ActionKind.SCALE_OUT and is_bound and count > spec.max_instances:
            text = f"would make {count} instances, the most is {spec.max_instances}"
            return Refused(Check.MINIMUM_HEALTHY, text)
        if step.kind is ActionKind.SCALE_IN:
            return _fewer(proposal, step, seen, context, spec.min_instances if is_bound else 1)
    return None


def _fewer(
    proposal: Proposal, step: Step, seen: ServiceObservation, context: Context, least: int
) -> Verdict | None:
    healthy = _healthy(proposal, seen, context)
    leaving = set(str(step.parameters.get(LEAVING, "")).split(","))
    lost = healthy & leaving
    if not lost or len(healthy) - len(lost) >= least:
        return None
    text = f"would leave {len(healthy) - len(lost)} healthy instances, the minimum is {least}"
    return Delayed(Check.MINIMUM_HEALTHY, text)


def headroom(proposal: Proposal, context: Context) -> Verdict | None:
    """No growth that leaves the host short of memory. Of its own accord Everup takes no more
    CPU either while the host is short of it: more load would be the wrong answer."""
    needs = sum(_needs_bytes(step, context) for step in proposal.steps)
    grows = proposal.kind in GROWS or any(_comes_back(step) > 0 for step in proposal.steps)
    if not grows or any(step.undoes for step in proposal.steps):
        return None
    host, settings = context.observation.host, context.settings
    if not is_known(host.memory_available_bytes) or not is_known(host.memory_total_bytes):
        return Refused(Check.HEADROOM, "the host's memory is unknown")
    floor = max(settings.headroom_bytes, settings.headroom_ratio * host.memory_total_bytes)
    if needs > 0 and host.memory_available_bytes - needs < floor:
        text = (
            f"would leave the host with too little memory: {_mib(needs)} more of"
            f" {_mib(host.memory_available_bytes)}, of which {_mib(floor)} must stay"
        )
        return Refused(Check.HEADROOM, text)
    promised = _promised_bytes(proposal, context)
    if needs > 0 and host.memory_available_bytes - promised - needs < floor:
        text = (
            f"{_mib(promised)} of the host's memory are promised to what grows already: with"
            f" {_mib(needs)} more too little would be left"
        )
        return Delayed(Check.HEADROOM, text)
    is_pressed = host.pressure_ratio >= settings.host_pressure_ratio
    takes_cpu = proposal.kind is not ActionKind.SCALE_UP or CPUS in proposal.steps[0].parameters
    if is_pressed and takes_cpu and proposal.origin is not Origin.PERSON:
        return Delayed(Check.HEADROOM, "the host is short of CPU")
    return None


def _promised_bytes(proposal: Proposal, context: Context) -> float:
    """What other services grow by until that is proven: a copy that has just been made uses little
    yet, and the host looks as roomy as before."""
    flights = (f for name, f in context.state.in_flight.items() if name != proposal.service)
    growing = (f.step for f in flights if f.step.kind in GROWS and not f.step.undoes)
    known = context.stack.services
    return sum(_needs_bytes(step, context) for step in growing if step.target in known)


def _needs_bytes(step: Step, context: Context) -> float:
    """What a step may take of the host's memory beyond what is taken now. A copy may come to use
    its whole limit; without one it is taken to use as much as the largest does."""
    spec = context.stack.services[step.target]
    seen = context.observation.services.get(step.target)
    parameters = step.parameters
    if step.kind is ActionKind.SCALE_OUT:
        added = int(parameters.get(INSTANCES, 0)) - int(parameters.get(BEFORE, 0))
        return max(1, added) * _one_needs(spec, seen)
    if more := _comes_back(step):
        return max(0, more) * _one_needs(spec, seen)
    if step.kind is ActionKind.SCALE_UP and MEMORY in parameters:
        after, before = float(parameters[MEMORY]), float(parameters.get(MEMORY_BEFORE, 0.0))
        running = 1 if seen is None else len(seen.instances)
        is_limited = is_known(before) and is_known(after) and after != float("inf")
        return running * max(0.0, after - before) if is_limited else 0.0
    return 0.0


def _comes_back(step: Step) -> int:
    """How many more instances there are once it went back."""
    if step.kind is not ActionKind.EMERGENCY_ROLLBACK or not step.parameters.get(INSTANCES):
        return 0
    return int(step.parameters[INSTANCES]) - int(step.parameters.get(BEFORE, 0))


def _one_needs(spec: ServiceSpec, seen: ServiceObservation | None) -> float:
    instances = () if seen is None else seen.instances
    limits = [i.instance.memory_limit_bytes for i in instances]
    used = [i.instance.memory_bytes for i in instances]
    for values in (limits, [spec.limits.memory_bytes], used):
        known = [v for v in values if is_known(v)]
        if known:
            return max(known)
    return 0.0


def _mib(value: float) -> str:
    return f"{value / MIB:.0f} MiB"
