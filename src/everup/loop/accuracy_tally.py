"""How predictions did in a period, told from the journal's entries one after the other. Pure.

Flows in: entries in order, then the state at the end. Flows out: an AccuracyReport. Called by the
API's report and by `GET /predictions/accuracy`. The formulas are `predictive_monitor.accuracy`'s.
"""

from __future__ import annotations

from dataclasses import replace

from everup.loop.forecasts import of_services
from everup.loop.foretold import as_made
from everup.model import entries as e
from everup.model.accuracy import AccuracyReport, Failure, ForecastTally
from everup.model.kinds import UNKNOWN
from everup.model.prediction import MadePrediction
from everup.model.state import StackState
from everup.predictive_monitor.accuracy import accuracy

TOGETHER = 1000
"""So many tallies are added up at a time."""


class AccuracyTally:
    """Tell it every entry of the period, then ask for the report."""

    def __init__(self, since_s: float) -> None:
        self._since_s = since_s
        self._made: dict[str, MadePrediction] = {}
        self._ended: list[e.PredictionSettled] = []
        self._failures: list[Failure] = []
        self._tallies: list[ForecastTally] = []
        self._set_aside = 0

    def tell(self, entry: e.Entry) -> None:
        """One more; what is from before the period counts for nothing but its beginning."""
        match entry:
            case e.PredictionMade():
                self._made[entry.prediction_id] = as_made(entry)
            case _ if entry.at_s < self._since_s:
                pass
            case e.PredictionSettled():
                self._ended.append(entry)
            case e.FailureMet():
                self._failures.append(entry.failure)
            case e.ForecastsSettled():
                self._tallies += entry.tallies
                self._set_aside += entry.set_aside
                if len(self._tallies) > TOGETHER:
                    self._tallies = list(of_services(self._tallies))
            case _:
                pass

    def report(self, state: StackState, until_s: float, *, is_cut: bool = False) -> AccuracyReport:
        """All that was told."""
        known = {p.id: p for p in (*state.past_predictions, *self._made.values())}
        return accuracy(
            [_settled(entry, known.get(entry.prediction_id)) for entry in self._ended],
            self._failures,
            of_services(self._tallies),
            since_s=self._since_s,
            until_s=until_s,
            set_aside=self._set_aside,
            still_open=len(state.predictions),
            is_cut=is_cut,
        )


def _settled(entry: e.PredictionSettled, made: MadePrediction | None) -> MadePrediction:
    """Where its beginning is not known any more, nobody can say that it came late."""
    if made is None:
        made = MadePrediction(
            *(entry.prediction_id, entry.service, entry.cause, UNKNOWN, UNKNOWN),
            *(UNKNOWN, UNKNOWN, UNKNOWN, (), ""),
        )
    return replace(made, ending=entry.ending, settled_at_s=entry.at_s, reason=entry.reason)
