"""What somebody does with a service beside Everup, as a purpose: stopped, removed, started it.

Flows in: a look at the stack and the state. Flows out: `PurposeSet` entries. Level-triggered: it
depends on what is seen now. Only where the runtime saw that somebody asked, or that nothing is
there to be started, is it a wish; everything else is a fault until proven otherwise. A service
whose owner said `when_stopped: heal` has no such wish as long as something is there to be started.
"""

from __future__ import annotations

from collections.abc import Collection

from everup.model.entries import PurposeSet
from everup.model.kinds import UNKNOWN, InstanceState, Purpose, is_known
from everup.model.observation import Exit, Observation, ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import ServiceState, StackState

SETTLES_S = 2.0
"""A restart by somebody else is a stop for a moment."""

REMOVED = "whoever removed its containers"
AGAIN = "whoever started it again"


def meant(
    stack: Stack,
    state: StackState,
    seen: Observation,
    absent: Collection[str],
    settings: Settings,
) -> list[PurposeSet]:
    """What is known to be meant and not yet written down."""
    settles_s = SETTLES_S * settings.time_scale
    found: list[PurposeSet] = []
    for name, service in seen.services.items():
        remembered = state.service(name)
        if not service.is_known or name in state.in_flight:
            continue
        if remembered.purpose is Purpose.RUN:
            by = _stopped_by(service, seen.at_s, settles_s, is_absent=name in absent)
            if by and (by == REMOVED or not _is_healed(stack, name)):
                found.append(PurposeSet(seen.at_s, name, Purpose.STOPPED, by))
        elif _is_back(remembered, service):
            found.append(PurposeSet(seen.at_s, name, Purpose.RUN, AGAIN))
    return found


def believed_at_s(stack: Stack, state: StackState, seen: Observation, settings: Settings) -> float:
    """When the earliest stop is believed that may still be a restart, or the beginning of another's
    change where stops are healed; NaN: there is none. Somebody has to look then: nothing happens at
    that moment."""
    settles_s, quiet_s = SETTLES_S * settings.time_scale, settings.change_quiet_s
    times = [
        _asked_at_s(service) + (quiet_s if _is_healed(stack, name) else settles_s)
        for name, service in seen.services.items()
        if service.is_known
        and name not in state.in_flight
        and state.service(name).purpose is Purpose.RUN
    ]
    return min((at_s for at_s in times if at_s > seen.at_s), default=UNKNOWN)


def _is_healed(stack: Stack, name: str) -> bool:
    spec = stack.services.get(name)
    return spec is not None and spec.heal_when_stopped


def by_asking(how: str) -> str:
    """The name under which a wish that the runtime saw is written down."""
    return f"somebody's {how}"


def _stopped_by(
    service: ServiceObservation, now_s: float, settles_s: float, *, is_absent: bool
) -> str:
    if is_absent:
        return REMOVED
    last = _last_asked(service)
    if last is None or now_s - last.at_s < settles_s:
        return ""
    return by_asking(last.asked)


def _last_asked(service: ServiceObservation) -> Exit | None:
    """The latest end, where somebody asked for each of them."""
    instances = [one.instance for one in service.instances]
    if not instances or any(one.state is not InstanceState.EXITED for one in instances):
        return None
    exits = [one.exit for one in instances if one.exit is not None]
    if len(exits) < len(instances) or not all(end.asked for end in exits):
        return None
    return max(exits, key=lambda end: end.at_s)


def _asked_at_s(service: ServiceObservation) -> float:
    last = _last_asked(service)
    return UNKNOWN if last is None else last.at_s


def _is_back(remembered: ServiceState, service: ServiceObservation) -> bool:
    """It was stopped by a wish of this kind, and runs since."""
    by = remembered.purpose_by
    if by != REMOVED and not by.startswith(by_asking("")):
        return False
    return any(
        one.instance.state is InstanceState.RUNNING
        and is_known(one.instance.started_at_s)
        and one.instance.started_at_s > remembered.purpose_at_s - SETTLES_S
        for one in service.instances
    )
