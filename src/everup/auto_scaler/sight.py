"""What one look saw of one service's use, and how fast sizes follow it. Values alone.

Made by the loop from an observation and the settings, read by `usage` and `vertical`.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN
from everup.model.settings import Settings

DAY_S = 86_400.0
BLOCKS = 24
"""Parts of a window, each with the most that a limit had to cover in it."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast sizes follow, in seconds. `reaction_s`: until a limit that is asked for holds.
    `gap_s`: after which two sights are not connected. `short_above`: the
    share of a limit from which on the rest of Everup calls memory short."""

    window_s: float
    half_life_s: float
    lookahead_s: float
    reaction_s: float
    gap_s: float
    short_above: float

    @classmethod
    def of(cls, settings: Settings) -> Pace:
        """A day's window and half-life as Kubernetes' VPA has them, at the settings' own scale."""
        day_s = DAY_S * settings.time_scale
        return cls(
            window_s=day_s,
            half_life_s=day_s,
            lookahead_s=settings.prediction_horizon_s,
            reaction_s=2 * settings.tick_s,
            gap_s=settings.gap_ticks * settings.tick_s,
            short_above=settings.cache_clear_memory_above,
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
