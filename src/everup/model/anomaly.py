"""Anomalies: what was unusual of a service, by how much, and in what."""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN


@dataclass(frozen=True, slots=True)
class AnomalyReason:
    """One sign of it. `signal` "": of the service as a whole. `rarity`: −log10 of the chance that
    calm time looks so. `value`: the signal's mean over the row, in its own unit."""

    signal: str
    member: str
    rarity: float
    value: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Told once. `level` and `bound`: −log10 of a chance. `is_alarm`: it lasts; a lone spike is
    noted and never an alarm."""

    service: str
    at_s: float
    level: float
    bound: float
    is_alarm: bool
    reasons: tuple[AnomalyReason, ...] = ()


@dataclass(frozen=True, slots=True)
class AnomalyNow:
    """How unusual a service is at present. `rows` of `rows_needed` were learned before anything is
    told; `at_s` NaN: no row yet."""

    service: str
    at_s: float
    level: float
    bound: float
    is_high: bool
    rows: int
    rows_needed: int
    reasons: tuple[AnomalyReason, ...] = ()

    @property
    def share(self) -> float:
        """Of the bound, 1 and more is anomalous; 0 while nothing may be told."""
        return self.level / self.bound if self.rows >= self.rows_needed else 0.0


@dataclass(frozen=True, slots=True)
class InputFlaw:
    """Input of one signal that could not be believed, how often since the start."""

    service: str
    signal: str
    kind: str
    count: int
