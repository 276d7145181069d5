"""How good predictions were: what is kept to tell it, and what is told.

Kept: failures with what was visible before them, and tallies of forecasts. Written by `loop` into
the journal, judged by `predictive_monitor.accuracy`, given out by the API. docs/accuracy.md defines
every word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN, Cause

TENTHS = 10
"""Parts of the probability scale for the reliability curve."""


@dataclass(frozen=True, slots=True)
class SignalBefore:
    """One signal in the minutes before a failure: its first, last, lowest and highest value."""

    signal: str
    first: float
    last: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Failure:
    """One service failed. `prediction_id` "": no prediction of it was open. `lead_s`: how long
    before the failure that one was made. `probability`: the highest that was foretold within the
    horizon before. `left_out`: why no look could have foreseen it; "" for one that counts."""

    at_s: float
    service: str
    cause: Cause
    incident_id: str = ""
    prediction_id: str = ""
    lead_s: float = UNKNOWN
    probability: float = UNKNOWN
    well_s: float = UNKNOWN
    visible: tuple[SignalBefore, ...] = ()
    anomalies: tuple[str, ...] = ()
    left_out: str = ""
    horizon_s: float = UNKNOWN

    @property
    def is_foreseen(self) -> bool:
        """Did a prediction name it, not earlier than a horizon before?"""
        return bool(self.prediction_id) and not self.is_early

    @property
    def is_early(self) -> bool:
        """Did a prediction name it, but for sooner than it came?"""
        return bool(self.prediction_id) and self.lead_s > self.horizon_s


@dataclass(frozen=True, slots=True)
class ForecastTally:
    """Settled forecasts of one service in one tenth of the scale. `squared`: the sum of their
    squared errors, `sum_p` of their probabilities; `came`: how many of them came true."""

    service: str
    tenth: int
    count: int
    came: int
    sum_p: float
    squared: float


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """All services' tallies of one day, counted from the epoch, service "". `raw`: by what would
    have been said without a calibration, without those of nothing."""

    day: int
    tallies: tuple[ForecastTally, ...]
    set_aside: int = 0
    raw: tuple[ForecastTally, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the state remembers of how predictions did: totals for ever, the rest bounded."""

    settled: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # cause → ending → count
    failures: Mapping[str, int] = field(default_factory=dict)  # foreseen, early, missed, left_out
    latest: tuple[Failure, ...] = ()  # oldest first
    days: tuple[ForecastDay, ...] = ()  # oldest first


@dataclass(frozen=True, slots=True)
class Tenth:
    """One point of the reliability curve. `said`: mean probability, `came`: the share that came."""

    low: float
    high: float
    count: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How predictions did for one service, one cause, or all ("").

    Of settled predictions: hits, late ones (it came, but after the horizon), averted, false alarms,
    and void ones of which nobody can say. Of failures: foreseen, early (foretold for sooner than it
    came), missed. Ratios are NaN where there is nothing to divide by.
    """

    name: str = ""
    hits: int = 0
    late: int = 0
    averted: int = 0
    false_alarms: int = 0
    void: int = 0
    failures: int = 0
    foreseen: int = 0
    early: int = 0
    missed: int = 0
    unseen: int = 0  # of the missed: no signal moved before
    precision: float = UNKNOWN
    recall: float = UNKNOWN
    lead_p10_s: float = UNKNOWN
    lead_p50_s: float = UNKNOWN
    lead_p90_s: float = UNKNOWN
    forecasts: int = 0
    base_rate: float = UNKNOWN
    brier: float = UNKNOWN
    brier_of_base: float = UNKNOWN
    calibration_error: float = UNKNOWN
    reliability: tuple[Tenth, ...] = ()


@dataclass(frozen=True, slots=True)
class AccuracyReport:
    """A period. `misses`: failures that count and that nothing foresaw in time, newest first;
    `left_out`: reason → how many failures no look could have foreseen; `set_aside`: forecasts whose
    outcome something done meanwhile keeps from us. `is_cut`: there was more than is read at once.
    """

    since_s: float
    until_s: float
    overall: Accuracy
    services: tuple[Accuracy, ...] = ()
    causes: tuple[Accuracy, ...] = ()
    misses: tuple[Failure, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    set_aside: int = 0
    open: int = 0
    is_cut: bool = False
