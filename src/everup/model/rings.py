"""Who can reach each other: `rings(needs)`, the strongly connected components of a graph. Pure.

Tarjan, Depth-first search and linear graph algorithms (1972), without recursion. A library would do
it as well, and would take a tenth of the memory of the whole process: see
docs/decisions/0012-rings-without-a-library.md.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)


def rings(needs: Mapping[N, Sequence[N]]) -> Iterator[set[N]]:
    """Groups of nodes that can each reach each other, most of one node alone; a group comes after
    all that it needs. `needs`: every node, with the nodes that its edges point to, each of which is
    a node too. The order of nodes and edges decides among equals."""
    index: dict[N, int] = {}
    lowest: dict[N, int] = {}
    open_nodes: list[N] = []
    is_open: set[N] = set()
    for first in needs:
        if first in index:
            continue
        path: list[tuple[N, Iterator[N]]] = []
        _enter(first, needs, index, lowest, open_nodes, is_open, path)
        while path:
            node, targets = path[-1]
            for target in targets:
                if target not in index:
                    _enter(target, needs, index, lowest, open_nodes, is_open, path)
                    break
                if target in is_open:
                    lowest[node] = min(lowest[node], index[target])
            else:
                path.pop()
                if path:
                    above = path[-1][0]
                    lowest[above] = min(lowest[above], lowest[node])
                if lowest[node] == index[node]:
                    group = {open_nodes.pop()}
                    while node not in group:
                        group.add(open_nodes.pop())
                    is_open -= group
                    yield group


def _enter(
    node: N,
    needs: Mapping[N, Sequence[N]],
    index: dict[N, int],
    lowest: dict[N, int],
    open_nodes: list[N],
    is_open: set[N],
    path: list[tuple[N, Iterator[N]]],
) -> None:
    index[node] = lowest[node] = len(index)
    open_nodes.append(node)
    is_open.add(node)
    path.append((node, iter(needs[node])))
