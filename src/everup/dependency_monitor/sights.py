"""What `suspects` looks at: who is unwell or cannot be seen, and the neighbours. Pure.

Flows in: findings, observation, own health, graph. Flows out: a `Scenery`, no larger than the
trouble is. Called by `relate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.dependency_monitor.fault_model import NOTHING_LEARNED, link_of
from everup.dependency_monitor.graph import Graph
from everup.dependency_monitor.learned import Tallies, learned_link
from everup.model.assessment import Finding, OwnHealth
from everup.model.kinds import FORETOLD, UNKNOWN, Cause, Condition, is_known
from everup.model.observation import Observation
from everup.model.propagation import Link
from everup.model.stack import Dependency, Stack

ON_ITS_WAY, DEGRADED, SUSPICION = 0.9, 0.6, 0.2
"""How ill one is taken to be that is starting, is merely degraded, or failed its latest probe."""
COMING = frozenset({Condition.STARTING, Condition.RECOVERING, Condition.PAUSED, Condition.STOPPED})


@dataclass(frozen=True, slots=True)
class Sight:
    """How one service looks. `illness`: 0 well to 1 ill beyond doubt. `is_proven`: dead or stuck by
    the kernel's word. `is_unseen`: it cannot be seen. `since_s`, `seen_at_s` NaN: nobody knows."""

    illness: float
    since_s: float = UNKNOWN
    seen_at_s: float = UNKNOWN
    is_proven: bool = False
    is_unseen: bool = False


@dataclass(frozen=True, slots=True)
class Scenery:
    """`sights`: dependencies before dependents. `links`: those that touch somebody unwell."""

    sights: Mapping[str, Sight]
    links: tuple[Link, ...]


def look_around(
    stack: Stack,
    findings: Mapping[str, Finding],
    unwell: set[str],
    observation: Observation,
    own: OwnHealth,
    graph: Graph,
    learned: Tallies = NOTHING_LEARNED,
) -> Scenery:
    """Everybody who is unwell or unseen, who needs them, and what they need."""
    trouble = {
        name
        for name, health in own.services.items()
        if name in findings
        or name in unwell
        or health.condition in (Condition.UNKNOWN, Condition.DEGRADED)
    }
    links: dict[tuple[str, str], Link] = {}
    around = set(trouble)
    for name in trouble:
        for edge in graph.edges.get(name, ()):
            links[name, edge.target] = _link(name, edge, learned)
            around.add(edge.target)
        for dependent in stack.dependents_of(name):
            around.add(dependent)
            for edge in graph.edges[dependent]:
                if edge.target == name:
                    links[dependent, name] = _link(dependent, edge, learned)
    order = [n for n in graph.order if n in around]
    sights = {n: _sight(n, findings.get(n), n in unwell, observation, own) for n in order}
    return Scenery(sights, tuple(links.values()))


def _link(dependent: str, edge: Dependency, learned: Tallies) -> Link:
    return learned_link(link_of(dependent, edge), learned.get((dependent, edge.target)))


def _sight(
    name: str, found: Finding | None, is_unwell: bool, observation: Observation, own: OwnHealth
) -> Sight:
    seen = observation.services.get(name)
    times = [i.probe.at_s for i in seen.instances if i.probe is not None] if seen else []
    seen_at_s = max((t for t in times if is_known(t)), default=UNKNOWN)
    condition = own.services[name].condition
    is_blip = condition is Condition.HEALTHY and (found is None or not found.is_confirmed)
    if found is not None and found.cause not in FORETOLD and not is_blip:
        is_proven = found.is_dead or found.is_proven or found.cause is Cause.STOPPED_ON_PURPOSE
        return Sight(1.0, found.since_s, seen_at_s, is_proven=is_proven)
    if condition is Condition.UNKNOWN:
        return Sight(0.0, is_unseen=True)
    since_s = UNKNOWN if found is None else found.since_s
    if condition in COMING:
        return Sight(ON_ITS_WAY, since_s, seen_at_s)
    illness = DEGRADED if condition is Condition.DEGRADED else SUSPICION if is_unwell else 0.0
    return Sight(illness, since_s, seen_at_s)
