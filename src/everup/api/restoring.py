"""A wish to restore: planned or begun by the loop, its answer turned into HTTP, its end waited for.

Flows in: a target. Flows out: 202 with the restore's address; 200 for a dry run, when nothing was
to be done, or when `?wait=` saw the end; 409 as a problem when something stands against it.
Called by the routes of restores, snapshots and rollback.
"""

from __future__ import annotations

import asyncio

from starlette.responses import JSONResponse, Response

from everup.api.engine import ControlView
from everup.api.problems import ApiProblem, shorten
from everup.api.shapes.restores import (
    LeftAloneShape,
    PlannedStepShape,
    RestoreAnswerShape,
    RestoreProgressShape,
    RestoreRefusalShape,
    RestoreShape,
    RestoreStepShape,
    RestoreTryShape,
)
from everup.loop.restores import RestoreWish
from everup.model.decision import Delayed
from everup.model.errors import GiveUp
from everup.model.request import Answer, AnswerState
from everup.model.restore import (
    RESTORE,
    NothingToDo,
    Restore,
    RestorePlan,
    RestoreRefusal,
    RestoreStep,
    RestoreTarget,
)
from everup.rollback_manager import progress, target_of

POLL_EVERY_S = 0.2


async def target_in(
    control: ControlView, snapshot_id: str, services: tuple[str, ...]
) -> RestoreTarget:
    """What the snapshot holds, or these services of it.

    Raises:
        ApiProblem: 404 for a snapshot that is not there, 409 for what it does not hold.
    """
    try:
        found = await control.snapshot(snapshot_id)
    except GiveUp as damage:
        raise ApiProblem(409, AnswerState.REFUSED, str(damage), check="damaged") from None
    if found is None:
        text = f"there is no snapshot {shorten(snapshot_id)!r}"
        raise ApiProblem(404, "unknown-snapshot", text)
    target = target_of(found, services)
    if isinstance(target, RestoreTarget):
        return target
    raise _refused(target)


async def planned(control: ControlView, target: RestoreTarget) -> RestoreAnswerShape:
    """Only what would be done, also where something stands against it.

    Raises:
        ApiProblem: 409: it cannot even be planned.
    """
    found = await control.plan_restore(target)
    if isinstance(found, NothingToDo):
        left = tuple(LeftAloneShape.model_validate(one) for one in found.left)
        return RestoreAnswerShape(state=AnswerState.DONE, text=found.reason, service="", left=left)
    if not isinstance(found, RestorePlan):
        raise _refused(found)
    order = ", ".join(found.services) or "nothing"
    text = f"would go back, in this order: {order}; nothing was done"
    state = AnswerState.DONE
    if found.refusals:
        state = AnswerState.REFUSED
        text = f"would not be begun: {'; '.join(one.reason for one in found.refusals)}"
    return _shape(state, text, found)


async def begun(control: ControlView, wish: RestoreWish, wait_s: float) -> Response:
    """Begin it, and with `wait_s` wait for its end.

    Raises:
        ApiProblem: 409 with the name of what stands against it.
    """
    found = await control.restore(wish)
    answer = found.answer
    if answer.state in (AnswerState.REFUSED, AnswerState.DELAYED):
        raise _problem(answer)
    shape = _shape(answer.state, answer.text, found.plan)
    if not found.restore_id:
        return JSONResponse(shape.model_dump(mode="json"))
    ended = await _until_ended(control, found.restore_id, wait_s) if wait_s > 0 else None
    address = f"/restores/{found.restore_id}"
    shape = shape.model_copy(
        update={
            "restore_id": found.restore_id,
            "restore": address,
            "is_settled": ended is not None,
            "ended": None if ended is None else restore_shape(control, ended),
        }
    )
    return JSONResponse(
        shape.model_dump(mode="json"),
        status_code=202 if ended is None else 200,
        headers={"Location": address},
    )


async def _until_ended(control: ControlView, restore_id: str, wait_s: float) -> Restore | None:
    try:
        async with asyncio.timeout(wait_s):
            while True:
                restore = control.state.restores.get(restore_id)
                if restore is not None and not restore.is_open:
                    return restore
                await asyncio.sleep(POLL_EVERY_S)
    except TimeoutError:
        return None


def restore_shape(control: ControlView, restore: Restore) -> RestoreShape:
    """As it stands now."""
    far = progress(restore, control.state)
    return RestoreShape(
        id=restore.id,
        by=restore.by,
        origin=restore.origin,
        reason=restore.reason,
        snapshot_id=restore.snapshot_id,
        back_to_id=restore.back_to_id,
        began_at_s=restore.began_at_s,
        is_back=restore.is_back,
        back_because=restore.back_because,
        ending=restore.ending,
        ended_because=restore.ended_because,
        ended_at_s=restore.ended_at_s,
        waiting_for=_waiting_for(control, restore),
        progress=RestoreProgressShape.model_validate(far),
        steps=tuple(_step(restore, step, far.service) for step in restore.steps),
    )


def _step(restore: Restore, step: RestoreStep, current: str) -> RestoreStepShape:
    tries = [t for t in restore.tries if t.service == step.service]
    return RestoreStepShape(
        service=step.service,
        from_version=step.from_version,
        from_title=step.from_title,
        to_version=step.to_version,
        to_title=step.to_title,
        state=_state(restore, step.service, current),
        tries=tuple(RestoreTryShape.model_validate(one) for one in tries),
    )


def _state(restore: Restore, service: str, current: str) -> str:
    if restore.is_put_back(service):
        return "put_back"
    if restore.is_back and restore.is_open and service in restore.touched:
        return "putting_back"
    if restore.is_done(service):
        return "restored"
    if restore.is_open and service == current and service in restore.touched:
        return "under_way"
    tries = restore.tries_of(service, is_back=False)
    return "failed" if tries and not tries[-1].has_passed else "waiting"


def _waiting_for(control: ControlView, restore: Restore) -> str:
    """What the gate says to its next step, where it is not let through."""
    if not restore.is_open or control.look is None:
        return ""
    for decision in control.look.decisions:
        proposal = decision.proposal
        if proposal is not None and proposal.steps[0].parameters.get(RESTORE) == restore.id:
            verdict = decision.verdict
            return f"{verdict.check}: {verdict.reason}" if isinstance(verdict, Delayed) else ""
    return ""


def _shape(state: AnswerState, text: str, plan: RestorePlan | None) -> RestoreAnswerShape:
    if plan is None:
        return RestoreAnswerShape(state=state, text=text, service="")
    return RestoreAnswerShape(
        state=state,
        text=text,
        service=plan.services[0] if len(plan.services) == 1 else "",
        steps=tuple(PlannedStepShape.model_validate(one) for one in plan.steps),
        left=tuple(LeftAloneShape.model_validate(one) for one in plan.left),
        refusals=tuple(RestoreRefusalShape.model_validate(one) for one in plan.refusals),
        notes=plan.notes,
    )


def _refused(refusals: tuple[RestoreRefusal, ...]) -> ApiProblem:
    text = "; ".join(one.reason for one in refusals)
    return ApiProblem(409, AnswerState.REFUSED, text, check=refusals[0].name)


def _problem(answer: Answer) -> ApiProblem:
    return ApiProblem(
        409,
        answer.state,
        answer.text,
        check=answer.check,
        retry_after_s=answer.retry_after_s,
    )
