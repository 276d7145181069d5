"""POST /rollback/manual/{service}: a person goes back to what ran when it was last well."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from everup.api.engine import Control
from everup.api.parameters import By, Overrides, Reason, ServiceInPath, Wait, require_service
from everup.api.problems import ApiProblem
from everup.api.shapes.answers import AnswerShape, RollbackShape
from everup.api.wishes import ask
from everup.model.errors import GiveUp
from everup.model.kinds import ActionKind
from everup.model.request import AnswerState, Request, Verb

router = APIRouter(prefix="/rollback", tags=["rollback"])

DryRun = Annotated[bool, Query(description="only say what would change")]


@router.post(
    "/manual/{service}",
    response_model=RollbackShape,
    responses={202: {"model": AnswerShape, "description": "begun; `action` says where to look"}},
)
async def roll_back(
    control: Control,
    service: ServiceInPath,
    overrides: Overrides,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Go back now. Skips mode, cooldown, backoff, health limits and approval only."""
    require_service(control, service)
    if dry_run:
        return await _said(control, service)
    kind = ActionKind.EMERGENCY_ROLLBACK
    request = Request(Verb.HEAL, by, service, kind=kind, reason=reason, overrides=overrides)
    return await ask(control, request, wait)


async def _said(control: Control, service: str) -> Response:
    try:
        back_to, differences = await control.compare(service)
    except GiveUp as why:
        text, check = f"nothing to roll back: {why}", "nothing_to_roll_back"
        raise ApiProblem(409, AnswerState.REFUSED.value, text, check=check) from None
    shape = RollbackShape(
        state=AnswerState.DONE,
        text=f"{service} would go back to {back_to}; nothing was done",
        service=service,
        back_to=back_to,
        differences=tuple(differences),
    )
    return JSONResponse(shape.model_dump(mode="json"))
