"""A HAProxy for a Compose project that has none: its configuration, and the Compose file that adds
it. Pure; called by `everup suggest --router`.

For each service that several copies may do the work of: those that have several now, or are named.
HAProxy asks the engine for their addresses, so that copies come and go by themselves, and listens
for Everup on a socket in a volume. What is not known is a comment for a person to finish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from everup.app.products import tcp_ports
from everup.app.suggest.gather import Close
from everup.app.suggest.written import scalar
from everup.model.stack import ServiceSpec
from everup.runtimes.docker.discovery import Container

FOLDER, COMPOSE_FILE, CONFIGURATION = "everup-router", "compose.router.yml", "haproxy.cfg"
PLACES = 10
FIRST_PORT = 8080
SERVICE = "router"
SOCKET_FOLDER, SOCKET = "/var/lib/haproxy", "admin.sock"
"""A folder that the official image gives to the account that HAProxy runs as."""

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""Of a service; it stands in both files as it is."""

GLOBAL = f"""\
# Written by everup suggest --router for the Compose project {{project}}; it is yours from now on.
global
  log stdout format raw local0
  maxconn 4096
  # Everup tells HAProxy here who is to be spared. Whoever reaches it may do everything to HAProxy.
  stats socket {SOCKET_FOLDER}/{SOCKET} mode 666 level admin
  stats timeout 30s

# The engine's own names: copies that come and go are found within a second.
resolvers engine
  nameserver engine 127.0.0.11:53
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 1s
  timeout retry 500ms
  hold valid 1s
  hold obsolete 2s
  hold nx 2s
  hold refused 2s
  hold timeout 2s
  hold other 2s

defaults
  mode http
  log global
  option httplog
  timeout http-request 10s
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 10s
  timeout check 2s
  # Whoever refuses a connection did not get the request: another one gets it, at once.
  retries 3
  option redispatch 1
  # With a weight of 100 it can be given less by halves and tenths.
  default-server check inter 1s fastinter 500ms fall 2 rise 2 weight 100
  default-server resolvers engine init-addr none
"""

LISTEN = """
listen {backend}
  bind :{bind}
  balance roundrobin
  # Only whether the port is open is checked. Better, with a path that says 200 when it is well:
  # option httpchk GET /health
  server-template {backend} 1-{places} {service}:{port}
"""


@dataclass(frozen=True, slots=True)
class RouterFiles:
    """Two files; `services` are behind it, `left_out` says why others are not."""

    configuration: str
    compose: str
    services: tuple[str, ...]
    left_out: tuple[str, ...]


def router_files(found: Close, named: Sequence[str] = ()) -> RouterFiles:
    """For the services that are named, or for those that have several copies."""
    seen = found.seen
    parts, ports, services, left_out = [], [], list[str](), list[str]()
    for name, spec in sorted(seen.stack.services.items()):
        copies = seen.project.services[name]
        if (named and name not in named) or (not named and len(copies) < 2):
            continue
        if why := _why_not(spec, copies[0]):
            left_out.append(f"{name}: {why}")
            continue
        bind = FIRST_PORT + len(services)
        parts.append(_listen(name, copies[0], bind, max(PLACES, 2 * len(copies))))
        ports.append((name, bind))
        services.append(name)
    networks = sorted(
        {end.network for name in services for end in seen.project.services[name][0].networks}
    )
    project = "".join(c if c.isprintable() else " " for c in seen.project.name)
    return RouterFiles(
        GLOBAL.format(project=project) + "".join(parts),
        _compose(project, ports, networks),
        tuple(services),
        tuple(left_out),
    )


def _why_not(spec: ServiceSpec, first: Container) -> str:
    if not _PLAIN_NAME.fullmatch(spec.name):
        return "its name is none that HAProxy could look up"
    if spec.is_one_shot:
        return "it runs once and ends"
    if spec.is_stateful:
        return "it keeps data, and copies of it are not the same"
    if not tcp_ports(first):
        return "no port of it is known: expose the one that it listens on"
    if not first.networks or first.network_mode in ("host", "none"):
        return "it is on no network on which the engine knows its name"
    return ""


def _listen(name: str, first: Container, bind: int, places: int) -> str:
    port = tcp_ports(first)[0]
    return LISTEN.format(backend=name, bind=bind, places=places, service=name, port=port)


def _compose(project: str, ports: Sequence[tuple[str, int]], networks: Sequence[str]) -> str:
    """Laid over the owner's own files. Networks by their real names: they are there already."""
    lines = [
        "# Suggested by everup suggest --router. Lay it over your own files with one more -f.",
        "# Everup in a container: mount the volume too, and set",
        "#   EVERUP_ROUTER=unix:///run/router/admin.sock   with   - router:/run/router",
        "# Everup on the host, as root:",
        f"#   EVERUP_ROUTER=unix:///var/lib/docker/volumes/{project}_router/_data/{SOCKET}",
        "services:",
        f"  {SERVICE}:",
        "    image: haproxy:lts",
        "    restart: unless-stopped",
        "    volumes:",
        f"      - ./{CONFIGURATION}:/usr/local/etc/haproxy/{CONFIGURATION}:ro",
        f"      - router:{SOCKET_FOLDER}",
        "    # What your users, or other services, use from now on in place of the service itself.",
        "    # Take the service's own ports: away: several copies cannot share a port of the host.",
        "    ports:",
        *(f'      - "127.0.0.1:{bind}:{bind}"  # {name}' for name, bind in ports),
        "    networks:",
        *(f"      {_alias(number)}: {{}}" for number, _ in enumerate(networks)),
        "networks:",
        *(
            line
            for number, network in enumerate(networks)
            for line in (
                f"  {_alias(number)}:",
                "    external: true",
                f"    name: {scalar(network)}",
            )
        ),
        "volumes:",
        "  router: {}",
    ]
    return "\n".join(lines) + "\n"


def _alias(number: int) -> str:
    return f"of-services-{number + 1}"
