"""The edges of a stack with what was seen and learned of them: for people, and for the fault model.

Flows in: the stack, what is remembered of its edges, of whom nobody could look. Flows out: the
stack with what was only seen as edges too, an `EdgeSight` for each edge, and a `Review`.
Pure; called by the API and by `loop.edges`.

Who is healed first goes by what is declared alone: a connection shows that somebody talks, and not
that he cannot do without. What was only seen counts for risk and what-if, as soft.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from everup.dependency_monitor.fault_model import link_of
from everup.dependency_monitor.graph import build_graph
from everup.dependency_monitor.learned import Tallies, learned_link
from everup.model.edges import KnownEdge
from everup.model.kinds import UNKNOWN, DependencyKind, is_known
from everup.model.propagation import Tally
from everup.model.stack import Dependency, Stack

OF_TRAFFIC = "observed traffic"
SEEN_WEIGHT, SEEN_CONFIDENCE = 0.5, 0.7
"""Of an edge that nobody declared: there was a connection, what depends on it nobody said."""

Known = Mapping[str, Mapping[str, KnownEdge]]
NOTHING_KNOWN: Known = {}
_NEVER = KnownEdge()


@dataclass(frozen=True, slots=True)
class EdgeSight:
    """One edge as it stands. `learned`: the chance that a failure is passed on, as declared and
    corrected by `episodes`; `delay_s`: after how long. `is_declared` False: it was only seen."""

    service: str
    target: str
    kind: DependencyKind
    weight: float
    is_critical: bool
    source: str
    confidence: float
    is_declared: bool
    last_seen_s: float
    learned: float
    episodes: float
    delay_s: float


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """An edge that is declared and was never seen; `why`: nobody could look, or ""."""

    service: str
    target: str
    source: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """What to look through once a year. `since_s`: when the first connection of the stack was
    written down, NaN: none was. `undeclared`: seen, and nobody says so."""

    since_s: float
    never_seen: tuple[Unconfirmed, ...]
    undeclared: tuple[EdgeSight, ...]
    cycles: tuple[tuple[str, ...], ...]
    unseen: Mapping[str, str]


def tallies_of(known: Known) -> Tallies:
    """(dependent, target) → what was learned of that edge."""
    return {
        (service, target): edge.tally
        for service, targets in known.items()
        for target, edge in targets.items()
        if edge.tally != Tally()
    }


def with_seen(stack: Stack, known: Known) -> Stack:
    """The stack with a soft edge for each connection that nobody declared, and more confidence in
    the declared ones that were seen."""
    services = dict(stack.services)
    for name, spec in stack.services.items():
        seen = {t: e for t, e in known.get(name, {}).items() if is_known(e.last_seen_s)}
        if not seen:
            continue
        kept = tuple(_confirmed(d) if d.target in seen else d for d in spec.depends_on)
        declared = {d.target for d in spec.depends_on}
        new = tuple(_only_seen(t) for t in sorted(seen) if t not in declared and t != name)
        new = tuple(d for d in new if d.target in stack.services)
        services[name] = replace(spec, depends_on=(*kept, *new))
    return replace(stack, services=services)


def edges_of(stack: Stack, known: Known) -> tuple[EdgeSight, ...]:
    """Every edge, the declared ones first, service by service."""
    tallies = tallies_of(known)
    found: list[EdgeSight] = []
    for name, spec in with_seen(stack, known).services.items():
        declared = {d.target for d in stack.services[name].depends_on}
        for edge in spec.depends_on:
            tally = tallies.get((name, edge.target))
            link = learned_link(link_of(name, edge), tally)
            remembered = known.get(name, {}).get(edge.target, _NEVER)
            found.append(
                EdgeSight(
                    service=name,
                    target=edge.target,
                    kind=edge.kind,
                    weight=edge.weight,
                    is_critical=edge.is_critical,
                    source=edge.source,
                    confidence=edge.confidence,
                    is_declared=edge.target in declared,
                    last_seen_s=remembered.last_seen_s,
                    learned=link.probability,
                    episodes=0.0 if tally is None else tally.hurt + tally.spared,
                    delay_s=link.delay_s,
                )
            )
    return tuple(found)


def review(stack: Stack, known: Known, unseen: Mapping[str, str]) -> Review:
    """Declared and never seen; seen and not declared; circles. `unseen`: of whom nobody can look,
    with the reason."""
    sights = edges_of(stack, known)
    times = [e.first_seen_s for targets in known.values() for e in targets.values()]
    return Review(
        since_s=min((t for t in times if is_known(t)), default=UNKNOWN),
        never_seen=tuple(
            Unconfirmed(e.service, e.target, e.source, _why_not(e, unseen))
            for e in sights
            if e.is_declared and not is_known(e.last_seen_s)
        ),
        undeclared=tuple(e for e in sights if not e.is_declared),
        cycles=build_graph(stack).cycles,
        unseen=dict(unseen),
    )


def _why_not(edge: EdgeSight, unseen: Mapping[str, str]) -> str:
    """Either end would have shown it."""
    if edge.service in unseen and edge.target in unseen:
        return f"{edge.service}: {unseen[edge.service]}"
    return ""


def _confirmed(edge: Dependency) -> Dependency:
    """Two sources that are wrong independently are seldom wrong together."""
    confidence = 1.0 - (1.0 - edge.confidence) * (1.0 - SEEN_CONFIDENCE)
    return replace(edge, confidence=confidence, source=f"{edge.source}, {OF_TRAFFIC}")


def _only_seen(target: str) -> Dependency:
    return Dependency(
        target,
        DependencyKind.SOFT,
        SEEN_WEIGHT,
        source=OF_TRAFFIC,
        confidence=SEEN_CONFIDENCE,
    )
