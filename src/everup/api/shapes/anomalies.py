"""Shapes of /anomalies."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape


class ReasonShape(Shape):
    """One sign. `signal` "": of the service as a whole. `rarity`: −log10 of the chance that calm
    time looks so. `value`: the mean of the signal over the row."""

    signal: str
    member: str
    rarity: float
    value: Known


class AnomalyShape(Shape):
    """Told once. `is_alarm` false: a lone spike, noted and no more."""

    service: str
    at_s: float
    level: float
    bound: float
    is_alarm: bool
    reasons: list[ReasonShape]


class AnomalyNowShape(Shape):
    """How unusual a service is, as of the row that ended at `at_s`. Until `rows` reaches
    `rows_needed` nothing is told."""

    service: str
    at_s: Known
    level: float
    bound: Known
    is_high: bool
    rows: int
    rows_needed: int
    reasons: list[ReasonShape]


class InputFlawShape(Shape):
    """Input that was not believed, since the start: `missing`, `not_finite`, `stuck`, `reset`,
    `backwards`, `lone_spike`, `gap`."""

    service: str
    signal: str
    kind: str
    count: int


class AnomaliesShape(Shape):
    """`serving`: the model beside the signals' own pasts, "" for none. `is_living_through`: the
    past is being read again after a start. `fault`: why it could not be."""

    serving: str
    is_living_through: bool
    fault: str
    row_s: float
    services: list[AnomalyNowShape]
    anomalies: list[AnomalyShape]
    flaws: list[InputFlawShape]
