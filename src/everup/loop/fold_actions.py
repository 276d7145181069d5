"""The fold of actions: intended, carried out, judged, remembered. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold` alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from everup.loop.changes import with_incident, with_service, without
from everup.loop.fold_approvals import end_approval
from everup.loop.fold_restores import step_begun, step_ended
from everup.loop.fold_scaling import carried_out, recounted, undo_owed
from everup.loop.fold_versions import gone_back_from
from everup.model import entries as e
from everup.model.approval import ApprovalState
from everup.model.incident import Attempt
from everup.model.kinds import OF_TRAFFIC, TAKES_CAPACITY, UNKNOWN, ActionKind, Origin
from everup.model.scaling import SCALING_KINDS
from everup.model.state import InFlight, PastAction, Phase, StackState

HEALS_NOTHING = SCALING_KINDS | OF_TRAFFIC | {ActionKind.STOP, ActionKind.ISOLATE}
PAST_ACTIONS_MOST = 32
PLAN_STARTS_MOST = 32


def intended(state: StackState, entry: e.Intended) -> StackState:
    """An action is about to touch the world."""
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
    is_new = entry.origin is Origin.PERSON and entry.step.undoes is None
    if is_new and state.service(service).with_a_person is not None:
        state = with_service(state, service, with_a_person=None)
    state = end_approval(state, entry.key, ApprovalState.USED, entry.action_id)
    state = step_begun(state, entry)
    incident = state.incidents.get(entry.incident_id or "")
    if incident is None or entry.origin is Origin.MITIGATION:
        return state  # what keeps it from spreading is no attempt to end it
    attempt = Attempt(
        entry.action_id,
        entry.step.kind,
        entry.at_s,
        origin=entry.origin,
        instance=entry.step.instance,
    )
    return with_incident(
        state, replace(incident, attempts=(*incident.attempts, attempt), waiting_for="")
    )


def _counted(state: StackState, at_s: float) -> StackState:
    """One more plan against the stack's rate."""
    return replace(state, plan_starts_s=(*state.plan_starts_s, at_s)[-PLAN_STARTS_MOST:])


def finished(state: StackState, entry: e.Finished) -> StackState:
    """It was carried out, or could not be."""
    flight = state.in_flight.get(entry.service)
    if flight is None or flight.action_id != entry.action_id:
        return state
    if entry.outcome == "done":
        state = carried_out(state, flight, entry.at_s)
        done = replace(flight, phase=Phase.VERIFYING, done_at_s=entry.at_s)
        return replace(state, in_flight={**state.in_flight, entry.service: done})
    if entry.outcome == "unknown":
        return state
    happened = entry.has_happened
    if entry.still_ends:
        known = state.service(entry.service).still_ends
        ends = _still_ends(known, flight, entry.still_ends)
        state = with_service(state, entry.service, still_ends=ends)
    return _end(
        state,
        flight,
        entry.at_s,
        has_passed=False,
        error=entry.error,
        has_happened=happened,
        was_cut=entry.settled,
    )


def _still_ends(
    known: Mapping[str, str], flight: InFlight, names: tuple[str, ...]
) -> dict[str, str]:
    """The lives behind these names, and those of instances that are still there from before."""
    lives = {n: seen.rpartition("|")[0] for n, seen in flight.before.instances.items()}
    return {n: lives[n] if n in names else known[n] for n in lives if n in names or n in known}


def verified(state: StackState, entry: e.Verified) -> StackState:
    """It has helped, or has not."""
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
    was_cut: bool = False,
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
        is_undo=flight.step.undoes is not None,
    )
    kept = (*state.service(service).past, past)[-PAST_ACTIONS_MOST:]
    state = replace(state, in_flight=without(state.in_flight, service))
    changes: dict[str, Any] = {"past": kept}
    if has_happened:
        known = state.service(service).owed_undo
        changes["owed_undo"] = undo_owed(known, flight, has_passed=has_passed, error=error)
    if has_passed and flight.step.kind not in HEALS_NOTHING:
        changes["healed_at_s"] = at_s
    if has_passed:
        changes |= recounted(flight)
    is_rollback = flight.step.kind is ActionKind.EMERGENCY_ROLLBACK
    if has_passed and is_rollback:
        changes["changed_at_s"] = UNKNOWN  # it was brought by us, and is proven
    state = with_service(state, service, **changes)
    state = step_ended(
        state,
        flight,
        at_s,
        has_passed=has_passed,
        has_happened=has_happened,
        was_cut=was_cut,
        error=error,
    )
    if has_happened and is_rollback and flight.step.undoes is None:
        state = gone_back_from(state, flight.step)
    incident = state.incidents.get(flight.incident_id or "")
    if incident is None:
        return state
    attempts = tuple(
        replace(a, result="passed" if has_passed else "failed", error=error)
        if a.action_id == flight.action_id
        else a
        for a in incident.attempts
    )
    return with_incident(state, replace(incident, attempts=attempts))
