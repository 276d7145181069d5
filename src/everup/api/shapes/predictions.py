"""What is foretold, and what became of what was foretold before."""

from __future__ import annotations

from pydantic import Field

from everup.api.shapes.base import Known, Shape
from everup.model.kinds import Cause
from everup.model.prediction import PredictionEnding
from everup.model.tuning import Knob


class PredictionShape(Shape):
    """That a service will fail, why, and when. `latest_s` null: perhaps never."""

    service: str
    cause: Cause
    probability: float = Field(description="0 to 1; see model_version for what it is worth")
    earliest_s: Known
    likely_s: Known
    latest_s: Known
    evidence: list[str]
    model_version: str
    made_at_s: float
    horizon_s: Known
    level: Known = Field(description="where the signal stands now, as a share of its limit")
    before_calibration: Known = Field(description="the probability without it; null: the same")
    is_acted_upon: bool = Field(description="likely enough to be written down and acted upon")


class TrendShape(Shape):
    """A line towards a limit, however far away. Moments that are null: perhaps never."""

    service: str
    cause: Cause
    level: Known = Field(description="where the signal stands now, as a share of its limit")
    per_s: Known = Field(description="how much of its limit more in each second")
    since_s: Known
    points: int = Field(description="so many samples make the line")
    earliest_s: Known
    likely_s: Known
    latest_s: Known
    instance: str


class MadePredictionShape(Shape):
    """One that was written down, and its ending."""

    id: str
    service: str
    cause: Cause
    probability: float
    made_at_s: float
    earliest_s: Known
    likely_s: Known
    latest_s: Known
    evidence: list[str]
    model_version: str
    horizon_s: Known
    level: Known
    ending: PredictionEnding
    settled_at_s: Known
    reason: str


class PredictionsShape(Shape):
    """The latest look's predictions, the likeliest first; then those that were written down, open
    ones first, the newest first; then the lines that were drawn, the nearest end first. `at_s`
    null: there was no look yet."""

    at_s: Known
    predictions: list[PredictionShape]
    made: list[MadePredictionShape]
    trends: list[TrendShape]
    next_before: str | None = Field(default=None, description="`before` of the next page of `made`")


class PointShape(Shape):
    """What would be said, and what it is worth."""

    said: float
    worth: float


class ChangeShape(Shape):
    """The latest change of one of them. `held_until_s`: it was taken back, and stays until then."""

    what: Knob
    at_s: float
    why: str
    held_until_s: Known


class ThresholdsShape(Shape):
    """What is in force. `acts_above_tuned` null: as it is set. `calibration`: straight lines
    between these points, none where nothing is changed; learned from so many `settled` forecasts.
    `anomaly_budget`: a multiple of what is set."""

    is_on: bool
    acts_above: float
    acts_above_tuned: Known
    anomaly_budget: float
    calibration: list[PointShape]
    settled: int
    changes: list[ChangeShape]
