"""How to ask a service of which nobody declared it: by what it is known for certain to speak. Pure.

Flows in: what was found of a project. Flows out: for each service a probe of origin `inferred`, or
why there is none. Called by `discover`. Nothing is ever sent to a port whose protocol is a guess,
no network is joined, no password is needed or tried. Such a probe counts with care: see
`loop.proven`, `signals.probes.stranger` and `dependency_monitor.causes`.

What is certain: a known program in its official image, as far as nothing in its settings speaks
against it; the address by which another service calls it; the port that a proxy is told; a known
product whose image listens on that product's own port; HTTP on port 80.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.app.products import BY_REPOSITORY, doubt, port_of, tcp_ports
from everup.model.stack import NEAR_MARK, ProbeOrigin, ProbeSpec
from everup.runtimes.docker.discovery import Container, Discovered, Traits
from everup.runtimes.docker.discovery.images import split_image
from everup.runtimes.docker.discovery.spoken import Spoken, spoken

HTTP_INTERVAL_S = 10.0
"""A page may cost more than a PING, and is written down in the other side's log."""

HTTP_PORT = 80
OWN_PORTS = {"Redis": ("redis", 6379), "PostgreSQL": ("postgres", 5432)}
OWN_PORTS |= {"Memcached": ("memcached", 11211)}
PORT_VARIABLES = frozenset({"PGPORT", "REDIS_PORT", "REDIS_PORT_NUMBER", "POSTGRESQL_PORT_NUMBER"})
NO_NETWORK = frozenset({"none", "host"})
CHECK_IS_OFF = "its owner has switched the healthcheck off"
UNKNOWN_PROTOCOL = "nothing says for certain what it speaks"


def strangers(seen: Discovered) -> Mapping[str, ProbeSpec | str]:
    """Service → its probe, or why there is none; whoever has a way of its own is left out."""
    heard = spoken(seen.project)
    found: dict[str, ProbeSpec | str] = {}
    for name, spec in seen.stack.services.items():
        traits = seen.traits[name]
        if spec.is_one_shot or spec.probe is not None or traits.check is not None:
            continue
        first = seen.project.services[name][0]
        found[name] = spec.unasked_because or _of(first, traits, heard.get(name, ()))
    return found


def _of(first: Container, traits: Traits, heard: tuple[Spoken, ...]) -> ProbeSpec | str:
    if traits.managed_by:
        return f"{traits.managed_by} manages it"
    if first.is_check_off:
        return CHECK_IS_OFF
    if traits.network_of or first.network_mode in NO_NETWORK or first.namespace_of:
        return "it has no network of its own to be asked on"
    for said in (
        _by_recipe(first),
        *_by_others(heard),
        _by_product(first, traits),
        _by_port(first),
    ):
        if said is not None:
            return said
    return UNKNOWN_PROTOCOL


def _by_recipe(first: Container) -> ProbeSpec | None:
    """A known image that runs its own program, and nothing that moves it elsewhere."""
    recipe = BY_REPOSITORY.get(split_image(first.image).repository)
    if recipe is None or not recipe.asks or doubt(recipe, first):
        return None
    port, odd = port_of(recipe, first)
    if odd or PORT_VARIABLES.intersection(first.env):
        return None
    head, slash, path = recipe.asks.partition("/")
    protocol, _, own_port = head.partition(":")
    return _probe(protocol, int(own_port) if own_port else port, slash + path)


def _by_others(heard: tuple[Spoken, ...]) -> tuple[ProbeSpec | None, ...]:
    """Where they do not agree on a port, each of them is right: the first one."""
    return tuple(_probe(one.scheme, one.port) for one in sorted(heard))[:1]


def _by_product(first: Container, traits: Traits) -> ProbeSpec | None:
    protocol, port = OWN_PORTS.get(traits.product, ("", 0))
    if port not in first.exposed or PORT_VARIABLES.intersection(first.env):
        return None
    is_moved = any("port" in word.lower() or "tls" in word.lower() for word in first.command[1:])
    return (
        None
        if is_moved or BY_REPOSITORY.get(split_image(first.image).repository)
        else _probe(protocol, port)
    )


def _by_port(first: Container) -> ProbeSpec | None:
    return _probe("http", HTTP_PORT) if HTTP_PORT in tcp_ports(first) else None


def _probe(protocol: str, port: int, path: str = "/") -> ProbeSpec | None:
    target = f"{NEAR_MARK}:{port}"
    if protocol == "http":
        url = f"http://{target}{path or '/'}"
        return ProbeSpec(http=url, interval_s=HTTP_INTERVAL_S, origin=ProbeOrigin.INFERRED)
    if protocol == "redis":
        return ProbeSpec(redis=target, origin=ProbeOrigin.INFERRED)
    if protocol == "postgres":
        return ProbeSpec(postgres=target, origin=ProbeOrigin.INFERRED)
    if protocol == "memcached":
        return ProbeSpec(memcached=target, origin=ProbeOrigin.INFERRED)
    return None
