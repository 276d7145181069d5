"""What a virtual service is made of: how fast, how big, how it takes a stop, a cut, a crash.

Written by whoever builds a world (`simulation.stacks`, a lab); read by `instance` and `world`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Reaction(StrEnum):
    """What an instance does when a hard dependency stops serving."""

    SHRUG = "shrug"  # its own check does not look there
    FAIL = "fail"  # its check answers with an error until the dependency is back
    HANG = "hang"  # its threads wait; it answers again when the dependency is back
    CRASH = "crash"  # it exits with 1 a while later
    STAY_BROKEN = "stay_broken"  # like FAIL, and stays so afterwards until it is restarted


@dataclass(frozen=True, slots=True)
class HookNature:
    """What an owner's hook does: takes this long, then prints, or fails when `error` says why."""

    output: str = ""
    takes_s: float = 0.1
    error: str = ""
    code: int = 1  # that it ends with when it fails


@dataclass(frozen=True, slots=True)
class Nature:
    """One kind of service. Times in virtual seconds, rates per second and instance."""

    boot_s: float = 2.0  # from the start of the process to its first answer
    warm_up_s: float = 10.0  # then slower for so long
    stop_s: float = 0.5  # from the stop signal to the end
    hears_stop: bool = True
    latency_s: float = 0.02  # of one request with nobody else there
    capacity_rps: float = 100.0
    demand_rps: float = 30.0  # of the whole service
    memory_bytes: float = 120e6
    on_cut: Reaction = Reaction.FAIL
    cut_after_s: float = 5.0  # how long it bears the cut before it crashes or breaks
    recovery_s: float = 0.0  # a database's replay after an unclean death; 0: none
    job_s: float = 0.0  # a one-shot ends with 0 after so long; 0: it serves for ever
    engine_restarts: bool = False  # the engine's own restart policy is on
    crashes_after_s: float = 0.0  # after each start, for ever; 0: it does not
    crash_code: int = 3
    hangs_after_s: float = 0.0  # after each start, for ever; 0: it does not
    lines: tuple[str, ...] = ()  # written at each start
    hooks: Mapping[str, HookNature] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)  # path → what each start reads
