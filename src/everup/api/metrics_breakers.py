"""Metrics of breakers: what each one is, how often it opened, what was told and turned away."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from everup.api.engine import ControlView
from everup.model.breaker import BreakerState

EDGE = ["service", "target"]


def of_breakers(control: ControlView) -> Iterator[Metric]:
    """All families, also where no dependency is critical."""
    state = GaugeMetricFamily(
        "everup_breaker_state", "1 for the state that it is in.", labels=[*EDGE, "state"]
    )
    openings = GaugeMetricFamily(
        "everup_breaker_openings", "Openings since it was last closed for long.", labels=EDGE
    )
    calls = CounterMetricFamily(
        "everup_breaker_calls", "Calls that were told or counted.", labels=[*EDGE, "outcome"]
    )
    refused = CounterMetricFamily(
        "everup_breaker_turned_away", "Askers that were told not to call.", labels=EDGE
    )
    enforced = GaugeMetricFamily(
        "everup_breaker_enforced", "1 while the router turns its traffic away.", labels=EDGE
    )
    for view in control.breakers.views():
        names = [view.edge.service, view.edge.target]
        for each in BreakerState:
            state.add_metric([*names, each], view.turn.state is each)
        openings.add_metric(names, view.turn.openings)
        for outcome, count in sorted(view.calls.items()):
            calls.add_metric([*names, outcome], count)
        refused.add_metric(names, view.turned_away)
        if view.group:
            enforced.add_metric(names, view.is_enforced)
    yield from (state, openings, calls, refused, enforced)
