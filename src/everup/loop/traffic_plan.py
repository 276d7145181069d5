"""What is spared for which action, for how long, and what becomes of what is held. Pure.

Flows in: the step, instances, servers, what is remembered. Flows out: names, seconds, a `Fate`.
Asked by `traffic` and `traffic_back`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from everup.loop.perform import RECONNECT_HOOK, NotBegun, NotNow
from everup.loop.settle import RESTARTS
from everup.model.decision import Step
from everup.model.entries import Intended
from everup.model.errors import NotKept, NotSupported, NotWanted
from everup.model.evidence import ROUTED
from everup.model.kinds import FORETOLD, ActionKind, InstanceState, Origin, ProbeVerdict, is_known
from everup.model.mitigation import SHED_FOR
from everup.model.observation import Instance, InstanceObservation
from everup.model.routing import Held, Order, RoutedServer
from everup.model.scaling import LEAVING
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec
from everup.model.state import InFlight, ServiceState

NOTHING_HAPPENED = (NotBegun, NotKept, NotNow, NotSupported, NotWanted)
IN_TURN = RESTARTS | {ActionKind.RECREATE}
SPARED = IN_TURN | {ActionKind.ISOLATE, ActionKind.SCALE_IN}
WORK_S = 10.0
"""What a runtime may take for one instance, beyond its grace."""


class Fate(Enum):
    """What becomes of a server that is held out."""

    KEEP = "keep"
    BACK = "back"  # its instance is well
    GONE = "gone"  # its instance is no more
    OVER = "over"  # its lease is


def spares(spec: ServiceSpec, step: Step) -> bool:
    """Does this step take away somebody who may be at work?"""
    if step.kind is ActionKind.DEPENDENCY_RECOVERY and RECONNECT_HOOK in spec.hooks:
        return False
    return step.kind in SPARED


def can_wait(intent: Intended) -> bool:
    """Is it of our own accord, and nothing is worse for it where it comes later? Fewer of a service
    heal nothing; whoever would go without being spared is at work."""
    step = intent.step
    return step.kind is ActionKind.SCALE_IN and intent.origin is Origin.SCALING and not step.undoes


def unless_it_can_wait(intent: Intended, why: str) -> None:
    """What cannot be spared now is not touched, where it can wait.

    Raises:
        NotBegun: it can.
    """
    if can_wait(intent):
        raise NotBegun(f"{intent.step.target} keeps its number by now: {why}")


def targets(
    step: Step, instances: Sequence[Instance], servers: Mapping[str, Sequence[RoutedServer]]
) -> list[str]:
    """Whom it takes away; none where the router knows nobody of them."""
    if step.kind is ActionKind.SCALE_IN:
        leaving = str(step.parameters.get(LEAVING, "")).split(",")
        return [name for name in leaving if name in servers]
    if step.instance:
        return [step.instance] if step.instance in servers else []
    if step.kind not in IN_TURN or not servers:
        return []
    return sorted({*(one.name for one in instances), *servers})


def to_drain(
    spec: ServiceSpec,
    targets: Sequence[str],
    servers: Mapping[str, Sequence[RoutedServer]],
    noted: Sequence[Held],
    until_s: float,
) -> tuple[list[Held], list[Held]]:
    """(Whom we have drain now, whom a mitigation has drain already)."""
    by_server = {one.server: one for one in noted}
    held: list[Held] = []
    shed: list[Held] = []
    for name in targets:
        for server in servers.get(name, ()):
            known = by_server.get(server.name)
            if known is not None and known.because == SHED_FOR:
                shed.append(known)  # it gets no new ones, and may have old ones
                continue
            is_ours = known is not None and known.order is not None and not known.because
            if server.order is not Order.READY and not is_ours:
                continue  # somebody else has it out, or a breaker, and it is theirs
            held.append(Held(server.name, spec.name, name, until_s, Order.DRAIN))
    return held, shed


def is_one_by_one(step: Step, names: Sequence[str]) -> bool:
    """Is it a step on all of several instances?"""
    return step.kind in IN_TURN and not step.instance and len(names) > 1


def drain_s(intent: Intended, servers: Sequence[RoutedServer], settings: Settings) -> float:
    """How long their sessions may take to end. Those of a sick one hardly will."""
    if all(server.is_up is False for server in servers):
        return 0.0
    is_sick = intent.origin is Origin.RECOVERY and intent.cause not in FORETOLD
    return settings.drain_sick_most_s if is_sick else settings.drain_most_s


def comes_up_most_s(spec: ServiceSpec, settings: Settings) -> float:
    """How long one of several may take to be well again, before the next one goes."""
    start_s = spec.start_period_s or settings.start_period_unknown_s
    return settings.verify_deadline_s + start_s


def one_takes_most_s(spec: ServiceSpec, step: Step, settings: Settings) -> float:
    """One of several, from its drain until it is back."""
    grace_s = float(step.parameters.get("grace_s", spec.stop.grace_s))
    work_s = WORK_S * settings.time_scale
    return settings.drain_most_s + grace_s + work_s + comes_up_most_s(spec, settings)


def lasts_more_s(spec: ServiceSpec, intent: Intended, settings: Settings) -> float:
    """How much longer an action may take because somebody is spared."""
    if not spares(spec, intent.step):
        return 0.0
    names = list(intent.before.instances)
    if is_one_by_one(intent.step, names):
        return len(names) * one_takes_most_s(spec, intent.step, settings)
    return settings.drain_most_s


def spoken(held: Sequence[Held], left: float, waited_s: float) -> list[str]:
    """What was ordered, for whoever reads the evidence."""
    if not held:
        return []
    names = ", ".join(f"{one.instance} ({one.server})" for one in held)
    how = f"{left:.0f} sessions were left after" if left else "its sessions had ended after"
    if not is_known(left):
        how = "the router did not say how many sessions were left after"
    return [f"{ROUTED}{names} takes no requests; {how} {waited_s:.1f} s"]


def is_well(spec: ServiceSpec, seen: InstanceObservation, now_s: float, settings: Settings) -> bool:
    """Has it been proven to be well, as after an action? Who cannot be asked has run for a
    window."""
    if seen.instance.state is not InstanceState.RUNNING:
        return False
    if spec.probe is None or seen.goes_unasked:
        began_s = seen.instance.started_at_s
        return not is_known(began_s) or now_s - began_s >= settings.verify_window_s
    probe = seen.probe
    if probe is None or probe.verdict is not ProbeVerdict.PASS:
        return False
    return probe.successes_in_a_row >= settings.verify_probes


def fate(
    spec: ServiceSpec,
    held: Held,
    flight: InFlight | None,
    remembered: ServiceState,
    seen: InstanceObservation | None,
    now_s: float,
    settings: Settings,
) -> Fate:
    """Of a server that is held out. While something is done to its service, and while its instance
    is cut off, it stays so; else its lease ends it."""
    if flight is not None or {held.instance, ""} & set(remembered.isolated):
        return Fate.KEEP
    if seen is None:
        return Fate.GONE
    if is_well(spec, seen, now_s, settings):
        return Fate.BACK
    return Fate.OVER if now_s >= held.until_s else Fate.KEEP
