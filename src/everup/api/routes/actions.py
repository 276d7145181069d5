"""GET /actions and GET /actions/{id}: what was done, by whom, and the proof that it helped."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control
from everup.api.parameters import Before, IdInPath, Limit, ServiceInQuery, require_service
from everup.api.problems import ApiProblem, shorten
from everup.api.shapes.base import plain
from everup.api.shapes.records import ActionShape, ActionsShape, ActionStoryShape
from everup.loop.ports import ActionRecord

router = APIRouter(tags=["actions"])


@router.get("/actions")
async def actions(
    control: Control, limit: Limit = 100, before: Before = None, service: ServiceInQuery = None
) -> ActionsShape:
    """Newest first, of one service if asked."""
    if service is not None:
        require_service(control, service)
    found = await control.journal.actions(limit=limit, before=before, service=service)
    return ActionsShape(
        actions=[ActionShape.model_validate(plain(record)) for record in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get("/actions/{action_id}")
async def action(control: Control, action_id: IdInPath) -> ActionStoryShape:
    """One action with its evidence."""
    found = await control.journal.action(action_id)
    if found is None:
        raise ApiProblem(
            404,
            "unknown-action",
            f"there is no action {shorten(action_id)!r}",
            fix="GET /actions lists them",
        )
    return action_story(found)


def action_story(record: ActionRecord) -> ActionStoryShape:
    """The record with its evidence, as it goes out."""
    return ActionStoryShape.model_validate(plain(record))
