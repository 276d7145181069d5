"""The fold of incidents: opened, diagnosed, waiting, ended, and what was learned of them. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold` alone.
"""

from __future__ import annotations

from dataclasses import replace

from everup.loop.changes import with_incident, with_service, without
from everup.model import entries as e
from everup.model.episode import Ending, WouldDo
from everup.model.incident import Incident
from everup.model.kinds import FORETOLD, Origin, is_known
from everup.model.state import StackState

WOULD_HAVE_MOST = 8
NATURAL_ENDS_MOST = 32


def opened(state: StackState, entry: e.IncidentOpened) -> StackState:
    """An incident is open."""
    incident = Incident(
        id=entry.incident_id,
        service=entry.service,
        cause=entry.cause,
        reason=entry.reason,
        opened_at_s=entry.at_s,
        victims=entry.victims,
        seen_at_s=entry.seen_at_s,
    )
    known = state.service(entry.service)
    if known.would_have or known.diagnoses:
        state = with_service(state, entry.service, would_have=(), diagnoses=())
    return with_incident(state, incident)


def changed(state: StackState, entry: e.IncidentChanged) -> StackState:
    """What is known of it has changed."""
    incident = state.incidents.get(entry.incident_id)
    if incident is None:
        return state
    known = state.service(incident.service).diagnoses or (incident.cause,)
    if entry.cause not in known:
        state = with_service(state, incident.service, diagnoses=(*known, entry.cause))
    return with_incident(
        state,
        replace(
            incident,
            cause=entry.cause,
            reason=entry.reason,
            victims=entry.victims,
            waiting_for=entry.waiting_for,
        ),
    )


def resolved(state: StackState, entry: e.IncidentResolved) -> StackState:
    """It is over."""
    state = replace(state, incidents=without(state.incidents, entry.incident_id))
    known = state.service(entry.service)
    # A crash that was healed answers no question about a leak.
    still = known.with_a_person if known.escalated_cause in FORETOLD else None
    return with_service(state, entry.service, healed_at_s=entry.at_s, with_a_person=still)


def escalated(state: StackState, entry: e.IncidentEscalated) -> StackState:
    """It is a person's now."""
    incident = state.incidents.get(entry.incident_id)
    state = replace(state, incidents=without(state.incidents, entry.incident_id))
    cause = None if incident is None else incident.cause
    return with_service(
        state, entry.service, with_a_person=entry.incident_id, escalated_cause=cause
    )


def answered(state: StackState, entry: e.PersonAnswered) -> StackState:
    """What was a person's is ours again."""
    return with_service(state, entry.service, with_a_person=None, healed_at_s=entry.at_s)


def gate_answered(state: StackState, entry: e.GateAnswered) -> StackState:
    """What it waits for."""
    incident = state.incidents.get(entry.incident_id or "")
    if incident is None or entry.origin is Origin.MITIGATION:
        return state  # its cure does not wait for that
    waiting = f"{entry.check}: {entry.reason}"
    return with_incident(state, replace(incident, waiting_for=waiting))


def would_have_done(state: StackState, entry: e.WouldHaveDone) -> StackState:
    """What only the mode forbade."""
    would = WouldDo(entry.key, entry.kind, entry.at_s)
    kept = (*state.service(entry.service).would_have, would)[-WOULD_HAVE_MOST:]
    return with_service(state, entry.service, would_have=kept)


def episode_ended(state: StackState, entry: e.EpisodeEnded) -> StackState:
    """A natural end is learned. One that needed us makes the oldest forgotten: what no longer ends
    by itself must not be waited for for ever."""
    kept = dict(state.service(entry.service).natural_ends)
    for cause in {str(cause): None for cause in (entry.cause, *entry.further_causes)}:
        ends = kept.get(cause, ())
        if entry.ending is Ending.BY_ITSELF and is_known(entry.lasted_s):
            kept[cause] = (*ends, entry.lasted_s)[-NATURAL_ENDS_MOST:]
        elif entry.ending is Ending.HEALED:
            kept[cause] = ends[1:]
    return with_service(
        state,
        entry.service,
        would_have=(),
        diagnoses=(),
        natural_ends={cause: found for cause, found in kept.items() if found},
    )
