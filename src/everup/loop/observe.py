"""Observe: copy the desk's latest readings into one Observation; learn of deaths and first answers.

Flows in: what the samplers keep. Flows out: an observation of the whole stack, in which everything
that was not refreshed keeps its value and age, and is unknown after two intervals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop import owed_ends
from everup.loop.look import Look
from everup.loop.meant import meant
from everup.model.entries import CameUp, Entry, ExitSeen, VersionSeen
from everup.model.kinds import UNKNOWN, ProbeVerdict, Purpose, is_known
from everup.model.observation import (
    Exit,
    Instance,
    Observation,
    ProbeReading,
    ServiceObservation,
)
from everup.model.state import Phase, StackState
from everup.model.version import is_comparable, made_of, only_files_differ

if TYPE_CHECKING:
    from everup.loop.control import Control


async def observe(control: Control, look: Look) -> Look:
    """Fill in the observation; journal deaths that were not ours."""
    seen = control.proven.only(control.desk.observation(look.at_s), control.state)
    if seen.monitor.gap_s < 0:
        control.set_back(look.at_s)
    entries: list[Entry] = []
    for service, name, death in control.desk.take_deaths():
        if _is_ours(control, service, name, death) or _is_written(control, service, death.at_s):
            continue
        if owed_ends.is_ours(control.state, seen, service, name, death):
            continue
        entries.append(ExitSeen(look.at_s, service, name, death))
    entries += _came_up(control, seen)
    versions = _versions(control, seen)
    begun = control.probations.begun(control, versions)
    entries += begun  # first: what is begun is not safe yet
    entries += versions
    entries += control.counts_seen.follow(
        control.stack, control.state, seen, control.settings.change_quiet_s
    )
    entries += meant(control.stack, control.state, seen, control.desk.absent, control.settings)
    if entries:
        await control.write(entries)
    seen = _without_isolated(control.state, seen)
    return replace(look, observation=_with_exits(control, seen))


def _without_isolated(state: StackState, seen: Observation) -> Observation:
    """One of several that is cut off is nobody's instance until it is back."""
    services = dict(seen.services)
    for name, remembered in state.services.items():
        service = services.get(name)
        if not remembered.isolated or service is None:
            continue
        left = tuple(i for i in service.instances if i.instance.name not in remembered.isolated)
        if left:
            services[name] = replace(service, instances=left)
    return replace(seen, services=services)


def _is_ours(control: Control, service: str, instance: str, death: Exit) -> bool:
    """Our own action or a person's stop brought it about; a death while we prove is neither, nor is
    that of an instance which the action leaves alone."""
    if control.state.service(service).purpose is Purpose.STOPPED:
        return True
    if _is_of_down(control.state, death):
        return True
    flight = control.state.in_flight.get(service)
    if flight is None or flight.step.parameters.get("instance", instance) != instance:
        return False
    return flight.phase is Phase.ACTING or death.at_s <= flight.done_at_s


def _is_of_down(state: StackState, death: Exit) -> bool:
    """Between `everup down` and the next start, whoever saw it and whenever it was found."""
    return state.services_stopped_at_s <= death.at_s <= state.started_at_s


def _without_ours(state: StackState, seen: ServiceObservation) -> ServiceObservation:
    """An exit that `everup down` brought about says nothing of the service: it is just not
    running."""
    exits = [i.instance.exit for i in seen.instances]
    if not any(death is not None and _is_of_down(state, death) for death in exits):
        return seen
    instances = tuple(
        replace(i, instance=replace(i.instance, exit=None))
        if i.instance.exit is not None and _is_of_down(state, i.instance.exit)
        else i
        for i in seen.instances
    )
    return replace(seen, instances=instances)


def _is_written(control: Control, service: str, at_s: float) -> bool:
    return any(abs(e.at_s - at_s) < 0.01 for e in control.state.service(service).exits)


def _came_up(control: Control, seen: Observation) -> list[Entry]:
    """Instances whose probe has passed for the first time in this life."""
    found: list[Entry] = []
    for name, service in seen.services.items():
        lives = control.state.service(name).lives
        for one in service.instances:
            probe, instance = one.probe, one.instance
            if probe is None or not probe.has_ever_passed:
                continue
            if lives.get(instance.name) != instance.identity:
                took_s = _took_s(control, name, instance.started_at_s, probe)
                found.append(CameUp(seen.at_s, name, instance.name, instance.identity, took_s))
    return found


def _versions(control: Control, seen: Observation) -> list[Entry]:
    """Services whose newest instance is made from something else than was written down."""
    found: list[Entry] = []
    for name, service in seen.services.items():
        known = control.state.service(name).version
        made = [i.instance for i in service.instances if i.instance.version]
        if not made or not service.is_known:
            continue
        newest = max(made, key=_began_s)
        if newest.version == known:
            continue
        at_s = min(_changed_at_s(control, newest, known, seen.at_s), seen.at_s)
        # Who counts otherwise than before (another Everup, another key) saw no change.
        before = known if is_comparable(known, newest.version) else ""
        found.append(VersionSeen(at_s, name, newest.version, before))
    return found


def _changed_at_s(control: Control, now: Instance, known: str, seen_at_s: float) -> float:
    """When its files became others; else when it began, unless it was changed while it runs."""
    if only_files_differ(now.version, known):
        at_s = now.files_changed_at_s
    elif _was_another(control, now):
        at_s = seen_at_s
    else:
        at_s = now.started_at_s
    return at_s if is_known(at_s) else seen_at_s


def _was_another(control: Control, now: Instance) -> bool:
    """Did this very life show another version in the look before?"""
    before = None if control.look is None else control.look.observation.services.get(now.service)
    return before is not None and any(
        one.instance.identity == now.identity
        and one.instance.version
        and made_of(one.instance.version) != made_of(now.version)
        for one in before.instances
    )


def _began_s(instance: Instance) -> float:
    return instance.started_at_s if is_known(instance.started_at_s) else float("-inf")


def _took_s(control: Control, service: str, started_s: float, probe: ProbeReading) -> float:
    """How long its start-up took; unknown where we saw only its end, or where it waited for
    something that it needs: that tells nothing of the next one."""
    if probe.verdict is not ProbeVerdict.PASS or not started_s >= control.state.started_at_s:
        return UNKNOWN
    for target in control.hard_closure.get(service, ()):
        if control.memory.service(target).trouble_over_s >= started_s:
            return UNKNOWN
    return max(0.0, probe.since_s - started_s)


def _with_exits(control: Control, seen: Observation) -> Observation:
    since_s = seen.at_s - control.settings.crash_loop_window_s
    services = dict(seen.services)
    if is_known(control.state.services_stopped_at_s):
        services = {n: _without_ours(control.state, s) for n, s in services.items()}
    for name, remembered in control.state.services.items():
        # Whoever asked it to end had a reason of their own: it tells nothing of how well it is.
        exits = tuple([e for e in remembered.exits if e.at_s >= since_s and not e.asked])
        if exits and name in services:
            services[name] = replace(services[name], exits=exits)
    return replace(seen, services=services)
