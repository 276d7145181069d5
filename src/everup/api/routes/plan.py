"""GET /plan: what the latest look would do, what the gate says to it, and why nothing is done."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control, DecisionView
from everup.api.shapes.plan import (
    DecisionShape,
    EscalateShape,
    HoldShape,
    PlanShape,
    proposal_shape,
    verdict_shape,
)
from everup.model.kinds import UNKNOWN

router = APIRouter(tags=["plan"])


@router.get("/plan")
async def plan(control: Control) -> PlanShape:
    """One decision per service of the latest look. Reading it changes nothing."""
    look = control.look
    return PlanShape(
        at_s=UNKNOWN if look is None else look.at_s,
        monitor_fault=control.state.monitor_fault,
        decisions=[] if look is None else [_decision(d) for d in look.decisions],
    )


def _decision(decision: DecisionView) -> DecisionShape:
    proposal, verdict = decision.proposal, decision.verdict
    hold, escalate = decision.hold, decision.escalate
    return DecisionShape(
        service=decision.service,
        proposal=None if proposal is None else proposal_shape(proposal),
        verdict=None if verdict is None else verdict_shape(verdict),
        hold=None if hold is None else HoldShape.model_validate(hold),
        escalate=None if escalate is None else EscalateShape.model_validate(escalate),
    )
