"""POST and DELETE /freeze: nothing is done for the stack or one service until it is lifted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from everup.api.engine import Control
from everup.api.parameters import By, Reason, ServiceInQuery, Wait, require_service
from everup.api.shapes.answers import AnswerShape
from everup.api.wishes import ask
from everup.model.request import Request, Verb

router = APIRouter(tags=["freeze"])

FREEZE_MOST_S = 30 * 86_400.0

ForSeconds = Annotated[
    float | None,
    Query(
        gt=0,
        le=FREEZE_MOST_S,
        allow_inf_nan=False,
        description="seconds until it ends by itself; without it, until lifted by hand",
    ),
]


@router.post("/freeze", response_model=AnswerShape)
async def freeze(
    control: Control,
    service: ServiceInQuery = None,
    for_s: ForSeconds = None,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Freeze one service, or without `service` the whole stack."""
    if service is not None:
        require_service(control, service)
    request = Request(Verb.FREEZE, by, service or "", reason=reason, for_s=for_s)
    return await ask(control, request, wait)


@router.delete("/freeze", response_model=AnswerShape)
async def unfreeze(
    control: Control, service: ServiceInQuery = None, by: By = "api", wait: Wait = 0.0
) -> Response:
    """Lift the freeze of one service, or without `service` that of the stack."""
    if service is not None:
        require_service(control, service)
    return await ask(control, Request(Verb.UNFREEZE, by, service or ""), wait)
