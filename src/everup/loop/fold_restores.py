"""The fold of restores: begun, one step after the other, turned back, ended. Pure.

Flows in: the state and an entry, or the beginning and the end of an action that belongs to one.
Flows out: the state after it. Called by `fold` and `fold_actions`.
"""

from __future__ import annotations

from dataclasses import replace

from everup.loop.wrong import SUPERSEDED
from everup.model import entries as e
from everup.model.restore import RESTORE, RESTORES_MOST, Restore, RestoreTry
from everup.model.state import InFlight, StackState

TRIES_KEPT = 256


def began(state: StackState, entry: e.RestoreBegan) -> StackState:
    """One more; the oldest that are over are forgotten when there are too many."""
    made = Restore(
        entry.restore_id,
        entry.by,
        entry.origin,
        entry.reason,
        entry.at_s,
        entry.steps,
        entry.snapshot_id,
        entry.back_to_id,
        entry.overrides,
    )
    restores = {**state.restores, made.id: made}
    over = [r.id for r in restores.values() if not r.is_open]
    for spare in over[: max(0, len(restores) - RESTORES_MOST)]:
        del restores[spare]
    return replace(state, restores=restores)


def turned(state: StackState, entry: e.RestoreTurned) -> StackState:
    """From here on it goes back."""
    known = state.restores.get(entry.restore_id)
    if known is None or not known.is_open or known.is_back:
        return state
    back = replace(known, back_because=entry.reason or "it was turned", turned_at_s=entry.at_s)
    return _with(state, back)


def ended(state: StackState, entry: e.RestoreEnded) -> StackState:
    """It is over."""
    known = state.restores.get(entry.restore_id)
    if known is None or not known.is_open:
        return state
    return _with(
        state,
        replace(known, ending=entry.ending, ended_because=entry.reason, ended_at_s=entry.at_s),
    )


def step_begun(state: StackState, entry: e.Intended) -> StackState:
    """An action of it is about to touch the world: from here on nobody knows, before one looks,
    what the service runs from."""
    known = state.restores.get(str(entry.step.parameters.get(RESTORE, "")))
    service = entry.step.target
    if known is None or not known.is_open or service in known.touched:
        return state
    return _with(state, replace(known, touched=(*known.touched, service)))


def step_ended(
    state: StackState,
    flight: InFlight,
    at_s: float,
    *,
    has_passed: bool,
    has_happened: bool,
    was_cut: bool,
    error: str,
) -> StackState:
    """An action of it has its end."""
    known = state.restores.get(str(flight.step.parameters.get(RESTORE, "")))
    if known is None or not known.is_open:
        return state
    tried = RestoreTry(
        flight.action_id,
        flight.step.target,
        flight.step.undoes is not None,
        has_passed,
        at_s,
        has_happened,
        was_cut or error.startswith(SUPERSEDED),
        error,
    )
    return _with(state, replace(known, tries=(*known.tries, tried)[-TRIES_KEPT:]))


def _with(state: StackState, restore: Restore) -> StackState:
    return replace(state, restores={**state.restores, restore.id: restore})
