"""The words of sizing: what is advised for one instance, and what held it. Values alone.

Made by `vertical`, read by `arbiter` and by whoever shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN


class Cap(StrEnum):
    """What kept a limit from being what the numbers say."""

    NOTHING = "nothing"
    NO_LIMIT = "no_limit"  # nobody gave one, and Everup adds none
    NOT_SEEN = "not_seen"
    TOO_LITTLE_SEEN = "too_little_seen"
    TOLERANCE = "tolerance"
    STILL = "still"
    STEP = "step"
    DECLARED = "declared"  # what is only feared raises a limit no further than that
    LEAST = "least"
    MOST = "most"
    LEAK = "leak"  # what leaks gets no more than its owner declared


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the owner allows of one instance; NaN: nothing said. They bind advice, and none takes
    away what was seen to be needed."""

    memory_least_bytes: float = UNKNOWN
    memory_most_bytes: float = UNKNOWN
    cpus_least: float = UNKNOWN
    cpus_most: float = UNKNOWN


NO_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Range:
    """Between which a request is likely right, NaN while nothing was seen."""

    lower: float
    target: float
    upper: float


@dataclass(frozen=True, slots=True)
class SizeAdvice:
    """Of one instance. A limit that is the present one means: leave it. Infinite: there is none.
    `confidence`: 0 to 1, a half after one window of sight. `is_memory_short`: it grows since the
    present limit is nearly used up, or it died of it."""

    memory_request_bytes: float
    memory_limit_bytes: float
    cpu_request_cores: float
    cpu_limit_cores: float
    memory_range: Range
    cpu_range: Range
    memory_now_bytes: float  # limits as they are
    cpu_now_cores: float
    reason: str
    capped_by: Cap = Cap.NOTHING  # of memory
    cpu_capped_by: Cap = Cap.NOTHING
    confidence: float = 0.0
    is_memory_short: bool = False
    is_cpu_short: bool = False

    @property
    def memory_sign(self) -> int:
        """1: its limit would grow, −1: shrink, 0: stay."""
        return _sign(self.memory_limit_bytes, self.memory_now_bytes)

    @property
    def cpu_sign(self) -> int:
        """The same of processors."""
        return _sign(self.cpu_limit_cores, self.cpu_now_cores)

    @property
    def is_change(self) -> bool:
        """Would anything be changed?"""
        return bool(self.memory_sign or self.cpu_sign)


def _sign(after: float, before: float) -> int:
    return (after > before) - (after < before)
