"""Settle an intent without outcome by looking at the world. Pure.

The identities noted before the action tell whether it happened: another life of the same instance
means done, the same life means that it did not happen, no life means that it stopped half-way.
"""

from __future__ import annotations

from everup.model.entries import Finished
from everup.model.evidence import OutcomeState
from everup.model.kinds import ActionKind, InstanceState
from everup.model.observation import ServiceObservation
from everup.model.state import InFlight

HAPPENS_IN_PLACE = frozenset({ActionKind.CACHE_CLEAR, ActionKind.ISOLATE, ActionKind.REJOIN})


def settle(flight: InFlight, seen: ServiceObservation, now_s: float) -> Finished:
    """The outcome that the world shows."""
    outcome, text = _look(flight, seen)
    return Finished(now_s, flight.action_id, flight.step.target, outcome, error=text, settled=True)


def _look(flight: InFlight, seen: ServiceObservation) -> tuple[OutcomeState, str]:
    kind = flight.step.kind
    target = flight.step.parameters.get("instance")
    watched = [i.instance for i in seen.instances if target in (None, i.instance.name)]
    running = [i for i in watched if i.state is not InstanceState.EXITED]
    before = {name: text.rpartition("|")[0] for name, text in flight.before.instances.items()}
    was_up = {
        name
        for name, text in flight.before.instances.items()
        if text.rpartition("|")[2] != InstanceState.EXITED
    }
    if kind is ActionKind.STOP:
        if running:
            return OutcomeState.FAILED, "interrupted: it still runs"
        return OutcomeState.DONE, ""
    if kind in HAPPENS_IN_PLACE:
        return OutcomeState.FAILED, "interrupted: whether it happened cannot be seen"
    if not running or len(running) < len(watched):
        return OutcomeState.FAILED, "interrupted half-way: it is down"
    if kind is ActionKind.START:
        return OutcomeState.DONE, ""
    same = [i.name for i in running if before.get(i.name) == i.identity and i.name in was_up]
    if same:
        return OutcomeState.FAILED, f"did not happen: {', '.join(same)} is the same as before"
    return OutcomeState.DONE, ""
