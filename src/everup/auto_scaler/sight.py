"""What one look saw of one service's use, and how fast sizes follow it. Values alone.

Made by the loop from an observation and the settings, read by `usage` and `vertical`.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN
from everup.model.settings import Settings

BLOCKS = 24
"""Parts of a window, each with the most that a limit had to cover in it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast sizes follow, in seconds. `reaction_s`: until a limit that is asked for holds.
    `gap_s`: after which two sights are not connected. `short_above`: the
    share of a limit from which on the rest of Everup calls memory short. `tolerance`: no smaller
    share of a limit is worth a change."""

    window_s: float
    half_life_s: float
    lookahead_s: float
    reaction_s: float
    gap_s: float
    short_above: float
    tolerance: float = 0.10

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        """As set."""
        return cls(
            window_s=settings.resize_window_s,
            half_life_s=settings.resize_half_life_s,
            lookahead_s=settings.prediction_horizon_s,
            reaction_s=2 * settings.tick_s,
            gap_s=settings.gap_ticks * settings.tick_s,
            short_above=settings.cache_clear_memory_above,
            tolerance=settings.resize_tolerance,
        )

    @property
    def block_s(self) -> float:
        """The length of one of the parts of a window."""
        return self.window_s / BLOCKS


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at one service. Of several instances the largest use and the smallest limits; NaN:
    not seen. An infinite limit is none. `out_of_memory`: deaths since the last sight for lack of
    memory. `version`: whatever changes when it is deployed anew."""

    at_s: float
    memory_bytes: float = UNKNOWN
    cpu_cores: float = UNKNOWN
    memory_limit_bytes: float = UNKNOWN
    cpus: float = UNKNOWN
    out_of_memory: int = 0
    version: str = ""
