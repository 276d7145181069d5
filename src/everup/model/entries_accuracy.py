"""Entries by which predictions are held to account; part of `entries`, where they are named.

Add fields only with a default, and never rename: old journals must still be read.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.accuracy import Failure, ForecastTally


@dataclass(frozen=True, slots=True)
class FailureMet:
    """A service failed that ran before; with the prediction of it, or what was visible before."""

    at_s: float
    service: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class ForecastsSettled:
    """Forecasts whose future has come since the last such entry, counted. `set_aside`: something
    was done meanwhile, or could not be seen, so that nobody can say. `raw`: the same forecasts, of
    all services together, by what would have been said without a calibration; where nothing was
    foretold there is none."""

    at_s: float
    tallies: tuple[ForecastTally, ...]
    set_aside: int = 0
    raw: tuple[ForecastTally, ...] = ()
