"""Starts that are owed to what an action of ours asked to end, and that ended too late for it.

Flows in: the state and the look. Flows out: requests to start it, and which deaths are ours. A stop
signal cannot be taken back: whoever may not be killed and outlives its grace ends of it whenever it
likes, with whatever code, and its engine does not start it, since it was asked to end. By then the
action has failed and a person was told; it is started all the same, in whatever mode, since it is
down by our own hand. Level-triggered: the journal knows the life, also after a restart of ours.

Whoever stops it meanwhile has a wish of their own, and nothing is owed any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.model.kinds import ActionKind, InstanceState, Purpose
from everup.model.observation import Exit, Instance, Observation
from everup.model.request import Request, Verb
from everup.model.state import ServiceState, StackState
from everup.safety import backoff_s

if TYPE_CHECKING:
    from everup.loop.control import Control


def starts(control: Control, look: Look) -> list[Request]:
    """A request for each service that ended by our hand and whose start is due."""
    return [
        Request(
            Verb.START,
            by="everup",
            service=name,
            reason=f"{', '.join(ended)} ended after an action of ours had asked it to",
        )
        for name, ended in _ended(control, look).items()
        if _is_due(control, control.state.service(name), look.at_s)
    ]


def services(control: Control, look: Look) -> frozenset[str]:
    """Those that ended by our hand and are not begun to be started: no fault of theirs."""
    return frozenset(_ended(control, look))


def is_ours(state: StackState, seen: Observation, service: str, name: str, death: Exit) -> bool:
    """Did this instance die because an action of ours had asked it to end?"""
    remembered = state.service(service)
    if name not in remembered.still_ends or service not in seen.services:
        return False
    instances = [observed.instance for observed in seen.services[service].instances]
    return any(
        one.name == name and one.exit == death and _is_by_us(remembered, one) for one in instances
    )


def _ended(control: Control, look: Look) -> dict[str, list[str]]:
    """Service → its instances that ended so and were not started since."""
    found: dict[str, list[str]] = {}
    for name, remembered in control.state.services.items():
        seen = look.observation.services.get(name)
        if not remembered.still_ends or seen is None or not seen.is_known:
            continue
        if name in control.state.in_flight or remembered.purpose is Purpose.STOPPED:
            continue
        ended = [i.instance.name for i in seen.instances if _is_by_us(remembered, i.instance)]
        if ended and name in control.stack.services:
            found[name] = ended
    return found


def _is_by_us(remembered: ServiceState, one: Instance) -> bool:
    if one.state is not InstanceState.EXITED or (one.exit is not None and one.exit.asked):
        return False
    return remembered.still_ends.get(one.name) == one.identity


def _is_due(control: Control, remembered: ServiceState, now_s: float) -> bool:
    """At once, then backing off while it cannot be started."""
    failed = 0
    for past in reversed(remembered.past):
        if past.kind is not ActionKind.START or past.has_passed:
            break
        failed += 1
    if not failed:
        return True
    last = remembered.past[-1]
    return now_s >= last.ended_at_s + backoff_s(failed, last.action_id, control.settings)
