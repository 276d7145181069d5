"""Metrics of scaling: what is asked and foretold, what one instance carries, what should be, what
it costs."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from everup.api.engine import ControlView
from everup.api.scaled import cost_of
from everup.auto_scaler.story import QUANTILES, foretold
from everup.loop.scaler import Scaler
from everup.model.kinds import is_known


def of_scaling(control: ControlView) -> Iterator[Metric]:
    """Of the latest step; what nobody knows yet has no sample."""
    yield from _asked(control.scaler, control.settings.scale_lookahead_s)
    yield from _wanted(control.scaler)
    yield from _spent(control)
    yield _queues(control)
    decided = CounterMetricFamily(
        "everup_scaling_decisions", "Other sizes that were found right.", labels=["by"]
    )
    for by, count in sorted(control.scaler.decided.items()):
        decided.add_metric([by], count)
    yield decided


def _queues(control: ControlView) -> Metric:
    found = GaugeMetricFamily(
        "everup_queue_readable", "Whether its queue can be read.", labels=["service"]
    )
    for name, spec in control.stack.services.items():
        if spec.scaling is not None and spec.scaling.queue is not None:
            found.add_metric([name], float(not control.queue_faults.get(name)))
    return found


def _asked(scaler: Scaler, ahead_s: float) -> Iterator[Metric]:
    demand = GaugeMetricFamily("everup_demand", "What is asked.", labels=["service", "unit"])
    ahead = GaugeMetricFamily(
        "everup_demand_forecast", "What is foretold of it.", labels=["service", "q"]
    )
    held = GaugeMetricFamily(
        "everup_demand_forecast_coverage_ratio",
        "Of what came, the share from 5 to 95 % of what was foretold.",
        labels=["service"],
    )
    capacity = GaugeMetricFamily(
        "everup_capacity", "What one instance carries.", labels=["service", "bound"]
    )
    for name, opinion in scaler.opinions.items():
        if is_known(opinion.demand):
            demand.add_metric([name, opinion.unit], opinion.demand)
        known = scaler.scaler(name)
        found = None if known is None else foretold(known.planner.ahead, ahead_s)
        if found is not None:
            for share, value in zip(QUANTILES, found.values, strict=False):
                ahead.add_metric([name, f"{share:g}"], value)
            if is_known(found.coverage):
                held.add_metric([name], found.coverage)
        bounds = {"lower": opinion.capacity.lower, "estimate": opinion.capacity.per_instance}
        for bound, value in bounds.items():
            if is_known(value):
                capacity.add_metric([name, bound], value)
    yield from (demand, ahead, held, capacity)


def _wanted(scaler: Scaler) -> Iterator[Metric]:
    wanted = GaugeMetricFamily(
        "everup_instances_wanted", "How many there should be.", labels=["service"]
    )
    chance = GaugeMetricFamily(
        "everup_shortage_chance", "Chance of a shortage with these.", labels=["service"]
    )
    for name, opinion in scaler.opinions.items():
        wanted.add_metric([name], opinion.choice.instances)
        if is_known(opinion.choice.chance):
            chance.add_metric([name], opinion.choice.chance)
    yield from (wanted, chance)


def _spent(control: ControlView) -> Iterator[Metric]:
    labels = ["service", "currency"]
    cost = GaugeMetricFamily("everup_cost_per_hour", "At the prices that are set.", labels=labels)
    waste = GaugeMetricFamily("everup_waste_per_hour", "What is not needed of it.", labels=labels)
    for name in control.stack.services:
        found = cost_of(control, name)
        if len(found.unknown) < len(PARTS):
            cost.add_metric([name, control.stack.prices.currency], found.per_hour)
            waste.add_metric([name, control.stack.prices.currency], found.waste_per_hour)
    yield from (cost, waste)


PARTS = ("cpu", "memory")
"""Where neither is known, nothing is known of its cost."""
