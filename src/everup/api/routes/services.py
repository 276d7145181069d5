"""POST /services/{name}/stop and /start: somebody's purpose, which Everup then respects."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from everup.api.engine import Control
from everup.api.parameters import By, Overrides, Reason, ServiceInPath, Wait, require_service
from everup.api.shapes.answers import AnswerShape
from everup.api.wishes import ask
from everup.model.request import Request, Verb

router = APIRouter(prefix="/services", tags=["services"])

_RESPONSES: dict[int | str, dict[str, object]] = {
    202: {"model": AnswerShape, "description": "begun; `action` says where to look"}
}


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
