"""GET /services/{name}/actions: what may be done to it now, and why not. POST /services/{name}/stop
and /start: somebody's purpose, which Everup then respects."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from everup.api.engine import Control
from everup.api.parameters import By, Overrides, Reason, ServiceInPath, Wait, require_service
from everup.api.shapes.answers import AnswerShape
from everup.api.shapes.explanation import FindingShape, KindAnswerShape, ServiceActionsShape
from everup.api.wishes import ask
from everup.model.kinds import UNKNOWN, Condition
from everup.model.request import Request, Verb

router = APIRouter(prefix="/services", tags=["services"])

_RESPONSES: dict[int | str, dict[str, object]] = {
    202: {"model": AnswerShape, "description": "begun; `action` says where to look"}
}


@router.get("/{name}/actions")
async def actions(control: Control, name: ServiceInPath) -> ServiceActionsShape:
    """The present answer for each kind of action, by Everup itself and by a person's command."""
    require_service(control, name)
    look = control.look
    health = None if look is None else look.assessment.own.services.get(name)
    found = None if look is None else look.assessment.relations.findings.get(name)
    return ServiceActionsShape(
        service=name,
        condition=Condition.UNKNOWN if health is None else health.condition,
        at_s=UNKNOWN if look is None else look.at_s,
        now_s=control.now_s(),
        finding=None if found is None else FindingShape.model_validate(found),
        actions=[KindAnswerShape.model_validate(answer) for answer in control.kinds(name)],
    )


@router.post("/{name}/stop", response_model=AnswerShape, responses=_RESPONSES)
async def stop(
    control: Control,
    name: ServiceInPath,
    overrides: Overrides,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Stop a service on purpose: it is left alone until it is started again."""
    require_service(control, name)
    request = Request(Verb.STOP, by, name, reason=reason, overrides=overrides)
    return await ask(control, request, wait)


@router.post("/{name}/start", response_model=AnswerShape, responses=_RESPONSES)
async def start(
    control: Control,
    name: ServiceInPath,
    overrides: Overrides,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Start a service, and have it run from now on."""
    require_service(control, name)
    request = Request(Verb.START, by, name, reason=reason, overrides=overrides)
    return await ask(control, request, wait)
