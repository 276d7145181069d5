"""Entries about what is tuned from how predictions ended; part of `entries`.

Add fields only with a default, and never rename: old journals must still be read.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN
from everup.model.tuning import Knob


@dataclass(frozen=True, slots=True)
class Recalibrated:
    """Another calibration is in force: what is said, and what it is worth; without any none is.
    `error_before`, `error_after`: mean distance of said from came, over what it was learned from,
    without it and with it."""

    at_s: float
    said: tuple[float, ...]
    worth: tuple[float, ...]
    settled: int
    why: str
    by: str
    error_before: float = UNKNOWN
    error_after: float = UNKNOWN
    held_until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class ThresholdTuned:
    """A threshold was moved, by a small step or back to what is set (`new` NaN)."""

    at_s: float
    knob: Knob
    old: float
    new: float
    why: str
    by: str
    held_until_s: float = UNKNOWN
