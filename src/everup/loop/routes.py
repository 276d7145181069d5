"""Which servers of the router are which instances, and whom it can do without. Pure.

Flows in: a service's declaration, its instances, the router's listing, what is held. Flows out:
servers by instance. Called by `traffic`. A server is an instance's by its declared name, by its
address, or because we hold it for that instance: whoever was made anew may be elsewhere now.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from everup.model.observation import Instance
from everup.model.routing import (
    INSTANCE_MARK,
    NUMBER_MARK,
    Held,
    RoutedServer,
    RouterListing,
    ServerName,
)
from everup.model.stack import ServiceSpec

LOOPBACK = ("127.0.0.1", "::1")
_NUMBER = re.compile(r"(\d+)(?!.*\d)")


def servers_of(
    spec: ServiceSpec,
    instances: Sequence[Instance],
    listing: RouterListing,
    held: Sequence[Held] = (),
) -> dict[str, tuple[RoutedServer, ...]]:
    """Instance → its servers; those without one are not in it."""
    ours = {h.server: h.instance for h in held if h.service == spec.name and not h.because}
    group = spec.route.group if spec.route is not None else ""
    found: dict[str, list[RoutedServer]] = {}
    for server in listing.servers:
        if group and server.name.group != group:
            continue
        name = ours.get(server.name)
        if name is None:
            name = next((i.name for i in instances if _is_its(spec, i, server)), None)
        if name is not None:
            found.setdefault(name, []).append(server)
    return {name: tuple(servers) for name, servers in found.items()}


class Candidates:
    """The servers of one listing that may be a service's at all: where there are a thousand of
    each, nobody compares all with all. `servers_of` finds the same among them."""

    def __init__(self, listing: RouterListing, held: Sequence[Held]) -> None:
        self._listing, self._held = listing, held
        self._groups: dict[str, list[RoutedServer]] = {}
        self._addresses: dict[str, list[RoutedServer]] = {}
        for server in listing.servers:
            self._groups.setdefault(server.name.group, []).append(server)
            self._addresses.setdefault(server.address, []).append(server)
        names = {server.name: server for server in listing.servers}
        self._ours: dict[str, list[RoutedServer]] = {}
        for one in held:
            if one.server in names:
                self._ours.setdefault(one.service, []).append(names[one.server])

    def servers_of(
        self, spec: ServiceSpec, instances: Sequence[Instance]
    ) -> dict[str, tuple[RoutedServer, ...]]:
        """As the function of this name."""
        route = spec.route
        if route is not None and route.group:
            found = self._groups.get(route.group, [])
        elif route is not None and route.server:
            return servers_of(spec, instances, self._listing, self._held)
        else:
            at = dict.fromkeys(
                a for i in instances for a in ([i.address] if i.address else LOOPBACK)
            )
            near = [server for address in at for server in self._addresses.get(address, ())]
            both = {server.name: server for server in (*near, *self._ours.get(spec.name, ()))}
            found = list(both.values())
        mine = replace(self._listing, servers=tuple(found))
        return servers_of(spec, instances, mine, self._held if spec.name in self._ours else ())


def group_of(
    spec: ServiceSpec, servers: Mapping[str, Sequence[RoutedServer]]
) -> tuple[str, RoutedServer | None]:
    """The one group that the service is in, with one of its servers to go by; "": none, or several,
    and nobody can tell where another instance would belong."""
    known = [server for each in servers.values() for server in each]
    groups = {server.name.group for server in known}
    if len(groups) != 1:
        return "", None
    return known[0].name.group, min(known, key=lambda server: server.name)


def is_needed(servers: Collection[RoutedServer], listing: RouterListing) -> str:
    """The group that would be left without a server that takes requests; "" when none would."""
    names = {server.name for server in servers}
    for group in sorted({server.name.group for server in servers if server.takes}):
        others = [s for s in listing.servers if s.name.group == group and s.name not in names]
        if not any(other.takes for other in others):
            return group
    return ""


def leads_to(spec: ServiceSpec, instance: Instance, server: RoutedServer) -> bool:
    """Is this the instance's own address?"""
    addresses = (instance.address,) if instance.address else LOOPBACK
    if not server.address or server.address not in addresses:
        return False
    port = instance.port or (spec.route.port if spec.route is not None else 0)
    return not port or not server.port or port == server.port


def added_name(instance: Instance) -> str:
    """How a server is called that its configuration does not name."""
    return "everup-" + re.sub(r"[^A-Za-z0-9_.-]", "-", instance.name)[:100]


def _is_its(spec: ServiceSpec, instance: Instance, server: RoutedServer) -> bool:
    template = spec.route.server if spec.route is not None else ""
    if template and server.name != ServerName(server.name.group, added_name(instance)):
        return server.name.name == _filled(template, instance)
    if not instance.address and not instance.port:
        return False
    return leads_to(spec, instance, server)


def _filled(template: str, instance: Instance) -> str:
    number = _NUMBER.search(instance.name)
    filled = template.replace(NUMBER_MARK, number[1] if number is not None else "")
    return filled.replace(INSTANCE_MARK, instance.name)
