"""Metrics of mitigations: how much may spread from who is sick, and what is in force against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from everup.api.engine import ControlView


def of_mitigations(control: ControlView) -> Iterator[Metric]:
    """Of the latest look."""
    latest = control.mitigations.latest
    yield GaugeMetricFamily(
        "everup_spread_risk",
        "Mean probability to be hurt, of all that the sick ones can reach.",
        value=latest.risk,
    )
    yield GaugeMetricFamily(
        "everup_spread_exposed", "How many services that are.", value=len(latest.exposed)
    )
    held = GaugeMetricFamily(
        "everup_mitigations",
        "Mitigations that were carried out and not taken back.",
        labels=["kind"],
    )
    for kind, count in sorted(Counter(m.kind for m in control.state.mitigated.values()).items()):
        held.add_metric([kind], count)
    yield held
