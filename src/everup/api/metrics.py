"""What `/metrics` says, collected from the engine at each scrape into a registry of its own.

A value that nobody knows has no sample: a missing score is absent, never 0. The process-wide
registry is not touched, so that several engines can live in one test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from everup import __version__
from everup.api.engine import ControlView, EngineView
from everup.api.limits import Traffic
from everup.api.metrics_anomalies import of_anomalies
from everup.api.metrics_breakers import of_breakers
from everup.api.metrics_kept import of_kept
from everup.api.metrics_limits import of_limits
from everup.api.metrics_mitigations import of_mitigations
from everup.api.metrics_predictions import of_predictions
from everup.api.metrics_rooms import of_rooms
from everup.api.metrics_scaling import of_scaling
from everup.api.routes.health import current_freezes, look_age_s
from everup.model.kinds import Condition, is_known


class EngineCollector(Collector):
    """Reads the engine when it is scraped."""

    def __init__(self, engine: EngineView, traffic: Traffic) -> None:
        self._engine = engine
        self._traffic = traffic

    def collect(self) -> Iterator[Metric]:
        """All families."""
        control = self._engine.control
        yield from _loop(control)
        yield from _services(control)
        yield from _work(control)
        yield from _api(self._traffic)
        yield from of_rooms(control.counts)
        yield from of_kept(control)
        yield from of_breakers(control)
        yield from of_mitigations(control)
        yield from of_limits(control)
        yield from of_predictions(control)
        yield from of_anomalies(control)
        yield from of_scaling(control)


def create_registry(engine: EngineView, traffic: Traffic) -> CollectorRegistry:
    """A registry with the engine's metrics alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(EngineCollector(engine, traffic))
    return registry


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _loop(control: ControlView) -> Iterator[Metric]:
    info = GaugeMetricFamily("everup_build_info", "Version and mode.", labels=["version", "mode"])
    info.add_metric([__version__, control.stack.mode], 1)
    yield info
    age_s = look_age_s(control)
    if age_s is not None:
        yield _gauge("everup_last_look_age_seconds", "Time since the latest look.", age_s)
    yield CounterMetricFamily("everup_looks", "Looks since the start.", value=control.memory.looks)
    yield _gauge(
        "everup_monitor_fault",
        "1 while Everup cannot trust its own eyes.",
        bool(control.state.monitor_fault),
    )
    yield _gauge(
        "everup_journal_fault",
        "1 while the journal cannot be written and nothing is done.",
        bool(control.journal_fault),
    )
    waiting, shed = control.journal_queue
    yield _gauge("everup_journal_waiting", "Batches that wait to be written.", waiting)
    yield CounterMetricFamily("everup_journal_shed", "Entries left out meanwhile.", value=shed)
    yield _gauge("everup_halted", "1 when this process will never act again.", bool(control.halted))
    yield _gauge(
        "everup_cannot_act",
        "1 while nothing would be done whatever the mode.",
        bool(control.cannot_act()),
    )
    mishaps = CounterMetricFamily(
        "everup_mishaps", "Errors that nobody expected, caught.", labels=["part"]
    )
    for part, count in sorted(control.mishaps.total.items()):
        mishaps.add_metric([part], count)
    yield mishaps


def _services(control: ControlView) -> Iterator[Metric]:
    score = GaugeMetricFamily(
        "everup_health_score", "Health 0-1; absent when unknown.", labels=["service"]
    )
    propagated = GaugeMetricFamily(
        "everup_propagated_health", "Health 0-1 with dependencies.", labels=["service"]
    )
    condition = GaugeMetricFamily(
        "everup_service_condition",
        "1 for the present condition.",
        labels=["service", "condition"],
    )
    look = control.look
    for name in control.stack.services:
        health = None if look is None else look.assessment.own.services.get(name)
        if health is not None and is_known(health.score):
            score.add_metric([name], health.score)
        word = Condition.UNKNOWN if health is None else health.condition
        for each in Condition:
            condition.add_metric([name, each], each is word)
        spread = None if look is None else look.assessment.relations.propagated.get(name)
        if spread is not None and is_known(spread):
            propagated.add_metric([name], spread)
    yield from (score, propagated, condition)


def _work(control: ControlView) -> Iterator[Metric]:
    state = control.state
    incidents = GaugeMetricFamily("everup_incidents_open", "Open incidents.", labels=["cause"])
    for cause, count in sorted(Counter(i.cause for i in state.incidents.values()).items()):
        incidents.add_metric([cause], count)
    yield incidents
    in_flight = GaugeMetricFamily(
        "everup_actions_in_flight", "Actions begun and not proven yet.", labels=["service", "kind"]
    )
    for service, flight in sorted(state.in_flight.items()):
        in_flight.add_metric([service, flight.step.kind], 1)
    yield in_flight
    frozen = GaugeMetricFamily(
        "everup_frozen", "1 for each frozen scope; empty is the stack.", labels=["scope"]
    )
    for scope in sorted({freeze.scope for freeze in current_freezes(control)}):
        frozen.add_metric([scope], 1)
    yield frozen
    escalated = GaugeMetricFamily(
        "everup_with_a_person", "1 for each service that waits for a person.", labels=["service"]
    )
    for name, service_state in sorted(state.services.items()):
        if service_state.with_a_person:
            escalated.add_metric([name], 1)
    yield escalated


def _api(traffic: Traffic) -> Iterator[Metric]:
    answered = CounterMetricFamily(
        "everup_api_requests", "Answers of the API.", labels=["method", "status"]
    )
    for (method, status), count in sorted(traffic.answered.items()):
        answered.add_metric([method, str(status)], count)
    yield answered
    yield _gauge("everup_api_requests_in_progress", "Requests being answered.", traffic.in_progress)
    yield _gauge("everup_api_listeners", "Who follows /events.", traffic.listeners)
    yield CounterMetricFamily(
        "everup_api_listeners_dropped",
        "Listeners let go because they were too slow.",
        value=traffic.listeners_dropped,
    )
