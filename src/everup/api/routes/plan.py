"""GET /plan: what the latest look would do, what the gate says to it, and why nothing is done."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control, ControlView
from everup.api.routes.health import current_freezes
from everup.api.shapes.explanation import FindingShape
from everup.api.shapes.plan import (
    DecisionShape,
    EscalateShape,
    FlightShape,
    HoldShape,
    PlanShape,
    proposal_shape,
    verdict_shape,
)
from everup.automated_recovery.ladders import ladder
from everup.loop.look import Decision
from everup.model.decision import Hold, HoldReason, Proposal
from everup.model.kinds import UNKNOWN, ActionKind, Origin
from everup.model.state import InFlight, Phase

router = APIRouter(tags=["plan"])

OF_NO_LADDER = frozenset({Origin.MITIGATION, Origin.SCALING})
"""Whose proposals are no rung: what is not proven of them is taken back."""
NOTHING_FOLLOWS = frozenset(
    {HoldReason.WITH_A_PERSON, HoldReason.STOPPED_ON_PURPOSE, HoldReason.ONLY_WATCHED}
)


@router.get("/plan")
async def plan(control: Control) -> PlanShape:
    """One decision per service of the latest look, what is under way and what waits for a person.
    Reading it changes nothing."""
    look, state = control.look, control.state
    handed = {n: s.with_a_person for n, s in state.services.items() if s.with_a_person is not None}
    return PlanShape(
        at_s=UNKNOWN if look is None else look.at_s,
        now_s=control.now_s(),
        mode=control.stack.mode,
        monitor_fault=state.monitor_fault,
        freezes=current_freezes(control),
        decisions=[] if look is None else [decision_shape(control, d) for d in look.decisions],
        in_flight=[flight_shape(control, flight) for flight in state.in_flight.values()],
        with_a_person=handed,
        sizes_wait=dict(control.scaler.waiting),
    )


def decision_shape(control: ControlView, decision: Decision) -> DecisionShape:
    """One decision with the finding that led to it and what would follow."""
    proposal, verdict = decision.proposal, decision.verdict
    hold, escalate = decision.hold, decision.escalate
    look = control.look
    relations = None if look is None else look.assessment.relations
    found = None if relations is None else relations.findings.get(decision.service)
    incident = control.state.incident_on(decision.service)
    otherwise = control.but_for_the_mode(decision)
    return DecisionShape(
        service=decision.service,
        proposal=None if proposal is None else proposal_shape(proposal),
        verdict=None if verdict is None else verdict_shape(verdict),
        hold=None if hold is None else HoldShape.model_validate(hold),
        escalate=None if escalate is None else EscalateShape.model_validate(escalate),
        but_for_the_mode=None if otherwise is None else verdict_shape(otherwise),
        then=list(_after_hold(control, hold) if hold else _then(control, proposal)),
        finding=None if found is None else FindingShape.model_validate(found),
        incident_id=None if incident is None else incident.id,
    )


def _after_hold(control: ControlView, hold: Hold) -> tuple[ActionKind, ...]:
    """The rungs that are left for a root once it is held no more; a victim has none."""
    look = control.look
    found = None if look is None else look.assessment.relations.findings.get(hold.service)
    if found is None or not found.is_root or hold.reason in NOTHING_FOLLOWS:
        return ()
    on_running = not found.is_dead
    is_stateful = control.stack.services[hold.service].is_stateful
    rungs = ladder(found.cause, is_stateful=is_stateful, on_running=on_running)
    incident = control.state.incident_on(hold.service)
    tried = 0 if incident is None else len(incident.attempts)
    return rungs[tried : control.settings.budget_per_incident]


def _then(control: ControlView, proposal: Proposal | None) -> tuple[ActionKind, ...]:
    """The rungs after this one."""
    if proposal is None:
        return ()
    if proposal.origin in OF_NO_LADDER:
        return ()
    if proposal.origin is Origin.PERSON:
        return () if proposal.next_kind is None else (proposal.next_kind,)
    is_stateful = control.stack.services[proposal.service].is_stateful
    rungs = ladder(proposal.cause, is_stateful=is_stateful, on_running=proposal.on_running)
    return rungs[proposal.rung + 1 : control.settings.budget_per_incident]


def flight_shape(control: ControlView, flight: InFlight) -> FlightShape:
    """An action under way, and what comes if it cannot be proven."""
    then: list[ActionKind] | None = None
    spec = control.stack.services.get(flight.step.target)
    if flight.origin not in {Origin.PERSON, *OF_NO_LADDER} and spec is not None:
        is_stateful = spec.is_stateful
        rungs = ladder(flight.cause, is_stateful=is_stateful, on_running=flight.on_running)
        then = list(rungs[flight.rung + 1 : control.settings.budget_per_incident])
    is_verifying = flight.phase is Phase.VERIFYING
    return FlightShape(
        service=flight.step.target,
        action_id=flight.action_id,
        incident_id=flight.incident_id,
        kind=flight.step.kind,
        phase=flight.phase,
        since_s=flight.done_at_s if is_verifying else flight.intended_at_s,
        decided_by_s=flight.done_at_s + flight.expectation.deadline_s if is_verifying else UNKNOWN,
        then=then,
    )
