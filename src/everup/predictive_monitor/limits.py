"""What is a line towards a limit: one row per cause, `LIMITS`. Pure; `predict` draws the lines."""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.history import Signal
from everup.model.kinds import Cause


@dataclass(frozen=True, slots=True)
class Limit:
    """One signal that may reach 1.

    `noun`: how a person calls it. `glance_level`: lower ones are not looked at. `most`: the prior
    of a perfect line; what comes in bursts gets less. `is_its_own`: it ends with the process, so
    that a new life begins a new line.
    """

    signal: Signal
    cause: Cause
    noun: str
    glance_level: float
    most: float
    is_its_own: bool = True


LIMITS: tuple[Limit, ...] = (
    Limit(Signal.MEMORY_RATIO, Cause.LEAK, "memory", 0.25, 0.95),
    Limit(Signal.DISK_RATIO, Cause.DISK_FILLING, "the disk", 0.25, 0.95, is_its_own=False),
    Limit(Signal.DESCRIPTORS_RATIO, Cause.DESCRIPTOR_LEAK, "open files", 0.25, 0.95),
    Limit(Signal.CONNECTIONS_RATIO, Cause.CONNECTIONS_FULL, "connections", 0.5, 0.9),
    Limit(Signal.QUEUE_RATIO, Cause.QUEUE_FULL, "the accept queue", 0.5, 0.85),
)
