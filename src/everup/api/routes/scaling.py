"""GET /scaling: sizes, what is forecast, what should be and why, what stands against it, costs and
recommendations, what was decided and done. POST /scaling/manual/{service}: a person scales; the
gate still has its say."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import PlainTextResponse, Response

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
from everup.api.scaled import scale_of, status_of, story_of
from everup.api.scaling_text import NOTHING, text_of
from everup.api.shapes.answers import AnswerShape
from everup.api.shapes.records import ActionStoryShape
from everup.api.shapes.scaling import (
    CapacityShape,
    ChosenShape,
    CountShape,
    DecisionsShape,
    DemandShape,
    DirectionShape,
    LimitShape,
    RefusalShape,
    ScalingShape,
    ServiceScalingShape,
    SizeShape,
    choice_shape,
    chosen_shape,
    cost_shape,
    forecast_shape,
    recommendation_shapes,
)
from everup.api.wishes import ask
from everup.auto_scaler import ServiceScale
from everup.auto_scaler.cost import Recommendation, recommended_override
from everup.auto_scaler.override import is_changed, override
from everup.auto_scaler.sizes import CPUS_LEAST
from everup.auto_scaler.story import Story
from everup.auto_scaler.told import told, why
from everup.config.units import size_bytes
from everup.loop import scaling as sizing
from everup.model.errors import JournalUnavailable
from everup.model.kinds import UNKNOWN, ActionKind, is_known
from everup.model.request import Request, Verb
from everup.model.scaling import COUNTS, SCALING_KINDS, SIZES, Amount
from everup.model.sizing_words import INSTANCES_MOST

router = APIRouter(prefix="/scaling", tags=["scaling"])

NONE = "none"
CPUS_MOST = 1024.0
MEMORY_LEAST_BYTES = 2.0**20
DECISIONS_MOST = 20
LOOKED_AT_MOST = 200
IN_ORDER = tuple(kind for kind in ActionKind if kind in SCALING_KINDS)

STORIES_AT_ONCE = 10
"""Then the loop has its turn: a thousand services take a second."""


class Format(StrEnum):
    """How the answer is written."""

    JSON = "json"
    TEXT = "text"
    COMPOSE = "compose"


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


Form = Annotated[
    Format, Query(description="text: sentences; compose: a file of what is recommended")
]


@router.get(
    "",
    response_model=ScalingShape,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def scaling(control: Control, format: Form = Format.JSON) -> ScalingShape | Response:
    """Every service's size, what is asked of it and forecast, what it should be and why, what it
    costs and what is recommended. Reading it changes nothing."""
    found = await _scaling(control)
    if format is Format.TEXT:
        return PlainTextResponse(text_of(found))
    if format is Format.COMPOSE:
        return PlainTextResponse(found.recommended_override or f"{NOTHING}\n")
    return found


@router.get("/decisions")
async def decisions(control: Control, limit: Limit = DECISIONS_MOST) -> DecisionsShape:
    """What should have been of another size and why, and what was scaled, by whom and how it
    ended. Newest first."""
    return DecisionsShape(
        decided=_decided(control, limit), decisions=await _decisions(control, limit)
    )


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
    _fits(kind, {"instances": instances, "memory": memory, "cpus": cpus})
    request = Request(
        Verb.SCALE, by, service, kind=kind, reason=reason, overrides=overrides, amount=amount
    )
    return await ask(control, request, wait)


async def _scaling(control: ControlView) -> ScalingShape:
    status = status_of(control)
    services: dict[str, ServiceScalingShape] = {}
    recommended: list[Recommendation] = []
    for place, name in enumerate(control.stack.services):
        if place % STORIES_AT_ONCE == STORIES_AT_ONCE - 1:
            await asyncio.sleep(0)
        story = story_of(control, name)
        services[name] = _service(control, name, story)
        recommended += story.recommendations
    return ScalingShape(
        state=status.state,
        at_s=UNKNOWN if control.look is None else control.look.at_s,
        learned=status.learned,
        fault=status.fault,
        services=services,
        decided=_decided(control, DECISIONS_MOST),
        decisions=await _decisions(control, DECISIONS_MOST),
        override=_override(control),
        recommended_override=recommended_override(recommended),
    )


def _decided(control: ControlView, limit: int) -> list[ChosenShape]:
    return [chosen_shape(one) for one in reversed(control.state.scaled[-limit:])]


async def _decisions(control: ControlView, limit: int) -> list[ActionStoryShape]:
    try:
        found = await control.journal.actions(limit=max(LOOKED_AT_MOST, limit))
    except JournalUnavailable:
        return []
    return [action_story(record) for record in found if record.kind in SCALING_KINDS][:limit]


def _service(control: ControlView, name: str, story: Story) -> ServiceScalingShape:
    spec, remembered = control.stack.services[name], control.state.service(name)
    seen, prices = scale_of(control, name), control.stack.prices
    choice, capacity, size = story.choice, story.capacity, story.advice
    return ServiceScalingShape(
        service=name,
        instances=_counts(control, name, seen),
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
        directions=_directions(control, name),
        is_changed=is_changed(spec, seen),
        learned=story.is_learned,
        demand=DemandShape(now=story.demand, unit=story.unit),
        forecast=forecast_shape(story),
        capacity=None if capacity is None else CapacityShape.model_validate(capacity),
        decision=None if choice is None else choice_shape(choice, story.waits),
        fixed=story.fixed,
        queue_fault=story.unread,
        stays_awake=story.stays_awake,
        size=None if size is None else SizeShape.model_validate(size),
        cost=cost_shape(story, prices.currency),
        recommendations=recommendation_shapes(story),
        why="" if choice is None else why(choice, story.fixed, story.waits),
        told=list(told(story, prices)),
    )


def _counts(control: ControlView, name: str, seen: ServiceScale) -> CountShape:
    spec = control.stack.services[name]
    return CountShape(
        running=seen.running,
        there=seen.instances,
        wanted=seen.wanted,
        declared=spec.instances,
        least=spec.min_instances if spec.has_bounds else 1,
        most=spec.max_instances if spec.has_bounds else seen.borne,
        is_bound=spec.has_bounds,
    )


def _directions(control: ControlView, name: str) -> list[DirectionShape]:
    manifest, settings = control.runtime.manifest, control.settings
    return [
        DirectionShape(
            kind=kind,
            refusals=[
                RefusalShape.model_validate(no)
                for no in sizing.stands_against(kind, control.stack, name, settings, manifest)
            ],
        )
        for kind in IN_ORDER
    ]


def _override(control: ControlView) -> str:
    if control.stack.runtime != "docker":
        return ""
    pairs = [(spec, scale_of(control, name)) for name, spec in control.stack.services.items()]
    return override(pairs)


def _fits(kind: ActionKind | None, said: Mapping[str, int | str | None]) -> None:
    """An amount of another kind would be left out, and something be done that nobody asked for."""
    if kind is None:
        return
    others = ("memory", "cpus") if kind in COUNTS else ("instances",)
    for field in others:
        if (value := said[field]) is not None:
            ways = SIZES if kind in COUNTS else COUNTS
            names = " or ".join(way.value for way in IN_ORDER if way in ways)
            fix = f"leave it out, or ask for {names} with it"
            raise _wrong(field, str(value), f"means nothing for {kind.value}", fix)


def _memory(text: str | None) -> float:
    if text is None:
        return UNKNOWN
    if text.strip().lower() == NONE:
        return math.inf
    fix = "write 512m, 1.5GiB or none"
    try:
        found = size_bytes(text)
    except ValueError as error:
        raise _wrong("memory", text, str(error), fix) from None
    if found < MEMORY_LEAST_BYTES:
        raise _wrong("memory", text, "is under 1 MiB, on which nothing runs", fix)
    return found


def _cpus(text: str | None) -> float:
    if text is None:
        return UNKNOWN
    if text.strip().lower() == NONE:
        return math.inf
    try:
        value = float(text)
    except ValueError:
        value = UNKNOWN
    if is_known(value) and CPUS_LEAST <= value <= CPUS_MOST:
        return value
    fix = f"write a number from {CPUS_LEAST:g} to {CPUS_MOST:g}, or none"
    raise _wrong("cpus", text, "is no number of processors that can be set", fix)


def _wrong(field: str, value: str, message: str, fix: str) -> ApiProblem:
    error = FieldProblem(field=field, value=value, message=message, fix=fix)
    return ApiProblem(422, "invalid-request", f"{field} {message}", fix=fix, errors=[error])
