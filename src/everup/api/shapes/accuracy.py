"""How good predictions were, as it goes out. docs/accuracy.md says what each word means."""

from __future__ import annotations

from pydantic import Field, computed_field

from everup.api.shapes.base import Known, Shape
from everup.model.accuracy import SignalBefore
from everup.model.kinds import UNKNOWN, Cause
from everup.predictive_monitor.accuracy import has_moved


class TenthShape(Shape):
    """One point of the reliability curve."""

    low: float
    high: float
    count: int
    said: float = Field(description="mean of the probabilities that were said")
    came: float = Field(description="share of them that came true")


class AccuracyShape(Shape):
    """Of one service, one cause, or all (an empty name). Null: there is nothing to divide by."""

    name: str
    hits: int
    late: int = Field(description="it came, but after the horizon")
    averted: int = Field(description="something was done in time; in neither part of precision")
    false_alarms: int
    void: int = Field(description="nobody can say")
    failures: int = Field(description="those that count")
    foreseen: int
    early: int = Field(description="foretold for sooner than it came")
    missed: int
    unseen: int = Field(description="of the missed: no signal moved before")
    precision: Known
    recall: Known
    lead_p10_s: Known
    lead_p50_s: Known
    lead_p90_s: Known
    forecasts: int
    base_rate: Known
    brier: Known
    brier_of_base: Known = Field(description="of always saying the base rate; less is better")
    calibration_error: Known
    reliability: list[TenthShape]


class SignalBeforeShape(Shape):
    """One signal in the minutes before a failure."""

    signal: str
    first: Known
    last: Known
    low: Known
    high: Known

    @computed_field
    def has_moved(self) -> bool:
        """Did it end far from where it began?"""
        numbers = (self.first, self.last, self.low, self.high)
        return has_moved(SignalBefore(self.signal, *(UNKNOWN if n is None else n for n in numbers)))


class FailureShape(Shape):
    """A failure that counts and that nothing foresaw in time; `prediction_id` of one that was
    foretold for sooner."""

    at_s: float
    service: str
    cause: Cause
    incident_id: str
    prediction_id: str
    lead_s: Known
    probability: Known = Field(description="the highest that was foretold within the horizon")
    well_s: Known = Field(description="for how long it had been seen well")
    visible: list[SignalBeforeShape]
    anomalies: list[str]


class AccuracyReportShape(Shape):
    """A period. `is_cut`: the journal holds more of it than is read at once."""

    since_s: Known
    until_s: Known
    overall: AccuracyShape
    services: list[AccuracyShape]
    causes: list[AccuracyShape]
    misses: list[FailureShape]
    left_out: dict[str, int] = Field(description="failures that no look could foresee, by reason")
    set_aside: int = Field(description="forecasts of which nobody can say whether they came true")
    open: int = Field(description="predictions that are not settled yet")
    is_cut: bool
