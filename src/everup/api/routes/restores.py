"""/restores: services that go back together, how far each is, and having one undone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from everup.api.engine import Control, ControlView
from everup.api.parameters import (
    NAME_LENGTH_MOST,
    By,
    IdInPath,
    Overrides,
    Reason,
    Wait,
    require_service,
)
from everup.api.problems import ApiProblem, shorten
from everup.api.restoring import begun, planned, restore_shape, target_in
from everup.api.shapes.answers import AnswerShape
from everup.api.shapes.restores import RestoreAnswerShape, RestoreShape, RestoresShape
from everup.loop.restores import RestoreWish
from everup.model.request import AnswerState
from everup.model.restore import Restore, RestoreTarget, Wanted

router = APIRouter(prefix="/restores", tags=["restores"])
of_snapshots = APIRouter(prefix="/snapshots", tags=["restores"])

SERVICES_MOST = 64
DryRun = Annotated[bool, Query(description="only say what would be done")]
Name = Annotated[str, Query(min_length=1, max_length=NAME_LENGTH_MOST)]
Services = Annotated[
    list[Name],
    Query(max_length=SERVICES_MOST, description="a service that goes back; again for each further"),
]
BEGUN: dict[int | str, dict[str, object]] = {
    202: {"model": RestoreAnswerShape, "description": "begun; `restore` says where to look"}
}


@router.get("")
async def restores(control: Control) -> RestoresShape:
    """The one under way, then those that ended, newest first."""
    found = sorted(control.state.restores.values(), key=lambda r: (not r.is_open, -r.began_at_s))
    return RestoresShape(restores=[restore_shape(control, one) for one in found])


@router.get("/{restore_id}")
async def restore(control: Control, restore_id: IdInPath) -> RestoreShape:
    """One, with its steps and how far it is."""
    return restore_shape(control, _find(control, restore_id))


@router.post("", response_model=RestoreAnswerShape, responses=BEGUN)
async def restore_set(
    control: Control,
    overrides: Overrides,
    services: Services,
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """These services go back together, each to what it was last well with; all or none."""
    for name in services:
        require_service(control, name)
    target = RestoreTarget({name: Wanted(name) for name in services}, is_named=True)
    wish = RestoreWish(target, by, reason, overrides=overrides)
    return await _answer(control, wish, wait, is_dry=dry_run)


@of_snapshots.post("/{snapshot_id}/restore", response_model=RestoreAnswerShape, responses=BEGUN)
async def restore_snapshot(
    control: Control,
    snapshot_id: IdInPath,
    overrides: Overrides,
    services: Services = [],  # noqa: B006  FastAPI copies defaults
    dry_run: DryRun = False,
    reason: Reason = "",
    by: By = "api",
    wait: Wait = 0.0,
) -> Response:
    """All that the snapshot holds goes back, or these services of it; all or none."""
    target = await target_in(control, snapshot_id, tuple(services))
    wish = RestoreWish(target, by, reason, overrides=overrides)
    return await _answer(control, wish, wait, is_dry=dry_run)


@router.post("/{restore_id}/undo", response_model=AnswerShape)
async def undo(
    control: Control, restore_id: IdInPath, reason: Reason = "", by: By = "api"
) -> Response:
    """It goes no further, and puts back what it has changed."""
    _find(control, restore_id)
    answer = await control.undo_restore(restore_id, by, reason)
    if answer.state is AnswerState.REFUSED:
        raise ApiProblem(409, answer.state, answer.text, check=answer.check)
    shape = AnswerShape(state=answer.state, text=answer.text, service="", is_settled=False)
    return JSONResponse(shape.model_dump(mode="json"))


async def _answer(
    control: ControlView, wish: RestoreWish, wait_s: float, *, is_dry: bool
) -> Response:
    if is_dry:
        return JSONResponse((await planned(control, wish.target)).model_dump(mode="json"))
    return await begun(control, wish, wait_s)


def _find(control: ControlView, restore_id: str) -> Restore:
    found = control.state.restores.get(restore_id)
    if found is None:
        raise ApiProblem(
            404,
            "unknown-restore",
            f"there is no restore {shorten(restore_id)!r}",
            fix="GET /restores lists them",
        )
    return found
