"""All edges of a project, from every source, one for each pair. Pure; called by `build`.

What an `everup.depends_on` label says goes over everything for the services that it names. Else the
surest source wins, and what several say with the same certainty is taken together. Itself, and what
is no service of the project, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from everup.model.kinds import DependencyKind
from everup.model.stack import Dependency
from everup.runtimes.docker.discovery.compose_file import ComposeFiles
from everup.runtimes.docker.discovery.edges_declared import (
    SOFT_WEIGHT,
    declared_edges,
    engine_edges,
)
from everup.runtimes.docker.discovery.edges_environment import environment_edges
from everup.runtimes.docker.discovery.grouping import Project
from everup.runtimes.docker.discovery.names import Names
from everup.runtimes.docker.discovery.notes import Note

CRITICAL_CONFIDENCE = 0.8
SOURCES_MOST = 3
NO_NAMES: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Edges:
    """What each service needs, and what to tell people of it."""

    by_service: Mapping[str, tuple[Dependency, ...]]
    notes: tuple[Note, ...] = ()


def find_edges(
    project: Project,
    files: ComposeFiles,
    labelled: Mapping[str, tuple[Dependency, ...]],
    refused: Mapping[str, frozenset[str]],
    products: frozenset[str],
    critical: Mapping[str, frozenset[str]] = NO_NAMES,
) -> Edges:
    """Edges of all services.

    `labelled`, `refused` and `critical` come from labels: edges that are declared, those that are
    not to be, and which of a service's carry a breaker, where its owner said so; `products` are the
    services that are known databases, queues and caches, which decide it elsewhere.
    """
    names = Names(project)
    written: dict[str, list[Dependency]] = {}
    guessed: dict[str, list[Dependency]] = {}
    for service, copies in project.services.items():
        first = copies[0]
        declared = declared_edges(first, files.services.get(service), files.source)
        written[service] = [*declared, *engine_edges(first, names)]
        guessed[service] = list(environment_edges(first, names.reachable(first)))
    notes: list[Note] = []
    found = {}
    for service in project.services:
        edges = [*written[service], *_never_back(service, guessed[service], written)]
        overruled = {edge.target for edge in labelled.get(service, ())} | refused.get(
            service, frozenset()
        )
        kept = [edge for edge in edges if edge.target not in overruled]
        kept += labelled.get(service, ())
        unknown = {edge.target for edge in kept} - project.services.keys()
        notes += [_unknown(service, target) for target in sorted(unknown)]
        said = critical.get(service)
        strange = () if said is None else sorted(said - {edge.target for edge in kept})
        notes += [_no_edge(service, target) for target in strange]
        usable = [edge for edge in kept if edge.target not in unknown | {service}]
        found[service] = _merged(usable, products, said)
    return Edges(found, tuple(notes))


def _never_back(
    service: str, guessed: Iterable[Dependency], written: Mapping[str, Iterable[Dependency]]
) -> Iterable[Dependency]:
    """A guess against the direction that somebody wrote down is soft: knowing the address of one's
    caller is no need, and a hard circle would leave no order in which to heal."""
    for edge in guessed:
        if edge.kind is DependencyKind.HARD and service in _needed_by(edge.target, written):
            weight = SOFT_WEIGHT * edge.confidence
            edge = replace(edge, kind=DependencyKind.SOFT, weight=weight)
        yield edge


def _needed_by(start: str, written: Mapping[str, Iterable[Dependency]]) -> set[str]:
    """All that `start` needs, directly or not, by what is written."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for edge in written.get(waiting.pop(), ()):
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return seen


def _merged(
    edges: Iterable[Dependency], products: frozenset[str], said: frozenset[str] | None
) -> tuple[Dependency, ...]:
    by_target: dict[str, list[Dependency]] = {}
    for edge in edges:
        by_target.setdefault(edge.target, []).append(edge)
    merged = (_one(by_target[target], products) for target in sorted(by_target))
    if said is None:
        return tuple(merged)
    return tuple(replace(edge, is_critical=edge.target in said) for edge in merged)


def _one(edges: list[Dependency], products: frozenset[str]) -> Dependency:
    surest = max(edge.confidence for edge in edges)
    best = [edge for edge in edges if edge.confidence == surest]
    hard = [edge for edge in best if edge.kind is DependencyKind.HARD]
    strongest = max(hard or best, key=lambda edge: edge.weight)
    sources = list(dict.fromkeys(edge.source for edge in best))
    return replace(
        strongest,
        source=", ".join(sources[:SOURCES_MOST]),
        is_critical=strongest.target in products and surest >= CRITICAL_CONFIDENCE,
    )


def _no_edge(service: str, target: str) -> Note:
    text = f"everup.critical names '{target}', which it does not depend on"
    return Note(service, text, "name it in everup.depends_on too", is_mistake=True)


def _unknown(service: str, target: str) -> Note:
    return Note(
        service,
        f"depends on '{target}', which is no service that is watched here; that is left out",
    )
