"""POST /rollback/manual/{service}: a person has a service go back, to what ran when it was last
well or to what it was in a snapshot."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from everup.api.engine import Control, ControlView
from everup.api.parameters import (
    NAME_LENGTH_MOST,
    By,
    Overrides,
    Reason,
    ServiceInPath,
    Wait,
    require_service,
)
from everup.api.problems import ApiProblem
from everup.api.restoring import begun, planned, target_in
from everup.api.shapes.answers import AnswerShape, RollbackShape
from everup.api.shapes.restores import RestoreAnswerShape
from everup.api.wishes import ask
from everup.loop.restores import RestoreWish
from everup.model.errors import GiveUp
from everup.model.kinds import ActionKind
from everup.model.request import AnswerState, Request, Verb
from everup.model.restore import RestoreTarget

router = APIRouter(prefix="/rollback", tags=["rollback"])

Snapshot = Annotated[
    str,
    Query(max_length=NAME_LENGTH_MOST, description="to what it was in this snapshot"),
]
DryRun = Annotated[bool, Query(description="only say what would change")]


@router.post(
    "/manual/{service}",
    response_model=RollbackShape,
    responses={
        202: {
            "model": AnswerShape | RestoreAnswerShape,
            "description": "begun; `action`, or `restore`, says where to look",
        }
    },
)
async def roll_back(
    control: Control,
    service: ServiceInPath,
    overrides: Overrides,
    snapshot: Snapshot = "",
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Go back now, to the latest safe point or to what it was in a snapshot. Skips mode, cooldown,
    backoff, health limits and approval only."""
    require_service(control, service)
    if snapshot:
        target = await target_in(control, snapshot, (service,))
        if dry_run:
            return await _as_in(control, target, service)
        wish = RestoreWish(target, by, reason, overrides=overrides)
        return await begun(control, wish, wait)
    if dry_run:
        return await _said(control, service)
    kind = ActionKind.EMERGENCY_ROLLBACK
    request = Request(Verb.HEAL, by, service, kind=kind, reason=reason, overrides=overrides)
    return await ask(control, request, wait)


async def _as_in(control: ControlView, target: RestoreTarget, service: str) -> Response:
    """What would differ if it were as in the snapshot."""
    plan = await planned(control, target)
    if plan.refusals:
        text = "; ".join(one.reason for one in plan.refusals)
        raise ApiProblem(409, AnswerState.REFUSED.value, text, check=plan.refusals[0].name)
    wanted = target.services[service]
    back_to, differences = wanted.title or wanted.version, list[str]()
    text = plan.text
    if plan.steps:
        back_to, found = await control.compare(service, wanted.version)
        differences = list(found)
        text = f"{service} would go back to {back_to}; nothing was done"
    shape = RollbackShape(
        state=AnswerState.DONE,
        text=text,
        service=service,
        back_to=back_to,
        differences=tuple(differences),
    )
    return JSONResponse(shape.model_dump(mode="json"))


async def _said(control: ControlView, service: str) -> Response:
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
