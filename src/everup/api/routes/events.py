"""GET /events: the journal's entries as they are written, to be followed and resumed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from everup.api.engine import Control
from everup.api.feed import Feed, end_of
from everup.api.problems import ApiProblem, FieldProblem, shorten
from everup.api.streaming import MEDIA_TYPE, EventStream

router = APIRouter(tags=["events"])

SEQUENCE_MOST = 2**53

After = Annotated[
    int | None,
    Query(ge=0, le=SEQUENCE_MOST, description="begin behind this sequence; 0 is the beginning"),
]
LastEventId = Annotated[
    str | None,
    Header(max_length=20, pattern="^[0-9]*$", description="as browsers send it; wins over `after`"),
]
_RESPONSES: dict[int | str, dict[str, object]] = {
    200: {
        "description": "`id:` is the sequence, `event:` the kind of entry, `data:` an EntryShape",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}


@router.get("/events", response_class=Response, response_model=None, responses=_RESPONSES)
async def events(
    request: Request, control: Control, after: After = None, last_event_id: LastEventId = None
) -> EventStream:
    """Server-sent events: what is written from now on, or what was missed first.

    A comment every 15 s shows that the line is alive.
    """
    feed: Feed = request.app.state.feed
    if last_event_id and int(last_event_id) <= SEQUENCE_MOST:
        after = int(last_event_id)
    end = await end_of(control.journal)
    if after is not None and after > end:
        raise _beyond(after, end)
    return EventStream(feed, control.journal, end if after is None else after, end)


def _beyond(after: int, end: int) -> ApiProblem:
    """Waiting for a number that another journal gave would be waiting for nothing, in silence."""
    message = f"the journal ends at {end}"
    fix = "is this another state folder? leave it out to follow from now on, or begin at 0"
    error = FieldProblem(field="after", value=shorten(str(after)), message=message, fix=fix)
    return ApiProblem(422, "invalid-request", f"after: {message}", fix=fix, errors=[error])
