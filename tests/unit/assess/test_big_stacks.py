"""What must stay cheap when a stack is deep or wide: explanations, closures, who hurts whom."""

from __future__ import annotations

import pytest

from everup.dependency_monitor import Closures, build_graph
from everup.dependency_monitor.graph import CLOSURES_KEPT
from everup.model.assessment import Relations
from everup.model.stack import Dependency, ProbeSpec, ServiceSpec, Stack
from tests.unit.builders import assess, failing, seen

DEEP = 1200  # beyond what recursion could do


def chain(length: int) -> Stack:
    """Each service needs the one before it."""
    return Stack(
        "chain",
        {
            f"s{n}": ServiceSpec(
                f"s{n}",
                probe=ProbeSpec(tcp="127.0.0.1:{port}"),
                depends_on=(Dependency(f"s{n - 1}"),) if n else (),
            )
            for n in range(length)
        },
    )


def test_a_deep_chain_of_victims_has_one_root() -> None:
    what = chain(DEEP)
    relations = assess(what, seen(*(failing(name) for name in what.services))).relations
    assert relations.roots == ("s0",)
    assert relations.victims[f"s{DEEP - 1}"] == ("s0",)
    assert len(relations.victims_of("s0")) == DEEP - 1


def test_closures_are_those_of_the_graph_and_only_so_many_are_kept() -> None:
    graph = build_graph(chain(20))
    closures = Closures(graph)
    assert {name: closures[name] for name in closures} == {
        name: graph.hard_closure(name) for name in graph.order
    }
    with pytest.raises(KeyError):
        closures["nobody"]
    wide = Stack("wide", {f"s{n}": ServiceSpec(f"s{n}") for n in range(CLOSURES_KEPT + 50)})
    closures = Closures(build_graph(wide))
    assert len(closures) == len(list(closures)) == CLOSURES_KEPT + 50
    assert all(closures[name] == () for name in wide.services)
    assert len(closures._known) == CLOSURES_KEPT


def test_the_hurt_of_a_root_are_sorted_by_name() -> None:
    relations = Relations({}, {}, ("r", "q"), {"z": ("r",), "a": ("q", "r")})
    assert relations.victims_of("r") == ("a", "z")
    assert relations.victims_of("q") == ("a",)
    assert relations.victims_of("z") == ()


def test_dependents_are_found_once_each_in_the_order_of_the_declaration() -> None:
    twice = ServiceSpec("b", depends_on=(Dependency("a"), Dependency("a")))
    what = Stack("s", {"c": ServiceSpec("c", depends_on=(Dependency("a"),)), "b": twice})
    assert what.dependents_of("a") == ("c", "b")
    assert what.dependents_of("c") == ()
