"""/approvals: what Everup asks a person for, and the person's word on it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from everup.api.engine import Control, ControlView
from everup.api.parameters import By, IdInPath, Reason
from everup.api.problems import ApiProblem, shorten
from everup.api.shapes.answers import AnswerShape
from everup.api.shapes.approvals import ApprovalShape, ApprovalsShape
from everup.api.wishes import ask
from everup.model.approval import Approval
from everup.model.request import Request, Verb

router = APIRouter(prefix="/approvals", tags=["approvals"])

OpenOnly = Annotated[bool, Query(description="only those that can still be answered or used")]


@router.get("")
async def approvals(control: Control, is_open: OpenOnly = False) -> ApprovalsShape:
    """Open questions, then the latest ended ones."""
    found: list[Approval] = sorted(control.state.approvals.values(), key=lambda a: -a.asked_at_s)
    if not is_open:
        found += reversed(control.state.past_approvals)
    return ApprovalsShape(approvals=[ApprovalShape.model_validate(a) for a in found])


@router.get("/{approval_id}")
async def approval(control: Control, approval_id: IdInPath) -> ApprovalShape:
    """One question."""
    return ApprovalShape.model_validate(_find(control, approval_id))


@router.post("/{approval_id}/approve", response_model=AnswerShape)
async def approve(
    control: Control, approval_id: IdInPath, reason: Reason = "", by: By = "api"
) -> Response:
    """Yes: it is judged once more and done in the next look, if the gate still allows it."""
    return await _answer(control, Verb.APPROVE, approval_id, by, reason)


@router.post("/{approval_id}/reject", response_model=AnswerShape)
async def reject(
    control: Control, approval_id: IdInPath, reason: Reason = "", by: By = "api"
) -> Response:
    """No: it is not asked again while the incident lasts."""
    return await _answer(control, Verb.REJECT, approval_id, by, reason)


async def _answer(
    control: ControlView, verb: Verb, approval_id: str, by: str, reason: str
) -> Response:
    found = _find(control, approval_id)
    request = Request(verb, by, found.service, reason=reason, approval_id=approval_id)
    return await ask(control, request, 0.0)


def _find(control: ControlView, approval_id: str) -> Approval:
    found = control.state.approval(approval_id)
    if found is None:
        raise ApiProblem(
            404,
            "unknown-approval",
            f"there is no approval {shorten(approval_id)!r}",
            fix="GET /approvals lists them",
        )
    return found
