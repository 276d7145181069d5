"""Statistics of a run. Pure: rows in, figures out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Of those that came to an end; `out_of` counts all."""

    median: float
    least: float
    most: float
    count: int
    out_of: int

    def __str__(self) -> str:
        if not self.count:
            return "never"
        text = f"{self.median:.1f}"
        if self.count > 1:
            text += f" ({self.least:.1f} to {self.most:.1f})"
        return text if self.count == self.out_of else f"{text}, {self.count} of {self.out_of}"


def spread(values: Iterable[float | None]) -> Spread:
    """Of the values; None is one that never came."""
    found = list(values)
    there = [value for value in found if value is not None]
    if not there:
        return Spread(math.nan, math.nan, math.nan, 0, len(found))
    return Spread(statistics.median(there), min(there), max(there), len(there), len(found))


def percentile(values: Sequence[float | None], share: float) -> float | None:
    """The smallest value that at least this share lies at or below; None, which is one that never
    came, is the largest of all. So a p90 says *never* when more than a tenth never came."""
    if not values:
        return None
    ordered = sorted(values, key=lambda value: math.inf if value is None else value)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def share_of(good: int, all_: int) -> float | None:
    """None of nothing."""
    return good / all_ if all_ else None
