"""GET /scaling: sizes, what stands against others, what was done. POST /scaling/manual/{service}:
a person scales; the gate still has its say."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from everup.api.engine import Control, ControlView
from everup.api.parameters import (
    By,
    Limit,
    Overrides,
    Reason,
    ServiceInPath,
    Wait,
    require_service,
)
from everup.api.problems import ApiProblem, FieldProblem
from everup.api.routes.actions import action_story
from everup.api.shapes.answers import AnswerShape
from everup.api.shapes.health import ScalingStatusShape
from everup.api.shapes.records import ActionStoryShape
from everup.api.shapes.scaling import (
    CountShape,
    DecisionsShape,
    DirectionShape,
    LimitShape,
    RefusalShape,
    ScalingShape,
    ServiceScalingShape,
)
from everup.api.wishes import ask
from everup.auto_scaler import ServiceScale
from everup.auto_scaler.override import is_changed, override
from everup.config.units import size_bytes
from everup.loop import scaling as sizing
from everup.loop.look import NOTHING_SEEN, NOTHING_UNDERSTOOD
from everup.model.errors import JournalUnavailable
from everup.model.kinds import UNKNOWN, ActionKind, is_known
from everup.model.request import Request, Verb
from everup.model.scaling import INSTANCES_MOST, SCALING_KINDS, Amount

router = APIRouter(prefix="/scaling", tags=["scaling"])

NONE = "none"
CPUS_MOST = 1024.0
DECISIONS_MOST = 20
LOOKED_AT_MOST = 200
IN_ORDER = tuple(kind for kind in ActionKind if kind in SCALING_KINDS)

Action = StrEnum("Action", {kind.name: kind.value for kind in IN_ORDER})  # type: ignore[misc]

WhichWay = Annotated[
    Action | None, Query(description="the direction; without, whichever the amount says")
]
Count = Annotated[
    int | None, Query(ge=1, le=INSTANCES_MOST, description="how many there should be")
]
Memory = Annotated[
    str | None, Query(max_length=32, description="limit of one instance: 512m, 1.5GiB, none")
]
Cpus = Annotated[
    str | None, Query(max_length=32, description="limit of one instance: 0.5, 2, none")
]


@router.get("")
async def scaling(control: Control) -> ScalingShape:
    """Every service's size, and what stands against another one, by name."""
    services = {name: _service(control, name) for name in control.stack.services}
    return ScalingShape(
        state=status_of(control).state,
        at_s=UNKNOWN if control.look is None else control.look.at_s,
        services=services,
        decisions=await _decisions(control, DECISIONS_MOST),
        override=_override(control),
    )


@router.get("/decisions")
async def decisions(control: Control, limit: Limit = DECISIONS_MOST) -> DecisionsShape:
    """What was scaled lately, by whom and how it ended, newest first."""
    return DecisionsShape(decisions=await _decisions(control, limit))


@router.post(
    "/manual/{service}",
    response_model=AnswerShape,
    responses={202: {"model": AnswerShape, "description": "begun; `action` says where to look"}},
)
async def scale(
    control: Control,
    service: ServiceInPath,
    overrides: Overrides,
    action: WhichWay = None,
    instances: Count = None,
    memory: Memory = None,
    cpus: Cpus = None,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """Another number of instances, or other limits, now. Refusals are 409 with the reason's name
    as `check`."""
    require_service(control, service)
    amount = Amount(instances or 0, _memory(memory), _cpus(cpus))
    kind = None if action is None else ActionKind(action.value)
    request = Request(
        Verb.SCALE, by, service, kind=kind, reason=reason, overrides=overrides, amount=amount
    )
    return await ask(control, request, wait)


def status_of(control: ControlView) -> ScalingStatusShape:
    """For /status."""
    changed = [name for name in control.stack.services if _is_changed(control, name)]
    if not control.settings.auto_scaling_enabled:
        return ScalingStatusShape(state="off", changed=changed)
    return ScalingStatusShape(
        state="waiting" if control.look is None else "running", changed=changed
    )


async def _decisions(control: ControlView, limit: int) -> list[ActionStoryShape]:
    try:
        found = await control.journal.actions(limit=max(LOOKED_AT_MOST, limit))
    except JournalUnavailable:
        return []
    return [action_story(record) for record in found if record.kind in SCALING_KINDS][:limit]


def _service(control: ControlView, name: str) -> ServiceScalingShape:
    spec, remembered = control.stack.services[name], control.state.service(name)
    seen = _scale(control, name)
    manifest, settings = control.runtime.manifest, control.settings
    return ServiceScalingShape(
        service=name,
        instances=CountShape(
            running=seen.running,
            there=seen.instances,
            wanted=seen.wanted,
            declared=spec.instances,
            least=spec.min_instances if spec.has_bounds else 1,
            most=spec.max_instances if spec.has_bounds else seen.borne,
        ),
        memory_bytes=LimitShape(
            now=seen.memory_limit_bytes,
            declared=spec.limits.memory_bytes,
            used_most=seen.memory_most_bytes,
        ),
        cpus=LimitShape(now=seen.cpus, declared=spec.limits.cpus, used_most=UNKNOWN),
        spread=spec.spread,
        standby=spec.standby,
        stands_in=remembered.stands_in,
        isolated=sorted(remembered.isolated),
        leaving=list(seen.leaving),
        directions=[
            DirectionShape(
                kind=kind,
                refusals=[
                    RefusalShape.model_validate(no)
                    for no in sizing.stands_against(kind, control.stack, name, settings, manifest)
                ],
            )
            for kind in IN_ORDER
        ],
        is_changed=_is_changed(control, name),
    )


def _scale(control: ControlView, name: str) -> ServiceScale:
    look = control.look
    observation = NOTHING_SEEN if look is None else look.observation
    assessment = NOTHING_UNDERSTOOD if look is None else look.assessment
    return sizing.scale(control.stack, observation, assessment, control.state, name)


def _is_changed(control: ControlView, name: str) -> bool:
    return is_changed(control.stack.services[name], _scale(control, name))


def _override(control: ControlView) -> str:
    if control.stack.runtime != "docker":
        return ""
    pairs = [(spec, _scale(control, name)) for name, spec in control.stack.services.items()]
    return override(pairs)


def _memory(text: str | None) -> float:
    if text is None:
        return UNKNOWN
    if text.strip().lower() == NONE:
        return math.inf
    try:
        return size_bytes(text)
    except ValueError as error:
        raise _wrong("memory", text, str(error), "write 512m, 1.5GiB or none") from None


def _cpus(text: str | None) -> float:
    if text is None:
        return UNKNOWN
    if text.strip().lower() == NONE:
        return math.inf
    try:
        value = float(text)
    except ValueError:
        value = UNKNOWN
    if is_known(value) and 0 < value <= CPUS_MOST:
        return value
    fix = f"write a number up to {CPUS_MOST:g}, or none"
    raise _wrong("cpus", text, "is not a number of processors", fix)


def _wrong(field: str, value: str, message: str, fix: str) -> ApiProblem:
    error = FieldProblem(field=field, value=value, message=message, fix=fix)
    return ApiProblem(422, "invalid-request", f"{field} {message}", fix=fix, errors=[error])
