"""GET /incidents and GET /incidents/{id}: what went wrong, what was tried, and how it ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from everup.api.engine import Control
from everup.api.parameters import PAGE_MOST, Before, IdInPath, Limit
from everup.api.problems import ApiProblem, shorten
from everup.api.shapes.records import (
    IncidentShape,
    IncidentsShape,
    IncidentStoryShape,
    entry_shape,
)
from everup.model.incident import IncidentState

router = APIRouter(tags=["incidents"])

State = Annotated[IncidentState | None, Query(description="only those in this state")]


@router.get("/incidents")
async def incidents(
    control: Control, limit: Limit = 100, before: Before = None, state: State = None
) -> IncidentsShape:
    """Newest first."""
    found = await control.journal.incidents(limit=limit, before=before, state=state)
    return IncidentsShape(
        incidents=[IncidentShape.model_validate(incident) for incident in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get("/incidents/{incident_id}")
async def incident(control: Control, incident_id: IdInPath) -> IncidentStoryShape:
    """One incident with its attempts and every entry of the journal about it."""
    found = await control.journal.incident(incident_id)
    if found is None:
        raise ApiProblem(
            404,
            "unknown-incident",
            f"there is no incident {shorten(incident_id)!r}",
            fix="GET /incidents lists them",
        )
    entries = await control.journal.entries(incident_id=incident_id, limit=PAGE_MOST)
    return IncidentStoryShape(
        **IncidentShape.model_validate(found).model_dump(),
        timeline=tuple(entry_shape(*row) for row in entries),
        has_more=len(entries) == PAGE_MOST,
    )
