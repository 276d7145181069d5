"""A prediction that was made, and how it ended: kept until the future has come.

Written by `loop.foretold` into the journal, folded into the state, shown by the API. The prediction
of one look, which nobody keeps, is `assessment.Prediction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN, Cause


class PredictionEnding(StrEnum):
    """`hit`: it came true. `averted`: something was done in time. `false_alarm`: neither. `void`:
    nobody can say, as it is not there any more, or failed by somebody's hand."""

    OPEN = "open"
    HIT = "hit"
    AVERTED = "averted"
    FALSE_ALARM = "false_alarm"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class MadePrediction:
    """One per service at a time."""

    id: str
    service: str
    cause: Cause
    probability: float
    made_at_s: float
    earliest_s: float
    likely_s: float
    latest_s: float
    evidence: tuple[str, ...]
    model_version: str
    horizon_s: float = UNKNOWN
    level: float = UNKNOWN
    ending: PredictionEnding = PredictionEnding.OPEN
    settled_at_s: float = UNKNOWN
    reason: str = ""
