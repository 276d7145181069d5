"""Observe: copy the desk's latest readings into one Observation; learn of deaths and first answers.

Flows in: what the samplers keep. Flows out: an observation of the whole stack, in which everything
that was not refreshed keeps its value and age, and is unknown after two intervals.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.model.entries import CameUp, Entry, ExitSeen
from everup.model.kinds import UNKNOWN, ProbeVerdict, Purpose
from everup.model.observation import Observation, ProbeReading
from everup.model.state import Phase

if TYPE_CHECKING:
    from everup.loop.control import Control


async def observe(control: Control, look: Look) -> Look:
    """Fill in the observation; journal deaths that were not ours."""
    seen = control.desk.observation(look.at_s)
    entries: list[Entry] = []
    for service, name, death in control.desk.take_deaths():
        if _is_ours(control, service, death.at_s) or _is_written(control, service, death.at_s):
            continue
        entries.append(ExitSeen(look.at_s, service, name, death))
    entries += _came_up(control, seen)
    if entries:
        await control.write(entries)
    return replace(look, observation=_with_exits(control, seen))


def _is_ours(control: Control, service: str, at_s: float) -> bool:
    """Our own action or a person's stop brought it about; a death while we prove is neither."""
    if control.state.service(service).purpose is Purpose.STOPPED:
        return True
    flight = control.state.in_flight.get(service)
    return flight is not None and (flight.phase is Phase.ACTING or at_s <= flight.done_at_s)


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


def _took_s(control: Control, service: str, started_s: float, probe: ProbeReading) -> float:
    """How long its start-up took; unknown where we saw only its end, or where it waited for
    something that it needs: that tells nothing of the next one."""
    if probe.verdict is not ProbeVerdict.PASS or not started_s >= control.state.started_at_s:
        return UNKNOWN
    for target in control.hard_closure.get(service, ()):
        if control.memory.service(target).last_bad_s >= started_s:
            return UNKNOWN
    return max(0.0, probe.since_s - started_s)


def _with_exits(control: Control, seen: Observation) -> Observation:
    since_s = seen.at_s - control.settings.crash_loop_window_s
    services = dict(seen.services)
    for name, service in seen.services.items():
        exits = tuple(e for e in control.state.service(name).exits if e.at_s >= since_s)
        if exits:
            services[name] = replace(service, exits=exits)
    return replace(seen, services=services)
