"""Our own container as its engine describes it: how its port is published, who is the host.

Flows in: the engine's documents. Flows out: a `Home`. Asks the engine a few times, within a bound,
and changes nothing; what cannot be known is said, and then nobody counts as local.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from everup.app.access.own import own_ids
from everup.model.errors import EverupError

if TYPE_CHECKING:
    from everup.runtimes.docker.engine import Engine  # takes long to load, and hosts need none

LOOK_WITHIN_S = 10.0
NETWORKS_MOST = 16
NAMES_MOST = 32
SERVICE_LABEL = "com.docker.compose.service"
SWARM_LABEL = "com.docker.swarm.service.name"
WITHOUT_GATEWAY = "com.docker.network.bridge.inhibit_ipv4"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Binding:
    """A place on the host that leads to our port. `address` "" is every address."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge network that we are on. `gateways`: the host's own addresses there, from which it
    reaches us and through which come those who call a port that is published on loopback."""

    name: str
    network: str  # its id
    gateways: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """Our container, by name and `id`. `problem`: why the rest is not known. `shares`: whose
    network we live in, if it is not our own."""

    container: str
    id: str = ""
    bindings: tuple[Binding, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    names: tuple[str, ...] = ()
    shares: str = ""
    is_of_swarm: bool = False
    problem: str = ""

    @property
    def gateways(self) -> tuple[str, ...]:
        """The host's addresses on all of them."""
        return tuple(dict.fromkeys(one for bridge in self.bridges for one in bridge.gateways))


async def look_at_home(port: int, door: Engine | None = None) -> Home | None:
    """Where we are; None when this is no container."""
    ids = own_ids()
    if not ids:
        return None
    from everup.runtimes.docker.engine import Engine

    engine = door or Engine()
    try:
        async with asyncio.timeout(LOOK_WITHIN_S):
            await engine.open()
            return await _look(engine, ids, port)
    except TimeoutError:
        return Home(ids[0][:12], problem=f"the engine did not answer in {LOOK_WITHIN_S:g} s")
    except EverupError as error:
        return Home(ids[0][:12], problem=str(error))
    finally:
        await engine.close()


async def _look(engine: Engine, ids: tuple[str, ...], port: int) -> Home:
    from everup.runtimes.docker.engine import Gone

    for one in ids:
        try:
            document = await engine.get(f"containers/{one}/json")
        except Gone:
            continue
        networks = [await _network(engine, a) for a in attachments(document)[:NETWORKS_MOST]]
        return home_of(document, networks, port)
    return Home(ids[0][:12], problem="no container of this engine is this one")


async def _network(engine: Engine, attachment: Document) -> Document:
    from everup.runtimes.docker.engine import Gone

    try:
        found: Document = await engine.get(f"networks/{attachment.get('NetworkID')}")
    except Gone:
        return {}
    return found


def attachments(document: Document) -> list[Document]:
    """How the container hangs on each of its networks."""
    networks = (document.get("NetworkSettings") or {}).get("Networks") or {}
    return [one for one in networks.values() if isinstance(one, dict)]


def home_of(document: Document, networks: list[Document], port: int) -> Home:
    """The same from documents: the container's, and those of its networks in their order. Pure."""
    config, host = document.get("Config") or {}, document.get("HostConfig") or {}
    labels = config.get("Labels") or {}
    name = str(document.get("Name") or "").lstrip("/") or str(document.get("Id"))[:12]
    kind = str(host.get("NetworkMode") or "")
    shares = "the host" if kind == "host" else "another container"
    names = [name, str(labels.get(SERVICE_LABEL) or ""), str(config.get("Hostname") or "")]
    bridges: list[Bridge] = []
    for attachment, network in zip(attachments(document), networks, strict=False):
        names += [*(attachment.get("Aliases") or ()), *(attachment.get("DNSNames") or ())]
        if _is_of_the_host(network):
            addresses = (attachment.get("Gateway"), attachment.get("IPv6Gateway"))
            found = tuple(str(one) for one in addresses if one)
            bridges.append(Bridge(str(network.get("Name")), str(network.get("Id")), found))
    return Home(
        name,
        id=str(document.get("Id") or ""),
        bindings=_bindings(document, port),
        bridges=tuple(bridges),
        names=tuple(dict.fromkeys(n for n in names if _NAME.fullmatch(str(n))))[:NAMES_MOST],
        shares=shares if kind == "host" or kind.startswith("container:") else "",
        is_of_swarm=bool(labels.get(SWARM_LABEL)),
    )


def _is_of_the_host(network: Document) -> bool:
    """Is the gateway the host's own address? On macvlan and the like it is somebody's router, and
    a bridge can be told to leave the address to another."""
    options = network.get("Options") or {}
    is_left = str(options.get(WITHOUT_GATEWAY, "")).lower() == "true"
    is_bridge = network.get("Driver") == "bridge" and network.get("Scope") == "local"
    return is_bridge and not is_left


def _bindings(document: Document, port: int) -> tuple[Binding, ...]:
    """As they are; before they are, as they were asked for."""
    key = f"{port}/tcp"
    actual = ((document.get("NetworkSettings") or {}).get("Ports") or {}).get(key)
    asked = ((document.get("HostConfig") or {}).get("PortBindings") or {}).get(key)
    found = [one for one in actual or asked or () if isinstance(one, dict)]
    return tuple(Binding(str(b.get("HostIp") or ""), _port(b.get("HostPort"))) for b in found)


def _port(written: object) -> int:
    text = str(written or "")
    return int(text) if text.isascii() and text.isdigit() else 0
