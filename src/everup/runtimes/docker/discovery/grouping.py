"""All containers of an engine → the projects that people have there. Pure.

Called by whoever looks at the engine, with the documents of `docker inspect`. A Compose project is
one project. Containers that were started by hand are together in one project, `standalone`: each is
a service of its own, named like the container, and a host with twenty of them asks one question
rather than twenty. What an orchestrator or platform made is grouped by that, and only observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import is_known
from everup.model.stack import NO_WORDS
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.managers import (
    is_pause,
    managed_group,
    managed_service,
    manager_of,
)
from everup.runtimes.docker.discovery.reading import read_container

STANDALONE = "standalone"
OWN_LABEL = "everup.own"
_ID_LEAST = 12


class ProjectKind(StrEnum):
    """What holds a project together."""

    COMPOSE = "compose"
    STANDALONE = "standalone"
    MANAGED = "managed"


@dataclass(frozen=True, slots=True)
class Project:
    """Services that belong together, each with its containers, the first copy first.

    `own` are Everup's containers and its helpers': they are in no service. Neither are `one_offs`.
    """

    name: str
    kind: ProjectKind
    services: Mapping[str, tuple[Container, ...]]
    managed_by: str = ""
    own: tuple[Container, ...] = ()
    one_offs: tuple[Container, ...] = ()
    working_dir: str = ""
    config_files: tuple[str, ...] = ()  # as the label says: Compose 1 writes them relative

    @property
    def containers(self) -> tuple[Container, ...]:
        """All containers of all services."""
        return tuple(one for copies in self.services.values() for one in copies)


@dataclass(slots=True)
class _Growing:
    kind: ProjectKind
    services: dict[str, list[Container]] = field(default_factory=dict)
    own: list[Container] = field(default_factory=list)
    one_offs: list[Container] = field(default_factory=list)
    managers: set[str] = field(default_factory=set)


def read_containers(documents: Iterable[object]) -> tuple[Container, ...]:
    """The containers of these documents, each id once, by name."""
    found: dict[str, Container] = {}
    for document in documents:
        container = read_container(document)
        if container is not None and container.lived.status not in {"removing", "dead"}:
            found[container.id] = container
    return tuple(sorted(found.values(), key=lambda one: (one.name, one.id)))


def is_own(container: Container, own_id: str = "") -> bool:
    """Is this Everup, or a helper of it? `own_id` may be the short form, as a hostname has it."""
    if container.labels.get(OWN_LABEL, "").strip().lower() not in NO_WORDS:
        return True
    return len(own_id) >= _ID_LEAST and container.id.startswith(own_id)


def projects(containers: Iterable[Container], own_id: str = "") -> tuple[Project, ...]:
    """The projects on this engine, by kind and name."""
    growing: dict[tuple[ProjectKind, str], _Growing] = {}
    for one in containers:
        if is_pause(one):
            continue
        manager = manager_of(one)
        kind, name, service = _place(one, manager)
        group = growing.setdefault((kind, name), _Growing(kind))
        if is_own(one, own_id):
            group.own.append(one)
        elif one.is_one_off:
            group.one_offs.append(one)
        else:
            group.services.setdefault(service, []).append(one)
            group.managers |= {manager} - {""}
    names = _unique(growing)
    order = tuple(ProjectKind)
    return tuple(
        _finished(names[key], growing[key])
        for key in sorted(growing, key=lambda key: (order.index(key[0]), key[1]))
    )


def _place(one: Container, manager: str) -> tuple[ProjectKind, str, str]:
    """(kind, project, service) that this container belongs to."""
    if one.project:
        return ProjectKind.COMPOSE, one.project, one.service or one.name
    if manager:
        return ProjectKind.MANAGED, managed_group(one, manager), managed_service(one)
    return ProjectKind.STANDALONE, STANDALONE, one.name


def _unique(keys: Iterable[tuple[ProjectKind, str]]) -> dict[tuple[ProjectKind, str], str]:
    """A name for each group. A Compose project keeps its own, whoever else is called so."""
    keys = list(keys)
    compose = {name for kind, name in keys if kind is ProjectKind.COMPOSE}
    named: dict[tuple[ProjectKind, str], str] = {}
    taken = set(compose)
    for kind, name in sorted(keys, key=lambda key: (key[0], key[1])):
        fresh = name
        while kind is not ProjectKind.COMPOSE and fresh in taken:
            fresh += "-containers"
        taken.add(fresh)
        named[kind, name] = fresh
    return named


def _finished(name: str, group: _Growing) -> Project:
    everyone = [*(one for copies in group.services.values() for one in copies), *group.own]
    newest = max(everyone, key=_age_key, default=None)
    files = newest.compose("project.config_files") if newest else ""
    return Project(
        name=name,
        kind=group.kind,
        services={
            service: tuple(sorted(copies, key=_copy_key))
            for service, copies in sorted(group.services.items())
        },
        managed_by=", ".join(sorted(group.managers)),
        own=tuple(group.own),
        one_offs=tuple(group.one_offs),
        working_dir=newest.compose("project.working_dir") if newest else "",
        config_files=tuple(part.strip() for part in files.split(",") if part.strip()),
    )


def _copy_key(one: Container) -> tuple[int, float, str]:
    """By number; of two with one number (a replacement under way) the newer one first."""
    number, (created_at, name) = one.number, _age_key(one)
    return number, -created_at, name


def _age_key(one: Container) -> tuple[float, str]:
    return (one.lived.created_at if is_known(one.lived.created_at) else 0.0, one.name)
