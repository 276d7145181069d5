"""Dependencies that somebody wrote down, or that the engine enforces. Pure; called by `edges`.

Compose's `depends_on` only orders the start, and says nothing of what is needed later. It is taken
for a hard dependency all the same: whoever waits for a database before it starts rarely lives
without it, and taking a victim for a root would restart what is not sick. `required: false` says
the opposite, so that is soft.
"""

from __future__ import annotations

from collections.abc import Iterator

from everup.model.kinds import DependencyKind
from everup.model.stack import Dependency
from everup.runtimes.docker.discovery.compose_file import (
    COMPLETED,
    DEPENDS_ON_LABEL,
    STARTED,
    Declared,
)
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.names import Names

OF_LABEL = "depends_on"
OF_NAMESPACE = "network namespace"
OF_LINK = "link"
OF_VOLUMES = "volumes_from"
SOFT_WEIGHT = 0.5
_NEEDS_MOST = 200


def label_conditions(one: Container) -> dict[str, str] | None:
    """Target → condition from Compose 2's label; None when it left none.

    Written as `db:service_healthy:false,cache:service_started:true`, at first as names alone.
    """
    if DEPENDS_ON_LABEL not in one.labels:
        return None
    found = {}
    for part in one.compose("depends_on").split(",")[:_NEEDS_MOST]:
        target, condition, *_ = [*part.strip().split(":"), ""]
        if target:
            found[target] = condition or STARTED
    return found


def declared_edges(one: Container, declared: Declared | None, source: str) -> list[Dependency]:
    """Edges from the label, or else from the Compose files."""
    conditions = label_conditions(one)
    if conditions is not None:
        return [_hard(target, OF_LABEL) for target in conditions]
    if declared is None:
        return []
    found = [
        _hard(need.target, f"{need.field} in {source}")
        if need.is_required
        else _soft(need.target, f"{need.field} in {source}")
        for need in declared.needs.values()
    ]
    if declared.network_of:
        found.append(_hard(declared.network_of, OF_NAMESPACE))
    return found + [_soft(target, OF_VOLUMES) for target in declared.volumes_from]


def engine_edges(one: Container, names: Names) -> Iterator[Dependency]:
    """Edges that the engine itself holds up: a shared network namespace, links, shared volumes."""
    if one.namespace_of and (target := names.service(one.namespace_of)):
        yield _hard(target, OF_NAMESPACE)
    for link in (*one.links, *(link for a in one.networks for link in a.links)):
        if target := names.service(link.partition(":")[0]):
            yield _hard(target, OF_LINK)
    for written in one.volumes_from:
        if target := names.service(written.partition(":")[0]):
            yield _soft(target, OF_VOLUMES)


def waits_for_end(one: Container, declared: Declared | None) -> frozenset[str]:
    """The services whose successful end this one waits for."""
    conditions = label_conditions(one)
    if conditions is None and declared is not None:
        conditions = {need.target: need.condition for need in declared.needs.values()}
    return frozenset(t for t, condition in (conditions or {}).items() if condition == COMPLETED)


def _hard(target: str, source: str) -> Dependency:
    return Dependency(target, DependencyKind.HARD, 1.0, source=source)


def _soft(target: str, source: str) -> Dependency:
    return Dependency(target, DependencyKind.SOFT, SOFT_WEIGHT, source=source)
