"""Metrics of predictions: what is foretold, how it ended, and how good it was.

Counters are totals of the journal, so that any period can be asked of Prometheus; the gauges are of
what the state remembers, at most the last 30 days.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from everup.api.engine import ControlView
from everup.loop.fold_accuracy import DAY_S, together
from everup.model.accuracy import AccuracyReport
from everup.model.kinds import is_known
from everup.predictive_monitor.accuracy import accuracy

DAYS = 30


def of_predictions(control: ControlView) -> Iterator[Metric]:
    """All families, also while nothing was foretold yet."""
    state, look = control.state, control.look
    foretold = GaugeMetricFamily(
        "everup_prediction_probability", "What is foretold now.", labels=["service", "cause"]
    )
    for item in () if look is None else look.assessment.predictions.items:
        foretold.add_metric([item.service, item.cause], item.probability)
    settled = CounterMetricFamily(
        "everup_predictions_settled", "Predictions by their ending.", labels=["cause", "ending"]
    )
    for cause, endings in sorted(state.accounts.settled.items()):
        for ending, count in sorted(endings.items()):
            settled.add_metric([cause, ending], count)
    failures = CounterMetricFamily(
        "everup_failures", "Failures by whether they were foreseen.", labels=["result"]
    )
    for result, count in sorted(state.accounts.failures.items()):
        failures.add_metric([result], count)
    yield from (foretold, settled, failures)
    yield from _gauges(_recent(control))


def _recent(control: ControlView) -> AccuracyReport:
    """Of what the state remembers."""
    state, until_s = control.state, control.now_s()
    since_s = until_s - DAYS * DAY_S
    days = [day for day in state.accounts.days if day.day >= since_s // DAY_S]
    return accuracy(
        state.past_predictions,
        state.accounts.latest,
        together(t for day in days for t in day.tallies),
        since_s=since_s,
        until_s=until_s,
    )


def _gauges(report: AccuracyReport) -> Iterator[Metric]:
    found = report.overall
    for name, text, value in (
        ("precision", "Of those that were not averted, the share that came.", found.precision),
        ("recall", "Of failures that count, the share that was foreseen.", found.recall),
        ("brier", "Mean squared error of forecasts.", found.brier),
        ("brier_of_base", "The same of always saying the share that came.", found.brier_of_base),
        ("calibration_error", "Distance of said from came.", found.calibration_error),
    ):
        family = GaugeMetricFamily(f"everup_prediction_{name}", text)
        if is_known(value):
            family.add_metric([], value)
        yield family
    lead = GaugeMetricFamily(
        "everup_prediction_lead_seconds", "From prediction to failure.", labels=["quantile"]
    )
    leads = {"0.1": found.lead_p10_s, "0.5": found.lead_p50_s, "0.9": found.lead_p90_s}
    for share, value in leads.items():
        if is_known(value):
            lead.add_metric([share], value)
    yield lead
    forecasts = GaugeMetricFamily(
        "everup_forecasts", "Forecasts that were judged, and those that came.", labels=["tenth"]
    )
    came = GaugeMetricFamily(
        "everup_forecasts_came_ratio", "The share of them that came.", labels=["tenth"]
    )
    for point in found.reliability:
        forecasts.add_metric([f"{point.low:.1f}"], point.count)
        came.add_metric([f"{point.low:.1f}"], point.came)
    yield from (forecasts, came)
