"""GET /incidents and GET /incidents/{id}: what went wrong, what was tried, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from everup.api.engine import Control, ControlView
from everup.api.mitigating import option_shape
from everup.api.parameters import (
    PAGE_MOST,
    Before,
    IdInPath,
    Limit,
    ServiceInQuery,
    require_service,
)
from everup.api.problems import ApiProblem, shorten
from everup.api.routes.actions import action_story
from everup.api.routes.plan import decision_shape, flight_shape
from everup.api.shapes.explanation import (
    BystanderShape,
    CandidateShape,
    EpisodeShape,
    GateWordShape,
    RemedyShape,
    WouldDoShape,
)
from everup.api.shapes.records import (
    AfterwardsShape,
    IncidentShape,
    IncidentsShape,
    IncidentStoryShape,
    entry_shape,
)
from everup.loop.explain import afterwards, explain
from everup.loop.look import Decision
from everup.loop.ports import ActionRecord
from everup.model.entries import Entry, Intended
from everup.model.incident import Incident, IncidentState
from everup.model.kinds import Condition, Origin, is_known

router = APIRouter(tags=["incidents"])

ACTIONS_TOLD_MOST = 20
NEIGHBOURS_MOST = 20

State = Annotated[IncidentState | None, Query(description="only those in this state")]


@router.get("/incidents")
async def incidents(
    control: Control,
    limit: Limit = 100,
    before: Before = None,
    state: State = None,
    service: ServiceInQuery = None,
) -> IncidentsShape:
    """Newest first, in one state or on one service if asked."""
    if service is not None:
        require_service(control, service)
    found = await control.journal.incidents(
        limit=limit, before=before, state=state, service=service
    )
    return IncidentsShape(
        incidents=[IncidentShape.model_validate(incident) for incident in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get("/incidents/{incident_id}")
async def incident(control: Control, incident_id: IdInPath) -> IncidentStoryShape:
    """One incident explained, with every entry of the journal about it."""
    found = await control.journal.incident(incident_id)
    if found is None:
        raise ApiProblem(
            404,
            "unknown-incident",
            f"there is no incident {shorten(incident_id)!r}",
            fix="GET /incidents lists them",
        )
    rows = await control.journal.entries(incident_id=incident_id, limit=PAGE_MOST)
    return await _story(control, found, rows)


async def _story(
    control: ControlView, incident: Incident, rows: Sequence[tuple[int, str, Entry]]
) -> IncidentStoryShape:
    look = control.look
    decisions = look.decisions if look is not None and incident.is_open else ()
    about = [d for d in decisions if d.service == incident.service]
    about.sort(key=_is_mitigation)
    decision = about[0] if about else None
    entries = [entry for _, _, entry in rows]
    told = explain(
        incident,
        entries,
        decision,
        None if look is None else look.assessment,
        control.state,
        await _acted_on(control, incident),
    )
    flight = control.state.in_flight.get(incident.service)
    is_its = flight is not None and flight.incident_id == incident.id
    seen_s = incident.seen_at_s
    return IncidentStoryShape(
        **IncidentShape.model_validate(incident).model_dump(),
        is_with_a_person=control.state.service(incident.service).with_a_person == incident.id,
        now_s=control.now_s(),
        origin_s=seen_s if is_known(seen_s) else incident.opened_at_s,
        mode=control.stack.mode,
        timeline=tuple(entry_shape(*row) for row in rows),
        has_more=len(rows) == PAGE_MOST,
        causes=tuple(CandidateShape.model_validate(c) for c in told.causes),
        gate=tuple(GateWordShape.model_validate(g) for g in told.gate),
        actions=tuple([action_story(r) for r in await _its_actions(control, incident)]),
        would_have_done=tuple(WouldDoShape.model_validate(w) for w in told.would_have_done),
        episode=None if told.episode is None else EpisodeShape.model_validate(told.episode),
        bystanders=tuple(BystanderShape.model_validate(b) for b in told.bystanders),
        now=None if decision is None else decision_shape(control, decision),
        in_flight=flight_shape(control, flight) if flight is not None and is_its else None,
        remedies=tuple(RemedyShape.model_validate(r) for r in told.remedies),
        afterwards=await _afterwards(control, incident, rows),
        mitigations=tuple(
            option_shape(control, option)
            for option in control.mitigations.latest.options
            if incident.is_open and option.because == incident.service
        ),
        contained=tuple([action_story(r) for r in await _contained(control, entries)]),
        time_scale=control.settings.time_scale,
    )


async def _afterwards(
    control: ControlView, incident: Incident, rows: Sequence[tuple[int, str, Entry]]
) -> AfterwardsShape | None:
    """Of what was handed over: told from the entries behind it, one page at most."""
    if incident.state is not IncidentState.ESCALATED or not rows:
        return None
    later = await control.journal.entries(after=rows[-1][0], limit=PAGE_MOST)
    found = afterwards(incident, [entry for _, _, entry in later])
    tried = [await control.journal.action(action_id) for action_id in found.tried]
    look = control.look
    health = None if look is None else look.assessment.own.services.get(incident.service)
    return AfterwardsShape(
        actions=tuple(action_story(record) for record in tried if record is not None),
        well_at_s=found.well_at_s,
        proven_by=found.proven_by,
        stopped_by=found.stopped_by,
        goes_on_as=found.goes_on_as,
        condition=Condition.UNKNOWN if health is None else health.condition,
    )


async def _its_actions(control: ControlView, incident: Incident) -> list[ActionRecord]:
    """In the order in which they were begun, the first ones where there are very many."""
    found = [
        await control.journal.action(attempt.action_id)
        for attempt in incident.attempts[:ACTIONS_TOLD_MOST]
    ]
    return [record for record in found if record is not None]


def _is_mitigation(decision: Decision) -> bool:
    """What is said of its cure comes first."""
    return decision.proposal is not None and decision.proposal.origin is Origin.MITIGATION


async def _contained(control: ControlView, entries: Sequence[Entry]) -> list[ActionRecord]:
    """What kept it from spreading."""
    ids = [
        e.action_id for e in entries if isinstance(e, Intended) and e.origin is Origin.MITIGATION
    ]
    found = [await control.journal.action(one) for one in ids[:ACTIONS_TOLD_MOST]]
    return [record for record in found if record is not None]


async def _acted_on(control: ControlView, incident: Incident) -> set[str]:
    """The victims on which anything was done while the incident lasted."""
    ended_s = incident.ended_at_s if is_known(incident.ended_at_s) else float("inf")
    acted: set[str] = set()
    for victim in incident.victims[:NEIGHBOURS_MOST]:
        for record in await control.journal.actions(limit=5, service=victim):
            if incident.opened_at_s <= record.intended_at_s <= ended_s:
                acted.add(victim)
    return acted
