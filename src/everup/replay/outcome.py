"""What came of a replay: predictions, what would have been done, incidents, and how good it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, StrEnum
from typing import Any

from everup.model.accuracy import AccuracyReport
from everup.model.kinds import ActionKind, Cause, is_known
from everup.model.prediction import MadePrediction

SHOWN_MOST = 10_000
"""Predictions, deeds and incidents that are kept of one replay; more are counted."""


class Answer(StrEnum):
    """What would have become of a proposal."""

    DONE = "done"  # the gate allowed it
    ASKED = "asked"  # a person would have been asked
    TOLD = "told"  # only the mode stood against it


@dataclass(frozen=True, slots=True)
class Deed:
    """An action that would have been taken, asked for or told; the first of its kind in an
    incident."""

    at_s: float
    service: str
    kind: ActionKind
    cause: Cause
    answer: Answer
    reason: str
    incident_id: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedIncident:
    """An incident that the replay opened."""

    at_s: float
    service: str
    cause: Cause
    reason: str
    id: str
    ended_at_s: float
    ending: str


@dataclass(frozen=True, slots=True)
class Recalled:
    """The replay's predictions beside those in the journal of that time, where there is one."""

    then: int
    same: int
    only_then: tuple[MadePrediction, ...] = ()
    only_now: tuple[MadePrediction, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """One configuration over one recording. `speed`: recorded time over the time that it took.
    `left_out`: how many more there were than are kept."""

    name: str
    source: str
    services: int
    begin_s: float
    end_s: float
    rows: int
    took_s: float
    predictions: tuple[MadePrediction, ...]
    deeds: tuple[Deed, ...]
    incidents: tuple[ReplayedIncident, ...]
    accuracy: AccuracyReport
    recalled: Recalled | None = None
    left_out: int = 0
    notes: tuple[str, ...] = ()

    @property
    def speed(self) -> float:
        """How many times faster than it happened."""
        return (self.end_s - self.begin_s) / max(self.took_s, 1e-9)


def as_plain(value: Any) -> Any:
    """As JSON has it; what nobody knows is None."""
    if isinstance(value, Outcome):
        return {**_fields(value), "speed": round(value.speed, 1)}
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if is_known(value) and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {str(as_plain(key)): as_plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(one) for one in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: as_plain(getattr(value, f.name)) for f in fields(value)}
