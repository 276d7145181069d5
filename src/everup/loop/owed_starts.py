"""Starts that are owed to whoever said `everup up` or `everup start`, until they are begun.

Flows in: wishes, and what each look sees. Flows out: whose turn it is, and for the others why not
yet. A wish is level-triggered: a freeze, an action in flight or a journal that cannot be written
delays it and never loses it. It ends when its start is begun, when the service runs, or when
somebody stopped it or it was handed to a person meanwhile.

A service waits until what it needs is up, so that a stack comes up in its order, and all whose
needs are up at once; but only for what is itself on its way up, never for what is stopped, frozen
or left to a person, and for each need not longer than its start-up may take once it is begun: a
service that can do without is not kept down by one that does not come. In whose stead it went on
is in its start's reason. In a circle nobody waits for the others of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everup.loop.look import Decision, Look
from everup.model.decision import Hold, HoldReason
from everup.model.kinds import ActionKind, Condition, InstanceState
from everup.model.request import Request
from everup.safety import freezes_in_force

if TYPE_CHECKING:
    from everup.loop.control import Control

UP = frozenset({Condition.HEALTHY, Condition.DEGRADED})
STARTS = frozenset({ActionKind.START, ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART})


@dataclass(frozen=True, slots=True)
class Owed:
    """One wish and since when."""

    request: Request
    since_s: float


class OwedStarts:
    """At most one per service of the stack, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._owed: dict[str, Owed] = {}
        self._waits_since_s: dict[tuple[str, str], float] = {}

    def put(self, request: Request, now_s: float) -> None:
        """Start this service as soon as it may be; an earlier wish for it goes on."""
        self._owed.setdefault(request.service, Owed(request, now_s))

    def services(self) -> frozenset[str]:
        """Those that wait for their start."""
        return frozenset(self._owed)

    def due(self, control: Control, look: Look) -> tuple[list[Request], list[Decision]]:
        """What is to be asked of the gate in this look, and what waits for another service."""
        self._forget_what_is_done(control, look)
        turn: list[Request] = []
        waiting: list[Decision] = []
        waits: set[str] = set()
        for service in (name for name in control.graph.order if name in self._owed):
            owed = self._owed[service]
            if service in control.state.in_flight:
                continue
            target = self._waits_for(control, look, service, waits)
            if target:
                waits.add(service)
                text = f"it needs {target}, which is on its way up"
                until_s = self._waits_since_s[service, target] + _patience_s(control, target)
                hold = Hold(service, HoldReason.STARTING, text, until_s)
                waiting.append(Decision(service, hold=hold))
            else:
                turn.append(self._request(control, look, owed.request))
        return turn, waiting

    def _request(self, control: Control, look: Look, request: Request) -> Request:
        """The wish; with the names of those for whom it has waited in vain."""
        needs = control.hard_closure.get(request.service, ())
        waited = [t for t in needs if (request.service, t) in self._waits_since_s]
        late = [t for t in waited if not _is_up(control, look, t)]
        if not late:
            return request
        text = f"without {', '.join(late)}: not up in the time that a start may take"
        return replace(request, reason=f"{request.reason}, {text}")

    def _forget_what_is_done(self, control: Control, look: Look) -> None:
        for service in list(self._owed):
            flight = control.state.in_flight.get(service)
            remembered = control.state.service(service)
            since_s = self._owed[service].since_s
            begun = [(p.kind, p.started_at_s) for p in remembered.past]
            if flight is not None:
                begun.append((flight.step.kind, flight.intended_at_s))
            is_begun = any(kind in STARTS and at_s >= since_s for kind, at_s in begun)
            runs = flight is None and _runs_whole(look, service)
            if is_begun or runs or not remembered.is_wanted:
                del self._owed[service]
                for pair in [p for p in self._waits_since_s if p[0] == service]:
                    del self._waits_since_s[pair]

    def _waits_for(self, control: Control, look: Look, service: str, waits: set[str]) -> str:
        """The first of its needs that is on its way up, while there is patience for it. The time of
        one in `waits` has not begun: it waits for its own needs, each of which has an end."""
        for target in control.hard_closure.get(service, ()):
            if service in control.hard_closure.get(target, ()):
                continue  # a circle: somebody has to begin
            if _is_up(control, look, target) or not self._comes(control, look, target):
                continue
            since_s = self._waits_since_s.setdefault((service, target), look.at_s)
            if target in waits:
                self._waits_since_s[service, target] = since_s = look.at_s
            if look.at_s < since_s + _patience_s(control, target):
                return target
        return ""

    def _comes(self, control: Control, look: Look, target: str) -> bool:
        """Is it being started, or will it be as soon as nothing else is in its way?"""
        if target in control.state.in_flight:
            return control.state.service(target).is_wanted
        if target in self._owed:
            frozen = freezes_in_force(control.stack, control.state, look.observation, look.at_s)
            return not {freeze.scope for freeze in frozen} & {"", target}
        health = look.assessment.own.services.get(target)
        return health is not None and health.condition is Condition.STARTING


def _patience_s(control: Control, target: str) -> float:
    """As long as its start-up may take."""
    spec = control.stack.services[target]
    return spec.start_period_s or control.settings.start_period_unknown_s


def _is_up(control: Control, look: Look, target: str) -> bool:
    """Its probe says so; without a probe it is enough that it runs."""
    probe = control.stack.services[target].probe
    if probe is None or probe.is_inferred:
        return _runs_whole(look, target)
    health = look.assessment.own.services.get(target)
    return health is not None and health.condition in UP


def _runs_whole(look: Look, service: str) -> bool:
    seen = look.observation.services.get(service)
    states = [i.instance.state for i in seen.instances] if seen is not None else []
    return bool(states) and InstanceState.EXITED not in states
