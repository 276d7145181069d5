"""By which names the containers of a project reach each other, as the engine resolves them. Pure.

Called by the files about edges. A name counts only on a network that both are on; on the engine's
default networks nothing is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.runtimes.docker.discovery.container import DEFAULT_NETWORKS, Container
from everup.runtimes.docker.discovery.grouping import Project

_ID_LEAST = 12
_DEPTH_MOST = 8


class Names:
    """Answers who is meant by an id, a container's name, or a host name seen from a container."""

    def __init__(self, project: Project) -> None:
        self._by_id = {one.id: one for one in project.containers}
        self._by_name = {one.name: one for one in project.containers}
        self._service_of = {
            one.id: service for service, copies in project.services.items() for one in copies
        }
        self._on: dict[str, dict[str, set[str]]] = {}
        for service, copies in project.services.items():
            for one in copies:
                self._enter(service, one)

    def _enter(self, service: str, one: Container) -> None:
        for attachment in one.networks:
            if attachment.network in DEFAULT_NETWORKS:
                continue
            index = self._on.setdefault(attachment.network.lower(), {})
            for name in (*attachment.aliases, one.name, *attachment.static_addresses):
                index.setdefault(name.lower(), set()).add(service)

    def container(self, reference: str) -> Container | None:
        """The container of this project with this id, its beginning, or this name."""
        reference = reference.lstrip("/")
        found = self._by_id.get(reference) or self._by_name.get(reference)
        if found is None and len(reference) >= _ID_LEAST:
            begins = [
                one for identity, one in self._by_id.items() if identity.startswith(reference)
            ]
            found = begins[0] if len(begins) == 1 else None
        return found

    def service(self, reference: str) -> str:
        """The service of that container; "" when it is not of this project."""
        found = self.container(reference)
        return "" if found is None else self._service_of[found.id]

    def reachable(self, one: Container) -> Mapping[str, frozenset[str]]:
        """Host name, in small letters → the services that answer to it, seen from this container.

        More than one service for a name: any of them may answer.
        """
        host = self._network_holder(one)
        found: dict[str, set[str]] = {}
        for attachment in host.networks:
            network = attachment.network.lower()
            for name, services in self._on.get(network, {}).items():
                found.setdefault(name, set()).update(services)
                found.setdefault(f"{name}.{network}", set()).update(services)
        for link in (*one.links, *(link for a in one.networks for link in a.links)):
            target, _, alias = link.partition(":")
            if service := self.service(target):
                found.setdefault(alias.rpartition("/")[2].lower(), set()).add(service)
        return {name: frozenset(services) for name, services in found.items() if name}

    def _network_holder(self, one: Container) -> Container:
        """Who holds the network that it lives in: itself, or whoever it shares one with."""
        for _ in range(_DEPTH_MOST):
            other = self.container(one.namespace_of) if one.namespace_of else None
            if other is None or other is one:
                break
            one = other
        return one
