"""What was learned of the usual values of one signal of one service, as the journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaselineKept:
    """For each hour of the day and, last, for the whole: the middle of the logarithms, the median
    of the deviations from it, and how many samples there were. Read by
    `predictive_monitor.baselines` alone."""

    signal: str
    centres: tuple[float, ...]
    spreads: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def arrays(self) -> tuple[tuple[float, ...], ...]:
        """All three."""
        return self.centres, self.spreads, tuple(map(float, self.counts))

    @property
    def lengths(self) -> set[int]:
        """How long they are: one number where it is whole."""
        return {len(array) for array in self.arrays}
