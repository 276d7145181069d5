"""What may be done to a service's containers, and what may not, as data. Pure; called by `build`.

The names of the reasons are those of SAFETY's rules on scaling out and on recreating. What cannot
be read from `docker inspect` (the writable layer, a router) is for whoever acts to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from everup.model.scaling import Obstacle, Refusal, Spread
from everup.runtimes.docker.discovery.container import (
    DEFAULT_NETWORKS,
    Container,
    OwnerCheck,
    PublishedPort,
)
from everup.runtimes.docker.discovery.grouping import Project, ProjectKind
from everup.runtimes.docker.discovery.names import Names
from everup.runtimes.docker.discovery.statefulness import holds_data


@dataclass(frozen=True, slots=True)
class Traits:
    """One service as it is on the engine. The first container is the one that stands for it."""

    service: str
    container_ids: tuple[str, ...]
    container_names: tuple[str, ...]
    superseded: tuple[str, ...]  # ids: a newer container has the same number
    image: str
    image_id: str
    restart_policy: str  # no, always, unless-stopped, on-failure
    restarts_most: int
    aliases: tuple[str, ...]
    networks: tuple[str, ...]
    ports: tuple[PublishedPort, ...]
    check: OwnerCheck | None
    has_fixed_name: bool
    product: str = ""  # a known database, queue or cache
    managed_by: str = ""
    stateful_because: tuple[str, ...] = ()
    one_shot_because: str = ""
    is_awaited: bool = False  # somebody waits for its successful end
    no_scale_out: tuple[Refusal, ...] = ()
    no_recreate: tuple[str, ...] = ()
    stop_first_because: tuple[str, ...] = ()  # a recreate may not run old and new side by side
    network_of: str = ""  # the service whose network it uses
    network_is_lost: bool = False  # … and whose container was replaced: it needs recreate
    network_children: tuple[str, ...] = ()  # services that use its network
    anonymous_volumes: tuple[str, ...] = ()  # their targets
    consents_by_autoheal: bool = False
    handled_by_autoheal: str = ""  # the autoheal container beside us that restarts it


def expected_names(project: str, service: str, number: int) -> frozenset[str]:
    """What Compose 1 and 2 call a copy that its owner gave no name."""
    return frozenset(f"{project}{mark}{service}{mark}{number}" for mark in "_-")


def has_fixed_name(project: Project, service: str, copies: Sequence[Container]) -> bool:
    """Was `container_name` set? While Compose replaces one, it puts a short id before its name."""
    if project.kind is not ProjectKind.COMPOSE:
        return True
    for one in copies:
        names = expected_names(one.project, service, one.number or 1)
        head, mark, tail = one.name.partition("_")
        is_on_its_way = bool(mark) and len(head) == 12 and tail in names
        if one.name not in names and not is_on_its_way:
            return True
    return False


def no_scale_out(
    project: Project, service: str, copies: Sequence[Container], children: Sequence[str]
) -> tuple[Refusal, ...]:
    """Why no copy may be added; empty when nothing that can be seen forbids it."""
    found: list[tuple[Obstacle, str]] = []
    if project.kind is ProjectKind.STANDALONE:
        text = "not of a Compose project: a copy would belong to nothing"
        found.append((Obstacle.NOT_COMPOSED, text))
    elif has_fixed_name(project, service, copies):
        text = "container_name is set, and two cannot be called so"
        found.append((Obstacle.CONTAINER_NAME, text))
    for one in copies:
        found += _of_one(one)
    if children:
        text = f"its network is used by {', '.join(children[:3])}"
        found.append((Obstacle.NETWORK_LENT, text))
    if project.managed_by:
        found.append((Obstacle.MANAGED, f"{project.managed_by} manages it"))
    return tuple(Refusal(name, text) for name, text in dict.fromkeys(found))


def _of_one(one: Container) -> Iterator[tuple[Obstacle, str]]:
    for port in one.ports:
        if port.host_port:
            yield Obstacle.FIXED_HOST_PORT, f"port {port.host_port} of the host is taken by it"
    if any(attachment.static_addresses for attachment in one.networks):
        yield Obstacle.STATIC_ADDRESS, "it has a static address"
    if one.network_mode == "host":
        yield Obstacle.HOST_NETWORK, "it uses the host's network"
    if one.network_mode.startswith(("container:", "service:")):
        yield Obstacle.SERVICE_NETWORK, "it uses another container's network"
    for mount in one.mounts:
        if holds_data(mount) and not mount.is_anonymous:
            text = f"copies would share {mount.target} and write to it"
            yield Obstacle.SHARED_WRITABLE_MOUNT, text
    if one.has_devices:
        yield Obstacle.DEVICE, "it uses devices of the host"
    if one.is_auto_removed:
        yield Obstacle.AUTO_REMOVED, "it was started with --rm"


def spread_of(copies: Sequence[Container]) -> Spread:
    """On a network of its own the engine's names mean all copies; on the default one there are
    none."""
    is_named = any(net.network not in DEFAULT_NETWORKS for one in copies for net in one.networks)
    return Spread.DNS if is_named else Spread.NONE


def no_recreate(project: Project, copies: Sequence[Container]) -> tuple[str, ...]:
    """Why it may not be replaced by a fresh container of the same configuration."""
    found = []
    if any(one.is_auto_removed for one in copies):
        found.append("it was started with --rm: stopping it removes it")
    if project.managed_by:
        found.append(f"{project.managed_by} manages it")
    return tuple(found)


def stop_first(copies: Sequence[Container]) -> tuple[str, ...]:
    """Why the old container must be stopped before the new one starts."""
    found = []
    for one in copies:
        found += ["published ports"] if any(port.host_port for port in one.ports) else []
        found += ["the host's network"] if one.network_mode == "host" else []
        found += ["devices"] if one.has_devices else []
        found += ["writable mounts"] if any(map(holds_data, one.mounts)) else []
        found += ["a static address"] if any(a.static_addresses for a in one.networks) else []
        found += ["another's network"] if one.namespace_of else []
    return tuple(dict.fromkeys(found))


def network_of(
    copies: Sequence[Container], names: Names, declared: str, known_ids: Iterable[str]
) -> tuple[str, bool]:
    """(service whose network it uses, whether that container is gone).

    `known_ids` are all containers of the engine: the other one may be of another project.
    """
    for one in copies:
        if other := one.namespace_of:
            service = names.service(other)
            is_elsewhere = any(identity.startswith(other) for identity in known_ids)
            return service or declared, not service and not is_elsewhere
    return "", False


def superseded(copies: Sequence[Container]) -> tuple[str, ...]:
    """The ids of copies whose number a newer container has: a replacement is under way."""
    seen: set[int] = set()
    found = []
    for one in copies:
        if one.number and one.number in seen:
            found.append(one.id)
        seen.add(one.number)
    return tuple(found)
