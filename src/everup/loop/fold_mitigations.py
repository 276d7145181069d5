"""The fold of mitigations: what is in force, from its outcome until it is taken back. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from everup.model import entries as e
from everup.model.breaker import BreakerState
from everup.model.evidence import OutcomeState
from everup.model.kinds import ActionKind, Origin
from everup.model.mitigation import BECAUSE, Mitigated
from everup.model.scaling import SCALING_KINDS, SIZES
from everup.model.state import InFlight, StackState

MITIGATED_MOST = 100
HELD_IN_PLACE = frozenset({ActionKind.ISOLATE, ActionKind.SHED})
OURSELVES = "everup"


def follow(state: StackState, before: StackState, entry: e.Entry) -> StackState:
    """After any entry; `before`: the state that it was folded into."""
    match entry:
        case e.Finished(outcome=OutcomeState.DONE):
            flight = before.in_flight.get(entry.service)
            if flight is None or flight.action_id != entry.action_id:
                return state
            return _done(state, flight, entry.at_s)
        case e.Verified(has_passed=True) if entry.action_id in state.mitigated:
            known = replace(state.mitigated[entry.action_id], has_passed=True)
            return replace(state, mitigated={**state.mitigated, entry.action_id: known})
        case e.GivenBack():
            held = HELD_IN_PLACE | SIZES  # copies that were made stay
            return _without(state, lambda m: m.kind in held and entry.scope in ("", m.service))
        case e.BreakerTurned(state=BreakerState.CLOSED):
            return _without(state, lambda m: m.service == entry.service and m.needs == entry.target)
        case e.InstancesCounted() if entry.by != OURSELVES:
            return _without(state, lambda m: m.kind in SCALING_KINDS and m.service == entry.service)
        case _:
            return state


def _done(state: StackState, flight: InFlight, at_s: float) -> StackState:
    step = flight.step
    if step.kind is ActionKind.REJOIN:
        gone = {ActionKind.ISOLATE, ActionKind.FAILOVER}
        state = _without(state, lambda m: m.kind in gone and m.service == step.target)
    if step.undoes:
        return _without(state, lambda m: m.action_id == step.undoes)
    if step.kind in SCALING_KINDS and flight.origin is not Origin.MITIGATION:
        return _without(state, lambda m: m.kind in SCALING_KINDS and m.service == step.target)
    if flight.origin is not Origin.MITIGATION:
        return state
    because = str(step.parameters.get(BECAUSE, step.target))
    known = Mitigated(
        flight.action_id, step.kind, step.target, because, step, at_s, flight.incident_id
    )
    found = {**state.mitigated, flight.action_id: known}
    for name in list(found)[: max(0, len(found) - MITIGATED_MOST)]:
        del found[name]
    return replace(state, mitigated=found)


def _without(state: StackState, is_over: Callable[[Mitigated], bool]) -> StackState:
    if not any(is_over(m) for m in state.mitigated.values()):
        return state
    kept = {name: m for name, m in state.mitigated.items() if not is_over(m)}
    return replace(state, mitigated=kept)
