"""A wish that is scaling's trade, filled in by `auto_scaler`, as a proposal. Pure.

Flows in: the request, what was seen, what is remembered. Flows out: a Proposal, or named refusals.
Called by `wishes` for a person's word and for an undo, and by whoever explains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.auto_scaler import Ask, Change, ServiceScale, change, nature, scale_of
from everup.automated_recovery.steps import expectation_for
from everup.model.assessment import Assessment
from everup.model.decision import Expectation, Proposal, Want, proposal_key
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import Observation
from everup.model.request import Request
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.scaling import COUNTS, SCALING_KINDS, STARTS, Obstacle, Refusal, borne_by
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState

NEEDS: Mapping[ActionKind, Capability] = {
    kind: Capability.SET_INSTANCES if kind in COUNTS else Capability.SET_LIMITS
    for kind in ActionKind
    if kind in SCALING_KINDS
}


def scale(
    stack: Stack, observation: Observation, assessment: Assessment, state: StackState, service: str
) -> ServiceScale:
    """The service as scaling sees it now."""
    found = assessment.relations.findings.get(service)
    seen = scale_of(
        stack.services[service],
        observation.services.get(service),
        state.service(service),
        () if found is None else found.instances,
    )
    return replace(seen, borne=borne_by(observation.host.processors))


def asked(
    request: Request,
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    settings: Settings,
) -> Proposal | tuple[Refusal, ...]:
    """The person's wish. Of several refusals the first one is told."""
    name = request.service
    seen = scale(stack, observation, assessment, state, name)
    ask = Ask(request.kind, request.amount, is_persons=True, undoes=request.undoes)
    found = change(ask, stack.services[name], seen, stack, settings)
    if not isinstance(found, Change):
        return found
    incident = state.incident_on(name)
    steps = (found.step,)
    return Proposal(
        key=proposal_key(stack.name, name, Cause.REQUESTED, steps),
        origin=Origin.PERSON,
        service=name,
        cause=Cause.REQUESTED,
        steps=steps,
        reason=request.reason or f"{request.by} asked for it: {found.text}",
        expectation=expected(found, stack, assessment, settings),
        incident_id=None if incident is None else incident.id,
        by=request.by,
        overrides=dict(request.overrides),
        on_running=seen.running > 0,
    )


def filled(
    want: Want,
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    settings: Settings,
) -> Proposal | None:
    """A rung of a ladder; None where it cannot be, whatever the gate says. What does not run is
    started under its new limits: it is dead because of the old ones."""
    name, otherwise = want.service, want.otherwise
    seen = scale(stack, observation, assessment, state, name)
    found = change(Ask(want.kind, is_persons=False), stack.services[name], seen, stack, settings)
    if not isinstance(found, Change) or otherwise is None:
        return None
    parameters = {**found.step.parameters, STARTS: True}
    steps = (replace(found.step, parameters=parameters),)
    return replace(
        otherwise,
        key=proposal_key(stack.name, name, want.cause, steps),
        steps=steps,
        reason=f"{want.reason}; {found.text}",
        expectation=replace(otherwise.expectation, memory_limit_bytes=found.memory_limit_bytes),
    )


def expected(
    found: Change, stack: Stack, assessment: Assessment, settings: Settings
) -> Expectation:
    """What must be true after it: so many run and are well, or have that limit. A limit changes
    nothing about how well it is, so that a sick one need not be well to have it."""
    spec = stack.services[found.step.target]
    kind = found.step.kind
    wanted = expectation_for(spec, Cause.REQUESTED, assessment, stack, settings, kind)
    if kind in COUNTS:
        return replace(wanted, instances=found.instances)
    return replace(wanted, memory_limit_bytes=found.memory_limit_bytes)


def stands_against(
    kind: ActionKind, stack: Stack, service: str, settings: Settings, manifest: RuntimeManifest
) -> tuple[Refusal, ...]:
    """Whatever the amount: what its nature, or the runtime, refuses by name."""
    spec = stack.services[service]
    needed = NEEDS[kind]
    found = nature(kind, spec, stack, settings)
    if manifest.can(needed):
        return found
    why = manifest.why_not.get(needed, "")
    text = f"the {manifest.name} runtime cannot {needed}" + (f": {why}" if why else "")
    return (Refusal(Obstacle.RUNTIME_CANNOT, text), *found)
