"""The fault model of a stack: its edges as chances, its health as chances to fail. Pure.

Flows in: the graph, own health, predictions, what was learned of the edges. Flows out: a
`FaultModel`. A hard edge's chance is its weight, a soft one's half of it (`SOFT_SHARE`), both times
its confidence, until episodes teach otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.dependency_monitor.graph import Graph
from everup.dependency_monitor.learned import Tallies, learned_link
from everup.model.assessment import OwnHealth, Predictions
from everup.model.kinds import Condition, DependencyKind, is_known
from everup.model.propagation import FaultModel, Link
from everup.model.stack import Dependency

SOFT_SHARE = 0.5
RARELY = 0.001
"""A healthy service of which nothing is foretold: one failure in about ten days."""
FAILED = frozenset({Condition.UNHEALTHY, Condition.DOWN, Condition.STOPPED, Condition.PAUSED})
NOTHING_LEARNED: Tallies = {}
NOTHING_FORETOLD = Predictions()


def fault_model(
    graph: Graph,
    own: OwnHealth,
    predictions: Predictions = NOTHING_FORETOLD,
    learned: Tallies = NOTHING_LEARNED,
) -> FaultModel:
    """Of all services of the graph, as they are now."""
    return FaultModel(graph.order, links_of(graph, learned), failures_of(graph, own, predictions))


def links_of(graph: Graph, learned: Tallies = NOTHING_LEARNED) -> tuple[Link, ...]:
    """Every edge with its chance to pass a failure on, and how long that takes."""
    found: list[Link] = []
    for name, edges in graph.edges.items():
        for edge in edges:
            tally = learned.get((name, edge.target))
            found.append(learned_link(link_of(name, edge), tally))
    return tuple(found)


def link_of(dependent: str, edge: Dependency) -> Link:
    """One edge as declared."""
    share = 1.0 if edge.kind is DependencyKind.HARD else SOFT_SHARE
    chance = share * edge.weight * edge.confidence
    return Link(dependent, edge.target, min(1.0, max(0.0, chance)))


def failures_of(graph: Graph, own: OwnHealth, predictions: Predictions) -> Mapping[str, float]:
    """Service → chance to fail by itself within the horizon: 1 for what has failed, the health that
    is missing of what is degraded, the prediction where there is one, else `RARELY`. An unknown one
    counts as healthy: nobody has seen it fail."""
    foretold: dict[str, float] = {}
    for prediction in predictions.items:
        name = prediction.service
        foretold[name] = max(foretold.get(name, 0.0), prediction.probability)
    found: dict[str, float] = {}
    for name in graph.order:
        health = own.services.get(name)
        chance = max(RARELY, foretold.get(name, 0.0))
        if health is not None and health.condition in FAILED:
            chance = 1.0
        elif health is not None and health.condition is Condition.DEGRADED:
            if is_known(health.score):
                chance = max(chance, 1.0 - health.score)
        found[name] = min(1.0, chance)
    return found
