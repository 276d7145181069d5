"""The dependency graph with what the latest look says of it."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.model.kinds import Cause, Condition, DependencyKind


class NodeShape(Shape):
    """A service. `propagated`: its health when that of its dependencies is taken into account."""

    service: str
    priority: int
    is_stateful: bool
    condition: Condition
    score: Known
    propagated: Known
    is_root: bool
    is_victim: bool


class EdgeShape(Shape):
    """`service` needs `target`."""

    service: str
    target: str
    kind: DependencyKind
    weight: Known
    is_critical: bool
    source: str
    confidence: Known


class FindingShape(Shape):
    """Why a service is unwell."""

    service: str
    cause: Cause
    reason: str
    since_s: Known
    score: Known
    confidence: Known
    is_confirmed: bool
    is_proven: bool
    process_state: str | None
    explained_by: list[str]
    instances: list[str]


class DependenciesShape(Shape):
    """Graph, roots and victims (victim → the roots that explain it)."""

    at_s: Known
    nodes: list[NodeShape]
    edges: list[EdgeShape]
    roots: list[str]
    victims: dict[str, list[str]]
    findings: list[FindingShape]
