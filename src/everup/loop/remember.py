"""What the looks since the start say: `remember(memory, observation, own) -> memory`, pure.

A gap of more than three ticks (suspend, a clock that jumped), or one that leads back, breaks
history: one window is watched before anything is done.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.assessment import OwnHealth
from everup.model.kinds import UNKNOWN, Condition, is_known
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.state import Memory, ServiceMemory

WELL = frozenset({Condition.HEALTHY})
NEITHER = frozenset({Condition.UNKNOWN})


def remember(
    memory: Memory, observation: Observation, own: OwnHealth, settings: Settings
) -> Memory:
    """The memory after one more look."""
    now_s = observation.at_s
    if settings.is_break(observation.monitor.gap_s):
        memory = Memory(hold_until_s=now_s + settings.verify_window_s)
    services = {
        name: _service(memory.service(name), health.condition, now_s)
        for name, health in own.services.items()
    }
    complete_s = memory.complete_since_s
    if observation.monitor.engine_fault or observation.monitor.faults:
        complete_s = UNKNOWN
    elif not is_known(complete_s) and observation.is_complete:
        complete_s = now_s
    return replace(
        memory,
        services=services,
        looks=memory.looks + 1,
        first_look_s=memory.first_look_s if is_known(memory.first_look_s) else now_s,
        complete_since_s=complete_s,
    )


def _service(known: ServiceMemory, condition: Condition, now_s: float) -> ServiceMemory:
    first_s = known.first_seen_s if is_known(known.first_seen_s) else now_s
    if condition in NEITHER:
        return replace(known, first_seen_s=first_s, healthy_since_s=UNKNOWN)
    if condition in WELL:
        if is_known(known.healthy_since_s):
            return known  # nothing has changed since it became well
        return ServiceMemory(first_s, UNKNOWN, known.last_bad_s, now_s, was_ever_healthy=True)
    bad_since_s = known.bad_since_s if is_known(known.bad_since_s) else now_s
    return ServiceMemory(
        first_s, bad_since_s, now_s, UNKNOWN, was_ever_healthy=known.was_ever_healthy
    )
