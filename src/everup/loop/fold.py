"""State is a fold of the journal: `fold(state, entry) -> state`, pure, total, and the only writer.

Flows in: one entry at a time, in the journal's order, live or replayed after a restart.
Flows out: the next StackState. An entry about something unknown changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from everup.loop.foretold import prediction_made, prediction_settled
from everup.loop.threads import follow_threads
from everup.model import entries as e
from everup.model.approval import Approval, ApprovalState
from everup.model.episode import Ending, WouldDo
from everup.model.incident import Attempt, Incident
from everup.model.kinds import FORETOLD, TAKES_CAPACITY, ActionKind, Origin, Purpose, is_known
from everup.model.state import Freeze, InFlight, PastAction, Phase, StackState

PAST_ACTIONS_MOST = 32
EXITS_MOST = 16
PLAN_STARTS_MOST = 32
WOULD_HAVE_MOST = 8
NATURAL_ENDS_MOST = 32
PAST_APPROVALS_MOST = 50
STARTUPS_MOST = 32
LIVES_MOST = 1000


def fold(state: StackState, entry: e.Entry) -> StackState:
    """The state after one more entry."""
    return follow_threads(_FOLDS[type(entry)](state, entry), entry)


def fold_all(state: StackState, entries: Iterable[e.Entry]) -> StackState:
    """The state after these entries, in order."""
    for entry in entries:
        state = fold(state, entry)
    return state


def _with_service(state: StackState, name: str, **changes: Any) -> StackState:
    service = replace(state.service(name), **changes)
    return replace(state, services={**state.services, name: service})


def _with_incident(state: StackState, incident: Incident) -> StackState:
    return replace(state, incidents={**state.incidents, incident.id: incident})


def _without(mapping: Any, key: object) -> Any:
    return {k: v for k, v in mapping.items() if k != key}


def _started(state: StackState, entry: e.ControllerStarted) -> StackState:
    boot_id = entry.boot_id or state.boot_id
    return replace(state, started_at_s=entry.at_s, monitor_fault="", boot_id=boot_id)


def _stopped(state: StackState, entry: e.ControllerStopped) -> StackState:
    if entry.stops_services:
        return replace(state, services_stopped_at_s=entry.at_s)
    return state


def _pruned(state: StackState, entry: e.JournalPruned) -> StackState:
    return state


def _purpose(state: StackState, entry: e.PurposeSet) -> StackState:
    state = _with_service(
        state,
        entry.service,
        purpose=entry.purpose,
        purpose_by=entry.by,
        purpose_at_s=entry.at_s,
        with_a_person=None,
    )
    if entry.purpose is Purpose.RUN:
        return _with_service(state, entry.service, exits=())
    return state


def _exit(state: StackState, entry: e.ExitSeen) -> StackState:
    death = replace(entry.exit, instance=entry.instance)
    exits = (*state.service(entry.service).exits, death)[-EXITS_MOST:]
    return _with_service(state, entry.service, exits=exits)


def _opened(state: StackState, entry: e.IncidentOpened) -> StackState:
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
        state = _with_service(state, entry.service, would_have=(), diagnoses=())
    return _with_incident(state, incident)


def _changed(state: StackState, entry: e.IncidentChanged) -> StackState:
    incident = state.incidents.get(entry.incident_id)
    if incident is None:
        return state
    known = state.service(incident.service).diagnoses or (incident.cause,)
    if entry.cause not in known:
        state = _with_service(state, incident.service, diagnoses=(*known, entry.cause))
    return _with_incident(
        state,
        replace(
            incident,
            cause=entry.cause,
            reason=entry.reason,
            victims=entry.victims,
            waiting_for=entry.waiting_for,
        ),
    )


def _resolved(state: StackState, entry: e.IncidentResolved) -> StackState:
    state = replace(state, incidents=_without(state.incidents, entry.incident_id))
    known = state.service(entry.service)
    # A crash that was healed answers no question about a leak.
    still = known.with_a_person if known.escalated_cause in FORETOLD else None
    return _with_service(state, entry.service, healed_at_s=entry.at_s, with_a_person=still)


def _escalated(state: StackState, entry: e.IncidentEscalated) -> StackState:
    incident = state.incidents.get(entry.incident_id)
    state = replace(state, incidents=_without(state.incidents, entry.incident_id))
    cause = None if incident is None else incident.cause
    return _with_service(
        state, entry.service, with_a_person=entry.incident_id, escalated_cause=cause
    )


def _answered(state: StackState, entry: e.PersonAnswered) -> StackState:
    return _with_service(state, entry.service, with_a_person=None, healed_at_s=entry.at_s)


def _told(state: StackState, entry: e.Notified) -> StackState:
    return state  # it changes its thread alone


def _intended(state: StackState, entry: e.Intended) -> StackState:
    service = entry.step.target
    flight = InFlight(
        action_id=entry.action_id,
        incident_id=entry.incident_id,
        key=entry.key,
        origin=entry.origin,
        cause=entry.cause,
        step=entry.step,
        intended_at_s=entry.at_s,
        before=entry.before,
        expectation=entry.expectation,
        on_running=entry.on_running,
        rung=entry.rung,
        by=entry.by,
    )
    state = replace(state, in_flight={**state.in_flight, service: flight})
    if entry.origin is not Origin.PERSON or (
        entry.on_running and entry.step.kind in TAKES_CAPACITY
    ):
        state = _counted(state, entry.at_s)
    if entry.origin is Origin.PERSON and state.service(service).with_a_person is not None:
        state = _with_service(state, service, with_a_person=None)
    state = _approval_ended(state, entry.key, ApprovalState.USED, entry.action_id)
    incident = state.incidents.get(entry.incident_id or "")
    if incident is None:
        return state
    attempt = Attempt(
        entry.action_id,
        entry.step.kind,
        entry.at_s,
        origin=entry.origin,
        instance=entry.step.instance,
    )
    return _with_incident(
        state, replace(incident, attempts=(*incident.attempts, attempt), waiting_for="")
    )


def _counted(state: StackState, at_s: float) -> StackState:
    """One more plan against the stack's rate."""
    return replace(state, plan_starts_s=(*state.plan_starts_s, at_s)[-PLAN_STARTS_MOST:])


