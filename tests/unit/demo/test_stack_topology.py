"""What is declared of the reference stack holds together."""

from __future__ import annotations

import networkx as nx
import pytest

from everup.demo.stack.topology import (
    BY_NAME,
    PORTS_PER_SERVICE,
    PROFILES,
    address_variable,
    base_ports,
)

EDGES = [(profile.name, need) for profile in PROFILES for need in profile.needs]


def test_there_are_the_twelve_services_of_the_first_user() -> None:
    assert set(BY_NAME) == {
        *("postgres", "redis", "qdrant", "ollama", "api", "webui", "worker"),
        *("coordination-service", "hybrid-memory-service", "learning-service"),
        *("perception-service", "reasoning-service"),
    }


def test_at_least_thirty_dependencies_lead_to_services_of_the_stack() -> None:
    assert len({(name, need.target) for name, need in EDGES}) == len(EDGES) >= 30
    assert {need.target for _, need in EDGES} <= set(BY_NAME)


def test_eight_dependencies_are_critical_among_them_four_of_api() -> None:
    critical = {(name, need.target) for name, need in EDGES if need.critical}
    assert len(critical) == 8
    assert critical >= {("api", name) for name in ("postgres", "redis", "qdrant", "ollama")}


@pytest.mark.parametrize("kinds", [{"hard"}, {"hard", "soft"}])
def test_dependencies_form_no_cycle(kinds: set[str]) -> None:
    edges = [(name, need.target) for name, need in EDGES if need.kind in kinds]
    assert nx.is_directed_acyclic_graph(nx.DiGraph(edges))


def test_profiles_stand_in_an_order_of_start() -> None:
    order = list(BY_NAME)
    assert all(order.index(need.target) < order.index(name) for name, need in EDGES)


def test_failure_travels_over_several_hops() -> None:
    hard = nx.DiGraph((name, need.target) for name, need in EDGES if need.kind == "hard")
    assert nx.has_path(hard, "webui", "redis")
    assert not hard.has_edge("webui", "redis")
    assert max(nx.shortest_path_length(hard, "coordination-service").values()) >= 3


def test_weights_and_limits_are_sane() -> None:
    assert all(0 < need.weight <= 1 for _, need in EDGES)
    stateful = {profile.name for profile in PROFILES if profile.stateful}
    assert stateful == {"postgres", "redis", "qdrant"}
    assert all(BY_NAME[name].stop_grace_s >= 60 for name in stateful)


def test_ports_leave_room_for_ten_instances() -> None:
    ports = base_ports(9000)
    assert ports["postgres"] == 9000
    assert ports["redis"] == 9000 + PORTS_PER_SERVICE
    assert len(set(ports.values())) == len(PROFILES)


def test_address_variables_are_what_a_shell_accepts() -> None:
    assert address_variable("hybrid-memory-service") == "HYBRID_MEMORY_SERVICE_URL"
