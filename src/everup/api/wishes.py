"""A person's wish: handed to the loop, its answer turned into HTTP, its outcome waited for.

Flows in: a Request. Flows out: 202 with the action's address; 200 when there is nothing to wait for
or `?wait=` saw the end; 409 as a problem document when the gate said no. Called by the routes that
change something.
"""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse, Response

from everup.api.engine import ControlView
from everup.api.problems import ApiProblem
from everup.api.routes.actions import action_story
from everup.api.shapes.answers import AnswerShape
from everup.loop.ports import ActionRecord
from everup.model.decision import Check
from everup.model.errors import JournalUnavailable
from everup.model.kinds import ActionKind
from everup.model.request import Answer, AnswerState, Request, Verb

POLL_EVERY_S = 0.2
NEXT_RUNG_WITHIN_S = 5.0
ANSWER_WITHIN_S = 60.0
ENDED = frozenset({"verified", "failed"})
NEWEST = 5
YIELDING = frozenset({Check.FREEZE, Check.MAINTENANCE, Check.SOMEONE_ELSES_CHANGE})


async def ask(control: ControlView, request: Request, wait_s: float) -> Response:
    """Put the wish to the loop and answer.

    Raises:
        ApiProblem: 409 with the gate's check and reason, 503 when the loop does not answer.
        EverupError: as the loop raised it.
    """
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            answer = await control.request(request)
    except TimeoutError:
        raise ApiProblem(
            503,
            "loop-silent",
            f"the loop did not answer within {ANSWER_WITHIN_S:.0f} s; it may still do it",
            fix="look at GET /health and GET /actions before you ask again",
            retry_after_s=ANSWER_WITHIN_S,
        ) from None
    if answer.state in (AnswerState.DELAYED, AnswerState.REFUSED):
        raise _refused(answer)
    record = None
    if answer.action_id is not None and wait_s > 0:
        record = await _outcome(control, request, answer.action_id, wait_s)
    return _response(request, answer, record)


def _refused(answer: Answer) -> ApiProblem:
    fix = ""  # when to ask again stands in a field of its own
    if answer.check in YIELDING:
        fix = f"add override={answer.check} and a reason if it must be now"
    return ApiProblem(
        409,
        answer.state.value,
        answer.text,
        check=answer.check,
        retry_after_s=answer.retry_after_s,
        fix=fix,
    )


def _response(request: Request, answer: Answer, record: ActionRecord | None) -> Response:
    action_id = answer.action_id if record is None else record.id
    address = None if action_id is None else f"/actions/{action_id}"
    is_settled = action_id is None or (record is not None and record.state in ENDED)
    shape = AnswerShape(
        state=answer.state,
        text=answer.text,
        service=request.service,
        action_id=action_id,
        action=address,
        retry_after_s=answer.retry_after_s,
        outcome=None if record is None else action_story(record),
        is_settled=is_settled,
    )
    headers = {} if address is None else {"Location": address}
    return JSONResponse(
        shape.model_dump(mode="json"), status_code=200 if is_settled else 202, headers=headers
    )


async def _outcome(
    control: ControlView, request: Request, action_id: str, wait_s: float
) -> ActionRecord | None:
    """The action's record when it ended or the wait is over, following `restart` to its second
    rung. None when the journal could not be read: the answer is then the address alone."""
    record: ActionRecord | None = None
    try:
        async with asyncio.timeout(wait_s):
            record = await _until_ended(control, action_id)
            if _may_climb(request, record):
                async with asyncio.timeout(NEXT_RUNG_WITHIN_S):
                    following = await _next_rung(control, record)
                record = following
                record = await _until_ended(control, following.id)
    except (TimeoutError, JournalUnavailable):
        if record is None:
            return await _now(control, action_id)
        return await _now(control, record.id) or record
    return record


async def _now(control: ControlView, action_id: str) -> ActionRecord | None:
    try:
        return await control.journal.action(action_id)
    except JournalUnavailable:
        return None


async def _until_ended(control: ControlView, action_id: str) -> ActionRecord:
    while True:
        record = await control.journal.action(action_id)
        if record is not None and record.state in ENDED:
            return record
        await asyncio.sleep(POLL_EVERY_S)


def _may_climb(request: Request, record: ActionRecord) -> bool:
    return (
        request.verb is Verb.HEAL
        and request.kind is None
        and record.state == "failed"
        and record.kind == ActionKind.GRACEFUL_RESTART
    )


async def _next_rung(control: ControlView, first: ActionRecord) -> ActionRecord:
    while True:
        for record in await control.journal.actions(limit=NEWEST, service=first.service):
            is_later = record.intended_at_s >= first.intended_at_s and record.id != first.id
            if is_later and record.kind == ActionKind.CONTAINER_RESTART:
                return record
        await asyncio.sleep(POLL_EVERY_S)
