"""`depends_on:` of a service → edges; and the checks that need all services at once.

`depends_on` is called by `service`, `check_edges` by `load` when every service is read. A cycle is
not an error, since real stacks have them, but it leaves no order in which to heal, so it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from everup.config.errors import did_you_mean
from everup.config.reading import Field, choice, flag, maybe, number, take, text
from everup.config.router import name as backend
from everup.model.kinds import DependencyKind
from everup.model.rings import rings
from everup.model.stack import Dependency, ServiceSpec

EDGE_FIELDS = ("kind", "weight", "critical", "router")
DEFAULT_WEIGHT = {DependencyKind.HARD: 1.0, DependencyKind.SOFT: 0.5}
CYCLES_SHOWN_MOST = 5
NAMES_SHOWN_MOST = 6
NO_EDGE = "none"
_WHAT = "a list of services, or services with kind and weight"


@dataclass(frozen=True, slots=True)
class Edge:
    """One declared dependency and the place where it stands. `is_refused`: it is declared not to be
    one, which takes away what was found."""

    dependency: Dependency
    field: Field
    is_refused: bool = False

    @property
    def given(self) -> frozenset[str]:
        """Which of its fields its owner wrote."""
        if self.field.node.kind == "mapping":
            return frozenset(entry.key for entry in self.field.node.entries)
        return frozenset(("kind",) if "depends_on." in self.field.path else ())


def depends_on(field: Field) -> list[Edge] | None:
    """The edges of one service; wrong ones are left out, with a problem each."""
    if field.node.kind != "mapping":
        found = [_named(item) for item in field.items(_WHAT)]
    else:
        found = [_described(name, item) for name, item in field.entries(_WHAT).items()]
    edges: dict[str, Edge] = {}
    for edge in found:
        if edge is None:
            continue
        if edge.dependency.target in edges:
            edge.field.wrong("is named twice", "keep one of them")
            continue
        edges[edge.dependency.target] = edge
    return list(edges.values())


def check_edges(
    services: Mapping[str, ServiceSpec], edges: Mapping[str, Sequence[Edge]]
) -> list[str]:
    """Unknown and self-dependencies become problems; returns a warning for each cycle."""
    for name, outgoing in edges.items():
        for edge in outgoing:
            target = edge.dependency.target
            if target == name:
                edge.field.wrong("depends on itself", "remove it", has_value=False)
            elif target not in services:
                edge.field.wrong(
                    f"depends on '{target}', which is not a service of this stack",
                    did_you_mean(target, services),
                    has_value=False,
                )
    return _cycles(services)


def _cycles(services: Mapping[str, ServiceSpec]) -> list[str]:
    hard = list(_groups(services, (DependencyKind.HARD,)))
    warnings = [
        f"{_loop(group)} need each other (hard): none of them can be healed first, so all of them "
        "are treated as one; make one of these dependencies soft if it can do without"
        for group in hard
    ]
    for group in _groups(services, tuple(DependencyKind)):
        if not any(set(inner) <= set(group) for inner in hard):
            warnings.append(
                f"{_loop(group)} depend on each other in a circle, in part softly: the hard "
                "dependencies decide which is healed first"
            )
    shown = warnings[:CYCLES_SHOWN_MOST]
    if len(warnings) > len(shown):
        shown.append(f"… and {len(warnings) - len(shown)} more circles of dependencies")
    return shown


def _groups(
    services: Mapping[str, ServiceSpec], kinds: tuple[DependencyKind, ...]
) -> Iterable[list[str]]:
    """Groups of services that can each reach each other, in the order of the file."""
    needs = {
        name: [
            edge.target
            for edge in spec.depends_on
            if edge.kind in kinds and edge.target in services and edge.target != name
        ]
        for name, spec in services.items()
    }
    order = {name: index for index, name in enumerate(services)}
    groups = [sorted(group, key=order.__getitem__) for group in rings(needs)]
    return sorted((group for group in groups if len(group) > 1), key=lambda g: order[g[0]])


def _loop(group: Sequence[str]) -> str:
    if len(group) > NAMES_SHOWN_MOST:
        return f"{', '.join(group[:NAMES_SHOWN_MOST])} and {len(group) - NAMES_SHOWN_MOST} more"
    return ", ".join(group[:-1]) + f" and {group[-1]}"


def _named(field: Field) -> Edge | None:
    target = text(field)
    return None if target is None else Edge(_dependency(target, DependencyKind.HARD), field)


def _described(target: str, field: Field) -> Edge | None:
    if field.node.is_empty:
        return Edge(_dependency(target, DependencyKind.HARD), field)
    if field.node.kind == "scalar":
        if field.raw == NO_EDGE:
            return Edge(_dependency(target, DependencyKind.SOFT), field, is_refused=True)
        kind = choice(DependencyKind)(field)
        return None if kind is None else Edge(_dependency(target, kind), field)
    given = field.fields(EDGE_FIELDS, "kind, weight, critical, router")
    kind = take(given, "kind", choice(DependencyKind), DependencyKind.HARD)
    weight = take(given, "weight", number(0.0, 1.0), DEFAULT_WEIGHT[kind])
    group = maybe(given, "router", backend) or ""
    is_critical = take(given, "critical", flag, bool(group))
    if group and not is_critical:
        given["router"].wrong(
            "is the way of an edge without a breaker", "remove it, or write critical: true"
        )
    return Edge(Dependency(target, kind, weight, is_critical, router_group=group), field)


def _dependency(target: str, kind: DependencyKind) -> Dependency:
    return Dependency(target, kind, DEFAULT_WEIGHT[kind])
