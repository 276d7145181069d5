"""The dependency graph of a stack, built once per declaration and only read afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from everup.model.kinds import DependencyKind
from everup.model.rings import rings
from everup.model.stack import Dependency, Stack

CLOSURES_KEPT = 1000


@dataclass(frozen=True, slots=True)
class Graph:
    """`order`: dependencies before dependents. `ring`: service → number of its strongly connected
    component, equal numbers mean that the services depend on each other in a circle."""

    edges: Mapping[str, tuple[Dependency, ...]]
    order: tuple[str, ...]
    ring: Mapping[str, int]
    hard: Mapping[str, tuple[str, ...]]
    cycles: tuple[tuple[str, ...], ...]

    def hard_closure(self, service: str) -> tuple[str, ...]:
        """Everything it needs, directly or not, sorted; never the service itself."""
        seen: set[str] = set()
        queue = list(self.hard.get(service, ()))
        while queue:
            target = queue.pop()
            if target not in seen:
                seen.add(target)
                queue.extend(self.hard.get(target, ()))
        seen.discard(service)
        return tuple(sorted(seen))


class Closures(Mapping[str, tuple[str, ...]]):
    """Service → its hard closure, found when it is asked for: all of them together would grow with
    the square of a deep stack, and only those of unwell services are. Keeps `CLOSURES_KEPT`."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, tuple[str, ...]] = {}

    def __getitem__(self, service: str) -> tuple[str, ...]:
        found = self._known.get(service)
        if found is None:
            if service not in self._graph.hard:
                raise KeyError(service)
            if len(self._known) >= CLOSURES_KEPT:
                self._known.pop(next(iter(self._known)))
            found = self._known[service] = self._graph.hard_closure(service)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._graph.hard)

    def __len__(self) -> int:
        return len(self._graph.hard)


def build_graph(stack: Stack) -> Graph:
    """Edges point from a dependent to what it needs; edges to undeclared services are left out."""
    names = stack.services
    edges = {
        name: tuple(d for d in spec.depends_on if d.target in names and d.target != name)
        for name, spec in names.items()
    }
    groups = list(rings({name: [d.target for d in found] for name, found in edges.items()}))
    ring = {name: number for number, members in enumerate(groups) for name in members}
    hard = {
        name: tuple(d.target for d in found if d.kind is DependencyKind.HARD)
        for name, found in edges.items()
    }
    return Graph(
        edges=edges,
        order=tuple(name for members in groups for name in sorted(members)),
        ring=ring,
        hard=hard,
        cycles=tuple(tuple(sorted(members)) for members in groups if len(members) > 1),
    )