def _finished(state: StackState, entry: e.Finished) -> StackState:
    flight = state.in_flight.get(entry.service)
    if flight is None or flight.action_id != entry.action_id:
        return state
    if entry.outcome == "done":
        done = replace(flight, phase=Phase.VERIFYING, done_at_s=entry.at_s)
        return replace(state, in_flight={**state.in_flight, entry.service: done})
    if entry.outcome == "unknown":
        return state
    happened = entry.has_happened
    return _end(
        state, flight, entry.at_s, has_passed=False, error=entry.error, has_happened=happened
    )


def _verified(state: StackState, entry: e.Verified) -> StackState:
    flight = state.in_flight.get(entry.service)
    if flight is None or flight.action_id != entry.action_id:
        return state
    error = "" if entry.has_passed else entry.reason
    return _end(state, flight, entry.at_s, has_passed=entry.has_passed, error=error)


def _end(
    state: StackState,
    flight: InFlight,
    at_s: float,
    *,
    has_passed: bool,
    error: str,
    has_happened: bool = True,
) -> StackState:
    service = flight.step.target
    past = PastAction(
        action_id=flight.action_id,
        service=service,
        kind=flight.step.kind,
        origin=flight.origin,
        cause=flight.cause,
        started_at_s=flight.intended_at_s,
        ended_at_s=at_s,
        has_passed=has_passed,
        on_running=flight.on_running,
        incident_id=flight.incident_id,
        rung=flight.rung,
        has_happened=has_happened,
        instance=flight.step.instance,
    )
    kept = (*state.service(service).past, past)[-PAST_ACTIONS_MOST:]
    state = replace(state, in_flight=_without(state.in_flight, service))
    changes: dict[str, Any] = {"past": kept}
    if has_passed and flight.step.kind is not ActionKind.STOP:
        changes["healed_at_s"] = at_s
    state = _with_service(state, service, **changes)
    incident = state.incidents.get(flight.incident_id or "")
    if incident is None:
        return state
    attempts = tuple(
        replace(a, result="passed" if has_passed else "failed", error=error)
        if a.action_id == flight.action_id
        else a
        for a in incident.attempts
    )
    return _with_incident(state, replace(incident, attempts=attempts))


def _froze(state: StackState, entry: e.FreezeSet) -> StackState:
    freeze = Freeze(entry.scope, entry.reason, entry.by, entry.at_s, entry.until_s)
    return replace(state, freezes={**state.freezes, entry.scope: freeze})


def _lifted(state: StackState, entry: e.FreezeLifted) -> StackState:
    return replace(state, freezes=_without(state.freezes, entry.scope))


def _blind(state: StackState, entry: e.MonitorFaultSeen) -> StackState:
    since_s = state.monitor_fault_since_s if state.monitor_fault else entry.at_s
    since_s = since_s if is_known(since_s) else entry.at_s
    return replace(state, monitor_fault=entry.fault, monitor_fault_since_s=since_s)


def _sighted(state: StackState, entry: e.MonitorFaultOver) -> StackState:
    return replace(state, monitor_fault="")


def _gate(state: StackState, entry: e.GateAnswered) -> StackState:
    incident = state.incidents.get(entry.incident_id or "")
    if incident is None:
        return state
    waiting = f"{entry.check}: {entry.reason}"
    return _with_incident(state, replace(incident, waiting_for=waiting))


