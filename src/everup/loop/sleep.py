"""To none at all, and back: a service whose owner lets it sleep is stopped after so long without
work, and started by the first that is asked of it.

Flows in: looks, and what is declared as `idle`. Flows out: PurposeSet entries, wishes to start.
Called by `decide`; `debts` wakes all when Everup ends or begins, since nobody else would. Only what
a router or a queue counts can be known to have nothing to do: what uses no processor may be waited
for all the same. Of several that count, all must be seen; who sleeps while one of them is not seen
for long is started, since nobody would know that it is asked for. Whoever asks meanwhile is refused
by the router until it is up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.loop.scaler_may import planned
from everup.loop.scaler_waits import ASLEEP, is_asleep, why_wait
from everup.model.entries import Entry, PurposeSet
from everup.model.errors import EverupError
from everup.model.kinds import UNKNOWN, ActionKind, Condition, Mode, Purpose, is_known
from everup.model.load import Load
from everup.model.request import Request, Verb
from everup.model.runtime import Capability
from everup.model.scaling import ScalingChoice
from everup.model.stack import ServiceSpec, has_marks
from everup.safety import mode_in_force
from everup.safety.freezes import freeze_on

if TYPE_CHECKING:
    from everup.loop.control import Control

OURSELVES = "everup"
_TO_NONE = ScalingChoice(1, 0, "idle", "nothing is asked of it")


class Sleep:
    """`waiting`: service → why it does not sleep though it has nothing to do. `again_s`: when to
    look for whoever asks for a sleeper; NaN: nobody sleeps."""

    def __init__(self) -> None:
        self._idle_since_s: dict[str, float] = {}
        self._unseen_since_s: dict[str, float] = {}
        self._routed: set[str] = set()  # whose requests a router has counted in this life
        self.waiting: dict[str, str] = {}
        self.again_s = UNKNOWN

    def follow(self, control: Control, look: Look) -> list[Entry]:
        """Who falls asleep now, and who wakes up."""
        self.waiting, self.again_s = {}, UNKNOWN
        found: list[Entry] = []
        for name, spec in control.stack.services.items():
            remembered = control.state.services.get(name)
            self._see(look, name)
            if remembered is not None and is_asleep(remembered):
                self.again_s = look.at_s + control.settings.sample_interval_s
                if why := _why_wake(control, look, spec) or self._blind(control, look, spec):
                    self._unseen_since_s.pop(name, None)
                    found.append(_awake(control, name, look.at_s, why))
            elif spec.scaling is not None and spec.scaling.idle_s:
                if self._is_tired(control, look, spec, spec.scaling.idle_s):
                    found.append(PurposeSet(look.at_s, name, Purpose.STOPPED, ASLEEP))
        return found

    def idle_s(self, name: str, now_s: float) -> float:
        """For how long nothing has been asked of it; 0: something is, or nobody knows."""
        return max(0.0, now_s - self._idle_since_s.get(name, now_s))

    def _see(self, look: Look, name: str) -> None:
        seen = look.observation.services.get(name)
        if seen is not None and seen.load is not None and is_known(seen.load.requests_per_s):
            self._routed.add(name)

    def _blind(self, control: Control, look: Look, spec: ServiceSpec) -> str:
        """Why it is started though nothing is asked of it, as far as we see; "": we do see."""
        why = self._not_seen(control, look, spec, is_there=False)
        if not why:
            self._unseen_since_s.pop(spec.name, None)
            return ""
        since_s = self._unseen_since_s.setdefault(spec.name, look.at_s)
        return why if look.at_s - since_s >= control.settings.scale_down_window_s else ""

    def _not_seen(self, control: Control, look: Look, spec: ServiceSpec, *, is_there: bool) -> str:
        """Which of those that count its work is not seen now; "": all are. `is_there`: a queue of
        each instance's own is seen only while one runs."""
        seen = look.observation.services.get(spec.name)
        load = Load(look.at_s) if seen is None or seen.load is None else seen.load
        is_routed = spec.name in self._routed
        is_routed = is_routed or (spec.route is not None and not control.traffic.no_router)
        if is_routed and not is_known(load.requests_per_s):
            return "its requests cannot be counted now"
        has_queue = _has_queue(spec) and (is_there or not _has_own_queues(spec))
        if has_queue and not is_known(load.queue):
            return "its queue cannot be read now"
        return ""

    def _is_tired(
        self, control: Control, look: Look, spec: ServiceSpec, idle_most_s: float
    ) -> bool:
        name = spec.name
        seen, health = look.observation.services.get(name), look.assessment.own.services.get(name)
        is_well = health is not None and health.condition is Condition.HEALTHY
        load = None if seen is None else seen.load
        why = self._not_seen(control, look, spec, is_there=True) or _nobody_counts(load)
        if why or not is_well or not _has_nothing_to_do(load):
            self._idle_since_s.pop(name, None)
            if why and is_well:
                self.waiting[name] = why
            return False
        since_s = self._idle_since_s.setdefault(name, look.at_s)
        if look.at_s - since_s < idle_most_s:
            return False
        why = _why_not(control, look, spec)
        if not why and _has_own_queues(spec) and name not in self._routed:
            why = "what waits for it is seen by its own instances alone"
        if why:
            self.waiting[name] = why
            return False
        self._idle_since_s.pop(name, None)
        return True


