"""Breakers: how they are, may I call, how my calls ended, and a person's word that one is well."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from everup.api.engine import Control, ControlView
from everup.api.parameters import (
    NAME_LENGTH_MOST,
    By,
    Reason,
    ServiceInPath,
    require_service,
)
from everup.api.problems import ApiProblem
from everup.api.shapes.breakers import BreakerShape, BreakersShape, MayCallShape
from everup.model.breaker import (
    OUTCOMES_MOST,
    BreakerAnswer,
    BreakerView,
    CallOutcome,
    EdgeName,
)

router = APIRouter(tags=["breakers"])

_LETTERS = "".join(outcome.value for outcome in CallOutcome)

TargetInPath = Annotated[
    str, Path(max_length=NAME_LENGTH_MOST, description="what the service needs")
]
Outcomes = Annotated[
    str,
    Query(
        min_length=1,
        max_length=OUTCOMES_MOST,
        pattern=f"^[{_LETTERS}]+$",
        description="a letter for each call, oldest first: p passed, f failed, s passed, but slow",
    ),
]
Trial = Annotated[
    str,
    Query(max_length=NAME_LENGTH_MOST, description="the id of the trial that this outcome is of"),
]


@router.get("/dependencies/breakers")
async def breakers(control: Control) -> BreakersShape:
    """The breaker of every critical dependency."""
    return BreakersShape(
        at_s=control.now_s(),
        slow_s=control.settings.breaker_slow_s,
        breakers=[breaker_shape(view) for view in control.breakers.views()],
    )


@router.get("/dependencies/breakers/{service}/{target}")
async def breaker(control: Control, service: ServiceInPath, target: TargetInPath) -> BreakerShape:
    """One of them. It only shows: who wants to call asks with POST, so that a trial goes to one."""
    return breaker_shape(control.breakers.view(_edge(control, service, target)))


@router.post("/dependencies/breakers/{service}/{target}/ask")
async def ask(control: Control, service: ServiceInPath, target: TargetInPath) -> MayCallShape:
    """May `service` call `target` now? While it is half open, one of all who ask gets the trial."""
    edge = _edge(control, service, target)
    return _may_call(control, await control.ask_breaker(edge))


@router.post("/dependencies/breakers/{service}/{target}/outcomes")
async def outcomes(
    control: Control,
    service: ServiceInPath,
    target: TargetInPath,
    outcomes: Outcomes,
    trial: Trial = "",
) -> MayCallShape:
    """How calls ended: as many letters as there were calls, or the one of a trial."""
    edge = _edge(control, service, target)
    told = [CallOutcome(letter) for letter in outcomes]
    return _may_call(control, await control.tell_breaker(edge, told, trial))


@router.post("/dependencies/breakers/{service}/{target}/close")
async def close(
    control: Control,
    service: ServiceInPath,
    target: TargetInPath,
    by: By = "api",
    reason: Reason = "",
) -> MayCallShape:
    """It is well, says a person: the breaker is closed and its openings are forgotten."""
    edge = _edge(control, service, target)
    why = reason.strip() or f"closed by {by}"
    return _may_call(control, await control.close_breaker(edge, by, why))


def breaker_shape(view: BreakerView) -> BreakerShape:
    """As it is shown."""
    turn = view.turn
    return BreakerShape(
        service=view.edge.service,
        target=view.edge.target,
        state=turn.state,
        since_s=turn.at_s,
        until_s=turn.until_s,
        openings=turn.openings,
        reason=turn.reason,
        turned_by=turn.turned_by,
        by=turn.by,
        passed=view.passed,
        failed=view.failed,
        slow=view.slow,
        failed_in_a_row=view.failed_in_a_row,
        is_trial_out=view.is_trial_out,
        calls=dict(view.calls),
        turned_away=view.turned_away,
        router=view.group,
        is_enforced=view.is_enforced,
        not_enforced=view.not_enforced,
    )


def _may_call(control: ControlView, answer: BreakerAnswer) -> MayCallShape:
    return MayCallShape(
        service=answer.edge.service,
        target=answer.edge.target,
        state=answer.state,
        is_allowed=answer.is_allowed,
        reason=answer.reason,
        trial=answer.trial,
        trial_for_s=answer.trial_for_s,
        retry_after_s=answer.retry_after_s,
        slow_s=control.settings.breaker_slow_s,
    )


def _edge(control: ControlView, service: str, target: str) -> EdgeName:
    """The edge, if it carries a breaker.

    Raises:
        ApiProblem: 404, with what would give it one.
    """
    require_service(control, service)
    require_service(control, target)
    edge = EdgeName(service, target)
    if edge in control.breakers.edges:
        return edge
    raise ApiProblem(
        404,
        "no-breaker",
        f"what {service} needs of {target} carries no breaker",
        fix=f"write depends_on: {{{target}: {{critical: true}}}} for {service}, or the label "
        f"everup.critical={target}; GET /dependencies/breakers lists those that there are",
    )
