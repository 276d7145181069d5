"""What the latest look decided for each service, and why."""

from __future__ import annotations

from typing import Any, Literal

from everup.api.shapes.base import Known, Shape, plain
from everup.api.shapes.explanation import FindingShape
from everup.api.shapes.health import FreezeShape
from everup.model.decision import Allowed, Delayed, HoldReason, Proposal, Verdict
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.state import Phase


class StepShape(Shape):
    """One step of a proposal."""

    kind: ActionKind
    target: str
    parameters: dict[str, Any]
    undoes: str | None
    is_repeatable: bool


class ProposalShape(Shape):
    """What would be done, and what would be tried next."""

    key: str
    origin: Origin
    cause: Cause
    kind: ActionKind
    steps: list[StepShape]
    reason: str
    rung: int
    next_kind: ActionKind | None
    incident_id: str | None
    by: str
    expectation: dict[str, Any]


class VerdictShape(Shape):
    """The gate's answer, with the check that said no."""

    answer: Literal["allowed", "delayed", "refused"]
    reason: str
    check: str = ""
    until_s: Known = None
    needs_approval: bool = False


class HoldShape(Shape):
    """Standing still, and why; `until_s` null: until what is seen changes."""

    reason: HoldReason
    text: str
    until_s: Known


class EscalateShape(Shape):
    """Nothing more will be tried; a person is asked."""

    cause: Cause
    text: str


class DecisionShape(Shape):
    """One of proposal (with its verdict), hold or escalate. `but_for_the_mode`: where only the mode
    says no, the gate's answer without it. `then`: what would be tried next, in order; after that
    comes a person."""

    service: str
    proposal: ProposalShape | None
    verdict: VerdictShape | None
    hold: HoldShape | None
    escalate: EscalateShape | None
    but_for_the_mode: VerdictShape | None
    then: list[ActionKind]
    finding: FindingShape | None
    incident_id: str | None


class FlightShape(Shape):
    """An action under way; `decided_by_s`: not proven by then is failed. `then`: what is tried next
    in that case, empty: a person is asked; null for what a person asked for."""

    service: str
    action_id: str
    incident_id: str | None
    kind: ActionKind
    phase: Phase
    since_s: Known
    decided_by_s: Known
    then: list[ActionKind] | None = None


class PlanShape(Shape):
    """The latest look's decisions. `at_s` null: there was no look yet. `sizes_wait`: service → why
    another number or size that would be right is not proposed now."""

    at_s: Known
    monitor_fault: str
    decisions: list[DecisionShape]
    now_s: Known
    mode: Mode
    freezes: list[FreezeShape]
    in_flight: list[FlightShape]
    with_a_person: dict[str, str]
    sizes_wait: dict[str, str]


def proposal_shape(proposal: Proposal) -> ProposalShape:
    """The proposal without what only the machine needs."""
    return ProposalShape(
        key=proposal.key,
        origin=proposal.origin,
        cause=proposal.cause,
        kind=proposal.kind,
        steps=[StepShape.model_validate(step) for step in proposal.steps],
        reason=proposal.reason,
        rung=proposal.rung,
        next_kind=proposal.next_kind,
        incident_id=proposal.incident_id,
        by=proposal.by,
        expectation=plain(proposal.expectation),
    )


def verdict_shape(verdict: Verdict) -> VerdictShape:
    """One shape for the gate's three answers."""
    if isinstance(verdict, Allowed):
        return VerdictShape(answer="allowed", reason=verdict.reason)
    if isinstance(verdict, Delayed):
        return VerdictShape(
            answer="delayed",
            reason=verdict.reason,
            check=verdict.check,
            until_s=verdict.until_s,
            needs_approval=verdict.needs_approval,
        )
    return VerdictShape(answer="refused", reason=verdict.reason, check=verdict.check)