def _would(state: StackState, entry: e.WouldHaveDone) -> StackState:
    would = WouldDo(entry.key, entry.kind, entry.at_s)
    kept = (*state.service(entry.service).would_have, would)[-WOULD_HAVE_MOST:]
    return _with_service(state, entry.service, would_have=kept)


def _episode(state: StackState, entry: e.EpisodeEnded) -> StackState:
    """A natural end is learned. One that needed us makes the oldest forgotten: what no longer ends
    by itself must not be waited for for ever."""
    kept = dict(state.service(entry.service).natural_ends)
    for cause in {str(cause): None for cause in (entry.cause, *entry.further_causes)}:
        ends = kept.get(cause, ())
        if entry.ending is Ending.BY_ITSELF and is_known(entry.lasted_s):
            kept[cause] = (*ends, entry.lasted_s)[-NATURAL_ENDS_MOST:]
        elif entry.ending is Ending.HEALED:
            kept[cause] = ends[1:]
    return _with_service(
        state,
        entry.service,
        would_have=(),
        diagnoses=(),
        natural_ends={cause: found for cause, found in kept.items() if found},
    )


def _asked(state: StackState, entry: e.ApprovalAsked) -> StackState:
    approval = Approval(
        id=entry.approval_id,
        key=entry.key,
        service=entry.service,
        kind=entry.kind,
        reason=entry.reason,
        risk=entry.risk,
        expected=entry.expected,
        asked_at_s=entry.at_s,
        expires_at_s=entry.expires_at_s,
        incident_id=entry.incident_id,
    )
    return replace(state, approvals={**state.approvals, entry.key: approval})


def _approval_answered(state: StackState, entry: e.ApprovalAnswered) -> StackState:
    found = state.approval(entry.approval_id)
    if found is None or found.key not in state.approvals:
        return state
    answered = replace(
        found,
        state=ApprovalState.APPROVED if entry.is_approved else ApprovalState.REJECTED,
        answered_at_s=entry.at_s,
        by=entry.by,
        said=entry.reason,
    )
    return replace(state, approvals={**state.approvals, found.key: answered})


def _approval_over(state: StackState, entry: e.ApprovalEnded) -> StackState:
    found = state.approval(entry.approval_id)
    return state if found is None else _approval_ended(state, found.key, entry.state, None)


def _approval_ended(
    state: StackState, key: str, how: ApprovalState, action_id: str | None
) -> StackState:
    found = state.approvals.get(key)
    if found is None:
        return state
    ended = replace(found, state=how, action_id=action_id)
    past = (*state.past_approvals, ended)[-PAST_APPROVALS_MOST:]
    return replace(state, approvals=_without(state.approvals, key), past_approvals=past)


def _given_back(state: StackState, entry: e.GivenBack) -> StackState:
    return state


def _came_up(state: StackState, entry: e.CameUp) -> StackState:
    known = state.service(entry.service)
    took_s = (entry.took_s,) if is_known(entry.took_s) else ()
    lives = {**_without(known.lives, entry.instance), entry.instance: entry.identity}
    for name in list(lives)[: len(lives) - LIVES_MOST]:
        del lives[name]
    startups_s = (*known.startups_s, *took_s)[-STARTUPS_MOST:]
    return _with_service(state, entry.service, startups_s=startups_s, lives=lives)


_FOLDS: dict[type, Callable[[StackState, Any], StackState]] = {
    e.ControllerStarted: _started,
    e.ControllerStopped: _stopped,
    e.PurposeSet: _purpose,
    e.ExitSeen: _exit,
    e.IncidentOpened: _opened,
    e.IncidentChanged: _changed,
    e.IncidentResolved: _resolved,
    e.IncidentEscalated: _escalated,
    e.PersonAnswered: _answered,
    e.Notified: _told,
    e.Intended: _intended,
    e.Finished: _finished,
    e.Verified: _verified,
    e.FreezeSet: _froze,
    e.FreezeLifted: _lifted,
    e.MonitorFaultSeen: _blind,
    e.MonitorFaultOver: _sighted,
    e.GateAnswered: _gate,
    e.WouldHaveDone: _would,
    e.EpisodeEnded: _episode,
    e.ApprovalAsked: _asked,
    e.ApprovalAnswered: _approval_answered,
    e.ApprovalEnded: _approval_over,
    e.PredictionMade: prediction_made,
    e.PredictionSettled: prediction_settled,
    e.CameUp: _came_up,
    e.GivenBack: _given_back,
    e.JournalPruned: _pruned,
}

assert set(_FOLDS) == set(e.ENTRY_TYPES.values()), "every entry has its fold"

__all__ = ["fold", "fold_all"]
