"""A person's wish as a proposal: same steps, same proof, without the ladder's limits."""

from __future__ import annotations

from dataclasses import replace

from everup.automated_recovery.steps import expectation_for, hook_of
from everup.model.assessment import Assessment, Finding
from everup.model.decision import HOOK, ParameterValue, Proposal, Step, proposal_key
from everup.model.kinds import OF_TRAFFIC, ActionKind, Cause, Origin
from everup.model.observation import ServiceObservation
from everup.model.request import Request, Verb
from everup.model.settings import Settings
from everup.model.stack import FREE_SPACE_HOOK, ServiceSpec, Stack
from everup.model.state import ServiceState, as_it_is, as_remembered

NOTHING_KNOWN = ServiceState()
KIND_OF_VERB = {Verb.START: ActionKind.START, Verb.STOP: ActionKind.STOP}


def proposal_for(
    request: Request,
    stack: Stack,
    assessment: Assessment,
    settings: Settings,
    *,
    is_running: bool,
    incident_id: str | None,
    remembered: ServiceState = NOTHING_KNOWN,
    seen: ServiceObservation | None = None,
) -> Proposal:
    """What the person asked for. A stateful service is killed after its grace only when it is
    proven hung, or when the person named `container_restart` themselves. `restart` (kind None) is
    a graceful restart that names container_restart as what follows if it fails; what runs once is
    started once."""
    spec = as_remembered(stack.services[request.service], remembered)
    kind = KIND_OF_VERB.get(request.verb) or request.kind or kind_of_heal(spec)
    grace_s = spec.stop.grace_s
    if spec.is_stateful:
        grace_s = max(grace_s, settings.stateful_grace_s)
    parameters: dict[str, ParameterValue] = {}
    found = assessment.relations.findings.get(spec.name)
    if kind is not ActionKind.START:
        is_hung = found is not None and found.is_proven
        is_sure = request.kind is ActionKind.CONTAINER_RESTART and not request.is_follow_up
        may_kill = is_hung or is_sure or not spec.is_stateful
        parameters = {"grace_s": grace_s, "may_kill": may_kill}
    parameters |= _where(kind, request, as_it_is(spec, seen, remembered), found, remembered)
    makes_room = kind is ActionKind.CACHE_CLEAR and hook_of(spec, found) == FREE_SPACE_HOOK
    if makes_room:
        parameters[HOOK] = FREE_SPACE_HOOK
    following = None
    if request.verb is Verb.HEAL and request.kind is None and not spec.is_one_shot:
        following = ActionKind.CONTAINER_RESTART
        parameters["then"] = following.value
    steps = (Step(kind, spec.name, parameters, request.undoes or None),)
    expectation = expectation_for(spec, Cause.REQUESTED, assessment, stack, settings, kind)
    if makes_room and found is not None and found.cause is Cause.DISK_FULL:
        expectation = replace(expectation, has_room=True)
    if kind in OF_TRAFFIC:
        expectation = replace(expectation, no_worse=True)
    if kind is ActionKind.STOP:
        expectation = replace(expectation, is_up=False, dependents_before={})
    if kind is ActionKind.ISOLATE:
        who = expectation.dependents_before if "instance" in parameters else {}
        expectation = replace(expectation, is_cut=True, dependents_before=who)
    if kind is ActionKind.FAILOVER:
        expectation = replace(expectation, service=spec.standby)
    return Proposal(
        key=proposal_key(stack.name, spec.name, Cause.REQUESTED, steps),
        origin=Origin.PERSON,
        service=spec.name,
        cause=Cause.REQUESTED,
        steps=steps,
        reason=request.reason or f"{request.by} asked for it",
        expectation=expectation,
        incident_id=incident_id,
        next_kind=following,
        by=request.by,
        overrides=dict(request.overrides),
        on_running=is_running,
    )


def kind_of_heal(spec: ServiceSpec) -> ActionKind:
    """What a `restart` begins with."""
    return ActionKind.START if spec.is_one_shot else ActionKind.GRACEFUL_RESTART


def _where(
    kind: ActionKind,
    request: Request,
    spec: ServiceSpec,
    found: Finding | None,
    remembered: ServiceState,
) -> dict[str, ParameterValue]:
    """Which instance, and whom else it concerns. Of several instances the sick one is isolated."""
    if kind is ActionKind.FAILOVER:
        return {"standby": spec.standby}
    undo = remembered.owed_undo
    if kind in OF_TRAFFIC:
        return {} if undo is None else dict(undo.parameters)
    standby = remembered.stands_in or (undo.parameters.get("standby", "") if undo else "")
    if kind is ActionKind.REJOIN and standby:
        return {"standby": standby}
    if request.instance:
        return {"instance": request.instance}
    if kind is ActionKind.ISOLATE and spec.has_instances_to_spare and found and found.instances:
        return {"instance": found.instances[0]}
    return {}
