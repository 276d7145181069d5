"""A mitigation as a proposal, and what takes it back. Pure but for reading the control.

Flows in: an option, or what is in force. Flows out: a Proposal for the gate. Called by
`mitigations`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.auto_scaler import Ask, Change, change
from everup.automated_recovery.steps import expectation_for
from everup.loop import scaling, undoing
from everup.loop.look import Look
from everup.loop.wishes import is_running, wanted
from everup.model.decision import Expectation, ParameterValue, Proposal, Step, proposal_key
from everup.model.kinds import OF_TRAFFIC, ActionKind, Cause, Origin
from everup.model.mitigation import BECAUSE, NEEDS, Mitigated, Mitigation
from everup.model.scaling import SCALING_KINDS
from everup.model.undo import undo_of

if TYPE_CHECKING:
    from everup.loop.control import Control


def proposal_of(option: Mitigation, control: Control, look: Look) -> Proposal | None:
    """None: it cannot be one after all."""
    kind, stack = option.kind.action, control.stack
    if kind is None:
        return None
    made = _step(option, kind, control, look)
    if made is None:
        return None
    step, expectation = made
    incident = control.state.incident_on(option.because)
    cause = _cause(option, look)
    return Proposal(
        key=proposal_key(stack.name, option.service, cause, (step,)),
        origin=Origin.MITIGATION,
        service=option.service,
        cause=cause,
        steps=(step,),
        reason=f"{option.text}. Risk to those that {option.because} can reach"
        f" {option.risk_before:.2f}, with it {option.risk_after:.2f}. {option.why}",
        expectation=expectation,
        incident_id=None if incident is None else incident.id,
        must_ask=option.must_ask,
        on_running=True,
    )


def _cause(option: Mitigation, look: Look) -> Cause:
    found = look.assessment.relations.findings.get(option.because)
    if found is not None:
        return found.cause
    prediction = look.assessment.predictions.of(option.because)
    return Cause.UNKNOWN if prediction is None else prediction.cause


def _step(
    option: Mitigation, kind: ActionKind, control: Control, look: Look
) -> tuple[Step, Expectation] | None:
    stack, settings = control.stack, control.settings
    spec, parameters = stack.services[option.service], dict[str, ParameterValue]()
    parameters[BECAUSE] = option.because
    if kind in SCALING_KINDS:
        seen = scaling.scale(stack, look.observation, look.assessment, control.state, spec.name)
        grown = change(Ask(kind, is_persons=False), spec, seen, stack, settings)
        if not isinstance(grown, Change):
            return None
        step = replace(grown.step, parameters={**grown.step.parameters, **parameters})
        return step, scaling.expected(grown, stack, look.assessment, settings)
    if option.needs:
        parameters[NEEDS] = option.needs
    if option.instance:
        parameters["instance"] = option.instance
    if kind is ActionKind.FAILOVER:
        grace_s = spec.stop.grace_s
        if spec.is_stateful:
            grace_s = max(grace_s, settings.stateful_grace_s)
        parameters |= {"standby": spec.standby, "grace_s": grace_s}
    step = Step(kind, spec.name, parameters, is_repeatable=kind in OF_TRAFFIC)
    return step, _expectation(option, kind, control, look)


def _expectation(option: Mitigation, kind: ActionKind, control: Control, look: Look) -> Expectation:
    stack, own = control.stack, look.assessment.own
    spec = stack.services[option.service]
    plain = expectation_for(
        spec, _cause(option, look), look.assessment, stack, control.settings, kind
    )
    if kind is ActionKind.FAILOVER:
        return replace(plain, service=spec.standby)
    if kind is ActionKind.ISOLATE:
        who = plain.dependents_before if option.instance else {}
        return replace(plain, is_cut=True, dependents_before=who)
    who = {**plain.dependents_before, spec.name: own.score(spec.name)}
    return replace(plain, no_worse=True, dependents_before=who)


def undo_of_held(held: Mitigated, why: str, control: Control, look: Look) -> Proposal | None:
    """In our own name, as every undo: whatever the mode says, we do not keep what is ours to give
    back."""
    step = undo_of(held.step, held.action_id)
    if step is None:
        return None
    reason = f"undo of {held.kind} {held.action_id}: {why}"
    if step.kind not in OF_TRAFFIC:
        request = undoing.request_of(step, control.state.service(held.service))
        found = wanted(control, look, replace(request, reason=reason))
        return found if isinstance(found, Proposal) else None
    spec, stack = control.stack.services[held.service], control.stack
    plain = expectation_for(
        spec, Cause.REQUESTED, look.assessment, stack, control.settings, step.kind
    )
    return Proposal(
        key=proposal_key(stack.name, spec.name, Cause.REQUESTED, (step,)),
        origin=Origin.PERSON,
        service=spec.name,
        cause=Cause.REQUESTED,
        steps=(step,),
        reason=reason,
        expectation=replace(plain, no_worse=True),
        on_running=is_running(look, spec.name),
    )
