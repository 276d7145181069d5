"""Metrics of anomalies: how unusual each service is, what was noticed, what was not believed."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from everup.api.engine import ControlView


def of_anomalies(control: ControlView) -> Iterator[Metric]:
    """All families, also while nothing was seen yet."""
    level = GaugeMetricFamily(
        "everup_anomaly_ratio",
        "How unusual it is, over the bound from which that is told; 0 while it learns.",
        labels=["service"],
    )
    for name, one in control.anomalies.now().items():
        level.add_metric([name], one.share)
    noticed = CounterMetricFamily(
        "everup_anomalies",
        "Anomalies since the start: alarms, and lone spikes that were noted.",
        labels=["service", "kind"],
    )
    for (name, kind), count in sorted(control.anomalies.counts.items()):
        noticed.add_metric([name, kind], count)
    flaws = CounterMetricFamily(
        "everup_input_flaws",
        "Rows of input that were not believed.",
        labels=["service", "signal", "kind"],
    )
    for flaw in control.anomalies.flaws():
        flaws.add_metric([flaw.service, flaw.signal, flaw.kind], flaw.count)
    yield from (level, noticed, flaws)
