"""Calls as a router counts them, and whose own share stands out."""

from __future__ import annotations

from dataclasses import replace

from everup.dependency_monitor.by_calls import by_calls
from everup.dependency_monitor.graph import build_graph
from everup.loop.calls import NORMAL_ROWS_LEAST, RECENT_ROWS, WINDOW_ROWS, CallRows
from everup.model.assessment import Finding
from everup.model.kinds import Cause, InstanceState
from everup.model.observation import Instance, InstanceObservation, Observation, ServiceObservation
from everup.model.routing import Route, RoutedServer, RouterListing, Served, ServerName
from everup.model.signals import Symptom
from everup.model.stack import Stack
from tests.unit.builders import service, stack

ROWS = NORMAL_ROWS_LEAST + RECENT_ROWS + WINDOW_ROWS
ADDRESSES = {"web": "10.0.0.1", "api": "10.0.0.2"}


def shop() -> Stack:
    routed = [replace(s, route=Route()) for s in (service("web", "api"), service("api", "db"))]
    return stack(*routed, service("db"))


def listing(number: int, latency_s: dict[str, float], failed: float, life: str) -> RouterListing:
    servers = tuple(
        RoutedServer(
            ServerName(name, "one"),
            address=address,
            port=80,
            served=Served(100.0 * number, failed if name == "api" else 0.0, latency_s[name]),
        )
        for name, address in ADDRESSES.items()
    )
    return RouterListing(float(number), servers, life)


def observation(number: int) -> Observation:
    def one(name: str) -> ServiceObservation:
        at = Instance(
            name, f"{name}-0", "1", InstanceState.RUNNING, address=ADDRESSES[name], port=80
        )
        return ServiceObservation(name, (InstanceObservation(at),))

    return Observation(float(number), {name: one(name) for name in ADDRESSES})


def told(window: dict[str, float], life: str = "one") -> CallRows:
    rows = CallRows(tuple(shop().services))
    for number in range(ROWS + 1):
        is_late = number > ROWS - WINDOW_ROWS
        latency_s = window if is_late else {"web": 0.05, "api": 0.02}
        at = listing(number, latency_s, 0.0, life)
        rows.take(float(number), shop(), observation(number), at, ())
    return rows


def test_who_is_slow_by_itself_is_named_and_not_who_waits_for_it() -> None:
    graph = build_graph(shop())
    ranked = told({"web": 0.55, "api": 0.52}).ranked(graph.edges)
    assert ranked[Symptom.LATENCY][0].node == "api"
    found = Finding("web", Cause.UNHEALTHY, "fails", 1.0, 0.2)
    (candidate,) = by_calls(found, graph, ranked)
    assert (candidate.service, candidate.cause) == ("api", Cause.SLOW)
    assert "by its calls (latency)" in candidate.reason


def test_nothing_is_said_without_a_normal_period_nor_over_a_reload() -> None:
    rows = CallRows(tuple(shop().services))
    assert rows.ranked({}) == {}
    assert rows.is_due(5.0, 30.0)
    rows = told({"web": 0.55, "api": 0.52})
    assert not rows.is_due(ROWS + 1.0, 30.0)
    again = listing(1, {"web": 0.05, "api": 0.02}, 0.0, "another life")
    rows.take(99.0, shop(), observation(99), again, ())
    assert rows.ranked({}) == {}


def test_who_is_far_from_it_is_no_candidate() -> None:
    graph = build_graph(shop())
    ranked = told({"web": 0.55, "api": 0.52}).ranked(graph.edges)
    assert by_calls(Finding("db", Cause.CRASH, "died", 1.0, 0.0), graph, ranked) == []
    assert by_calls(Finding("web", Cause.CRASH, "died", 1.0, 0.0), graph, {}) == []
