"""Which protocol a service speaks on which port, by the word of those who use it. Pure.

Flows in: a project. Flows out: for each service how others call it, or how a proxy is told to:
`http://backend:8080` in a variable of the front says as much of the backend as its owner could.
Called by `app.strangers`. Only whole names that the engine would resolve count, and only where one
service alone answers to them. Values may be secrets: but scheme and port, nothing comes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.edges_environment import ARGUMENTS_MOST, VARIABLES_MOST
from everup.runtimes.docker.discovery.grouping import Project
from everup.runtimes.docker.discovery.hosts import VALUE_MOST
from everup.runtimes.docker.discovery.names import Names

DEFAULT_PORTS = {"http": 80, "redis": 6379, "postgres": 5432, "postgresql": 5432}
PORT_MOST = 65535
_ADDRESS = re.compile(
    r"(?<![a-z0-9+])(http|redis|postgres|postgresql)://(?:[^/\s@]{0,200}@)?([a-z0-9_.-]+)"
    r"(?::(\d{1,5}))?(?![\w.:@-])",
    re.IGNORECASE,
)
_TRAEFIK = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.(port|scheme)")
_HTTP = "http"


@dataclass(frozen=True, slots=True, order=True)
class Spoken:
    """`scheme` is http, redis or postgres. `source`: who says so, for people."""

    scheme: str
    port: int
    source: str


def spoken(project: Project) -> Mapping[str, tuple[Spoken, ...]]:
    """Service → what is said of it, a proxy's word first, each once."""
    names = Names(project)
    found: dict[str, dict[tuple[str, int], Spoken]] = {name: {} for name in project.services}
    for service, copies in project.services.items():
        for said in _by_proxy(copies[0]):
            found[service].setdefault((said.scheme, said.port), said)
    for service, copies in project.services.items():
        reachable = names.reachable(copies[0])
        for scheme, host, port in _addresses(copies[0]):
            meant = reachable.get(host, frozenset()) - {service}
            if len(meant) == 1:
                said = Spoken(scheme, port, f"{service} calls it so")
                found[next(iter(meant))].setdefault((scheme, port), said)
    return {service: tuple(said.values()) for service, said in found.items()}


def _addresses(one: Container) -> Iterator[tuple[str, str, int]]:
    values = [value for _, value in list(one.env.items())[:VARIABLES_MOST]]
    for value in (*values, *one.command[:ARGUMENTS_MOST]):
        for match in _ADDRESS.finditer(value[:VALUE_MOST]):
            scheme = match[1].lower()
            port = int(match[3]) if match[3] else DEFAULT_PORTS[scheme]
            if 0 < port <= PORT_MOST:
                name = "postgres" if scheme == "postgresql" else scheme
                yield name, match[2].lower().rstrip("."), port


def _by_proxy(one: Container) -> Iterator[Spoken]:
    """What Traefik and nginx-proxy are told of it: where they send HTTP."""
    told = {
        match[1]: value.strip()
        for name, value in one.labels.items()
        if (match := _TRAEFIK.fullmatch(name.lower()))
    }
    if (port := _port(told.get("port", ""))) and told.get("scheme", _HTTP).lower() == _HTTP:
        yield Spoken(_HTTP, port, "its labels for Traefik say so")
    if one.env.get("VIRTUAL_HOST") and one.env.get("VIRTUAL_PROTO", _HTTP).lower() == _HTTP:
        if port := _port(one.env.get("VIRTUAL_PORT", "")):
            yield Spoken(_HTTP, port, "its variable VIRTUAL_PORT says so")


def _port(text: str) -> int:
    is_port = text.isascii() and text.isdigit() and len(text) < 6
    return int(text) if is_port and 0 < int(text) <= PORT_MOST else 0
