"""The fold of what changes a service's size and its place on the network. Pure.

Flows in: the state and the end of an action, or an entry about counts. Flows out: the state after
it. An action that was not proven leaves behind what takes it back, until that has been done.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from everup.loop.changes import with_service
from everup.model import entries as e
from everup.model.decision import Step
from everup.model.kinds import UNKNOWN, ActionKind, Origin, Purpose, is_known
from everup.model.scaling import COUNTS, INSTANCES, KEEPS_WELL, NO_FASTER, SIZES, ScalingChosen
from everup.model.state import InFlight, StackState
from everup.model.undo import undo_of

WHOLE = ""
BY_FAILOVER = "failover "
OURSELVES = "everup"
ON_THE_WAY = frozenset({Origin.RECOVERY, Origin.MITIGATION})
"""To whom a larger limit is a step on the way: it stays though it alone has not helped."""
CHOICES_MOST = 200
GOES_BACK = ActionKind.EMERGENCY_ROLLBACK


def carried_out(state: StackState, flight: InFlight, at_s: float) -> StackState:
    """The world has changed: what is so from now on."""
    step, service = flight.step, flight.step.target
    if step.kind in COUNTS or (step.kind is GOES_BACK and step.parameters.get(INSTANCES)):
        count = int(step.parameters[INSTANCES])
        return with_service(state, service, instances_wanted=count, counted=count)
    if step.kind is ActionKind.ISOLATE:
        known = state.service(service).isolated
        return with_service(state, service, isolated=tuple({*known, step.instance or WHOLE}))
    if step.kind is ActionKind.FAILOVER:
        return with_service(
            state,
            service,
            stands_in=str(step.parameters.get("standby", "")),
            purpose=Purpose.STOPPED,
            purpose_by=f"{BY_FAILOVER}{flight.action_id}",
            purpose_at_s=at_s,
        )
    if step.kind is ActionKind.REJOIN:
        return _rejoined(state, service, at_s)
    return state


def _rejoined(state: StackState, service: str, at_s: float) -> StackState:
    remembered = state.service(service)
    state = with_service(state, service, isolated=(), stands_in="")
    if not remembered.purpose_by.startswith(BY_FAILOVER):
        return state
    return with_service(
        state, service, purpose=Purpose.RUN, purpose_by="rejoin", purpose_at_s=at_s, exits=()
    )


def recounted(flight: InFlight) -> dict[str, Any]:
    """Fields after a proven step: another number of instances is on trial where a person wanted it.
    What Everup did of its own accord, and what goes back, has proven itself."""
    step = flight.step
    if not step.parameters.get(INSTANCES) or step.undoes:
        return {}
    if step.kind in COUNTS and flight.origin is Origin.PERSON:
        return {"recounted_at_s": flight.done_at_s, "recounted_by": flight.by}
    return {"recounted_at_s": UNKNOWN}


def undo_owed(
    known: Step | None, flight: InFlight, *, has_passed: bool, error: str = ""
) -> Step | None:
    """After its end: what takes it back. An undo that has helped is owed no more, one that has not
    is owed still; what somebody wants anew makes an older one moot."""
    if flight.step.undoes:
        return None if has_passed else known
    is_kept = flight.step.kind in SIZES and flight.origin in ON_THE_WAY
    found = None if has_passed or is_kept else undo_of(flight.step, flight.action_id)
    is_ours = flight.origin is Origin.SCALING and flight.step.kind is ActionKind.SCALE_OUT
    if found is not None and is_ours and NO_FASTER not in error:
        # Demand has called for them: whoever came and is well has work.
        found = replace(found, parameters={**found.parameters, KEEPS_WELL: True})
    return found if found is not None or _is_of_size(flight.step) else known


def _is_of_size(step: Step) -> bool:
    return undo_of(step, WHOLE) is not None or step.kind is ActionKind.REJOIN


def counted(state: StackState, entry: e.InstancesCounted) -> StackState:
    """Somebody else's number: nothing of ours is to be taken back any more."""
    count = entry.count
    state = with_service(
        state, entry.service, instances_wanted=count, owed_undo=None, counted=count
    )
    if entry.by == OURSELVES:
        return state
    at_s = entry.changed_at_s if is_known(entry.changed_at_s) else entry.at_s
    return with_service(state, entry.service, recounted_at_s=at_s, recounted_by=entry.by)


def decided(state: StackState, entry: e.ScalingDecided) -> StackState:
    """The latest ones are kept."""
    one = ScalingChosen(entry.at_s, entry.service, entry.choice)
    return replace(state, scaled=(*state.scaled, one)[-CHOICES_MOST:])


def given_back(state: StackState, entry: e.GivenBack) -> StackState:
    """Nobody of this scope is cut off any more."""
    for name, remembered in state.services.items():
        if entry.scope in ("", name) and remembered.isolated:
            state = with_service(state, name, isolated=())
    return state
