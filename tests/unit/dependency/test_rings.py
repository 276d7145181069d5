"""Strongly connected components: the same groups, in the same order, as the library finds them."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from everup.model.rings import rings


@given(st.lists(st.lists(st.integers(0, 11), max_size=6, unique=True), min_size=12, max_size=12))
def test_as_the_library_finds_them(targets: list[list[int]]) -> None:
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(12))
    graph.add_edges_from((node, target) for node, found in enumerate(targets) for target in found)
    expected = list(nx.strongly_connected_components(graph))
    assert list(rings(dict(enumerate(targets)))) == expected


def test_a_long_chain_needs_no_recursion() -> None:
    found = list(rings({n: [n + 1] if n < 9999 else [] for n in range(10_000)}))
    assert (len(found), found[0], found[-1]) == (10_000, {9999}, {0})
