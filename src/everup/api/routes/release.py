"""POST /release: gives back what Everup holds, isolation and changed limits, now."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from everup.api.engine import Control
from everup.api.parameters import By, ServiceInQuery, Wait, require_service
from everup.api.shapes.answers import AnswerShape
from everup.api.wishes import ask
from everup.model.request import Request, Verb

router = APIRouter(tags=["release"])


@router.post("/release", response_model=AnswerShape)
async def release(
    control: Control, service: ServiceInQuery = None, by: By = "api", wait: Wait = 0.0
) -> Response:
    """Give back what is held of one service, or without `service` of the whole stack."""
    if service is not None:
        require_service(control, service)
    return await ask(control, Request(Verb.RELEASE, by, service or ""), wait)
