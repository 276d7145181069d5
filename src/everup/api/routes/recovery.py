"""POST /recovery/manual/{service}: a person starts a recovery; the gate still has its say."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from everup.api.engine import Control
from everup.api.parameters import (
    By,
    InstanceInQuery,
    Overrides,
    Reason,
    ServiceInPath,
    Wait,
    require_service,
)
from everup.api.shapes.answers import AnswerShape
from everup.api.wishes import ask
from everup.model.kinds import ActionKind
from everup.model.request import Request, Verb

router = APIRouter(prefix="/recovery", tags=["recovery"])

RecoveryType = StrEnum(  # type: ignore[misc]
    "RecoveryType", {"RESTART": "restart", **{kind.name: kind.value for kind in ActionKind}}
)

RESTART = RecoveryType("restart")

Type = Annotated[
    RecoveryType,
    Query(
        description="an action kind, or restart: graceful_restart, then container_restart if that "
        "fails"
    ),
]


@router.post(
    "/manual/{service}",
    response_model=AnswerShape,
    responses={202: {"model": AnswerShape, "description": "begun; `action` says where to look"}},
)
async def recover(
    control: Control,
    service: ServiceInPath,
    overrides: Overrides,
    recovery_type: Type = RESTART,
    instance: InstanceInQuery = "",
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Recover one service now. Skips mode, cooldown, backoff, health limits and approval only."""
    require_service(control, service)
    kind = None if recovery_type.value == "restart" else ActionKind(recovery_type.value)
    request = Request(
        Verb.HEAL,
        by,
        service,
        kind=kind,
        reason=reason,
        overrides=overrides,
        instance=instance,
    )
    return await ask(control, request, wait)
