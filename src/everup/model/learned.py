"""What was learned from the past, and how good it proved: models, their exams, who serves.

Written into the journal as `ModelTrained` and `ModelReturned`, folded into `StackState.models`. The
bytes of a model lie on the `ModelShelf`, by their SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import UNKNOWN, Cause


class Craft(StrEnum):
    """What a model is for."""

    ANOMALY = "anomaly"  # how unusual a service's state is: pooled forest and reconstruction
    FAILURE = "failure"  # how likely a failure is within the horizon


class Standing(StrEnum):
    """`champion`: it serves. `former`: it did. `beaten`: it never did, since it was not better."""

    CHAMPION = "champion"
    FORMER = "former"
    BEATEN = "beaten"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model. `scores`: on time that it was not trained on, after `unseen_from_s`; each by name,
    0–1, more is better. `champion_scores`: of whoever served then, on the same rows."""

    version: str
    craft: Craft
    address: str
    size_bytes: int
    trained_at_s: float
    from_s: float
    unseen_from_s: float
    to_s: float
    rows: int
    features: tuple[str, ...]
    scores: Mapping[str, float]
    champion_scores: Mapping[str, float]
    standing: Standing
    reason: str
    by: str
    took_s: float = UNKNOWN
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotTrained:
    """The latest attempt that gave no model, and why."""

    at_s: float
    craft: Craft
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that a model should have seen coming: what labels are made of."""

    service: str
    cause: Cause
    at_s: float
    ended_at_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What is to be learned from which time. `champion`: the bytes of who serves now, if anybody
    does. `rows_most`, `time_most_s`: bounds of the work, beyond which rows are thinned evenly, and
    the worker is ended."""

    craft: Craft
    stack: str
    services: tuple[str, ...]
    from_s: float
    to_s: float
    interval_s: float
    horizon_s: float
    failures: tuple[Failure, ...]
    champion: bytes | None
    rows_most: int
    time_most_s: float
    seed: int = 0
    unseen_share: float = 0.25
    """The latest part of the time is kept for the exam."""
    row_s: float = 300.0
    """How long a row of the detector of anomalies is."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A challenger and both exams."""

    content: bytes
    from_s: float
    unseen_from_s: float
    to_s: float
    rows: int
    features: tuple[str, ...]
    scores: Mapping[str, float]
    champion_scores: Mapping[str, float] = field(default_factory=dict)
    took_s: float = UNKNOWN
    notes: tuple[str, ...] = ()
