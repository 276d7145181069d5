"""Who has connections to whom among the containers: their socket tables, and addresses.

Flows in: containers, and the rows of those that could be looked at. Flows out: `Connections`. Pure.
What an end of a connection shows is enough: who listens on its own port was called, who does not
has called. A closed one is listed for a minute by the side that closed it first, so that short ones
are seen too. Containers without a network of their own cannot be told from who shares it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from everup.model.edges import Connections
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.socket_table import GONE, LISTENS, Row

SHARED = "it has no network of its own"
HIDDEN = "its socket table cannot be read from here"
SHARES = ("host", "container:")


def connections(
    containers: Sequence[Container], rows: Mapping[str, Sequence[Row]], at_s: float
) -> Connections:
    """Between services; a service with one container that was looked at counts as seen."""
    running = [one for one in containers if one.is_running]
    shared = {_mode(one).partition(":")[2] for one in running if _shares(one)}
    owners = {
        address: one.service
        for one in running
        if not _shares(one) and one.id not in shared
        for address in _addresses(one)
    }
    seen: dict[tuple[str, str], int] = {}
    unseen: dict[str, str] = {}
    looked_at: set[str] = set()
    for one in running:
        found = rows.get(one.id)
        if found is None:
            unseen[one.service] = SHARED if _shares(one) or one.id in shared else HIDDEN
            continue
        looked_at.add(one.service)
        listening = {row.local_port for row in found if row.state == LISTENS}
        for row in found:
            other = owners.get(row.remote)
            if row.state in (LISTENS, GONE) or other is None or other == one.service:
                continue
            called = row.local_port in listening
            edge = (other, one.service) if called else (one.service, other)
            seen[edge] = seen.get(edge, 0) + 1
    return Connections(
        at_s, seen, {name: why for name, why in unseen.items() if name not in looked_at}
    )


def _mode(one: Container) -> str:
    return str(section(one.document, "HostConfig").get("NetworkMode") or "")


def _shares(one: Container) -> bool:
    return _mode(one).startswith(SHARES)


def _addresses(one: Container) -> list[IPv4Address | IPv6Address]:
    networks = section(section(one.document, "NetworkSettings"), "Networks")
    found = []
    for name in networks:
        attached = section(networks, name)
        for field in ("IPAddress", "GlobalIPv6Address"):
            try:
                found.append(ip_address(str(attached.get(field) or "")))
            except ValueError:
                continue
    return found