def _nobody_counts(load: Load | None) -> str:
    """Why nobody can know that it has nothing to do; "": somebody counts."""
    if load is not None and (is_known(load.requests_per_s) or is_known(load.queue)):
        return ""
    return "nobody counts what is asked of it: that takes a router, or a queue"


def _has_nothing_to_do(load: Load | None) -> bool:
    """Known for certain: all that is counted is 0, and something is."""
    if load is None:
        return False
    counted = [load.requests_per_s, load.sessions, load.waiting, load.queue]
    known = [value for value in counted if is_known(value)]
    has_source = is_known(load.requests_per_s) or is_known(load.queue)
    return has_source and not any(known)


def _has_queue(spec: ServiceSpec) -> bool:
    return spec.scaling is not None and spec.scaling.queue is not None


def _has_own_queues(spec: ServiceSpec) -> bool:
    """Does each instance have one, that is there only while it is?"""
    queue = None if spec.scaling is None else spec.scaling.queue
    return queue is not None and has_marks(queue.targets)


def _why_not(control: Control, look: Look, spec: ServiceSpec) -> str:
    if not control.settings.auto_scaling_enabled:
        return "auto_scaler is switched off"
    if not control.runtime.manifest.can(Capability.STOP):
        return f"the {control.runtime.manifest.name} runtime cannot stop it"
    mode = mode_in_force(control.stack, look.observation, spec.name, ActionKind.SCALE_IN)
    if mode is not Mode.AUTO:
        return f"mode is {mode}"
    if freeze_on(spec.name, control.stack, control.state, look.observation, look.at_s) is not None:
        return "it is frozen"
    if count := planned(control, look, spec):
        return f"its owner has planned {count} instances for now"
    if needs := [name for name in control.stack.who_needs(spec.name) if name != spec.name]:
        return f"{', '.join(needs)} cannot do without it"
    return why_wait(control, look, spec.name, _TO_NONE)


def _why_wake(control: Control, look: Look, spec: ServiceSpec) -> str:
    if not control.settings.auto_scaling_enabled:
        return "auto_scaler is switched off"
    if spec.scaling is None or not spec.scaling.idle_s:
        return "its owner lets it sleep no more"
    if count := planned(control, look, spec):
        return f"its owner has planned {count} instances for now"
    seen = look.observation.services.get(spec.name)
    load = None if seen is None else seen.load
    if load is None:
        return ""
    if load.requests_per_s > 0:
        return f"{load.requests_per_s:.3g} requests a second are asked of it"
    if load.waiting > 0 or load.queue > 0:
        return "work waits for it"
    return ""


def _awake(control: Control, name: str, at_s: float, why: str) -> Entry:
    wish = Request(Verb.START, OURSELVES, name, reason=f"woken up: {why}")
    control.owed_starts.put(wish, at_s)
    return PurposeSet(at_s, name, Purpose.RUN, OURSELVES)


async def wake_all(control: Control, service: str = "") -> Mapping[str, tuple[str, ...]]:
    """Start whoever sleeps (of all services: ""), since nobody would see that it is asked for.
    Service → what was done. Who cannot be started sleeps on, and that is said."""
    given: dict[str, tuple[str, ...]] = {}
    for name, remembered in control.state.services.items():
        if service not in ("", name) or not is_asleep(remembered):
            continue
        if name not in control.stack.services:
            continue
        try:
            async with asyncio.timeout(control.settings.lease_s):
                await control.runtime.start(name)
        except (EverupError, TimeoutError) as error:
            text = str(error) or "the runtime does not answer"
            control.beside.rooms.log.warning("sleeps_on", service=name, text=text)
            continue
        await control.write([PurposeSet(control.clock.now(), name, Purpose.RUN, OURSELVES)])
        given[name] = (f"{name} was asleep, and is started",)
    return given
