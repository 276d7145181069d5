"""Cutting a service's containers off from their networks, and connecting them again.

Flows in: the containers of a service. Flows out: containers that live on without a network, and
what they were connected to, written down first, so that also the next life of Everup can give it
back with the same aliases and fixed addresses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everup.model.errors import GiveUp
from everup.runtimes.docker.blueprint import blueprint_of
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.store import Store

ROOM = "isolated"
UNNAMED = ("host", "none", "container:")


class Isolation:
    """The networks that we took away."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine, self._store = engine, store

    async def isolate(self, containers: Sequence[Container]) -> None:
        """Disconnect them. Doing it twice changes nothing."""
        for container in containers:
            mode = str(section(container.document, "HostConfig").get("NetworkMode") or "")
            if mode.startswith(UNNAMED):
                raise GiveUp(
                    f"{container.name} is on the network of {mode!r}, which it cannot be taken off"
                )
        for container in containers:
            networks = blueprint_of(container, "").networks
            if not networks:
                continue
            held = self._store.get(ROOM, container.id) or {}
            known = dict(section(held, "networks"))
            value = {"service": container.service, "networks": {**networks, **known}}
            self._store.put(ROOM, container.id, value)
            for network in networks:
                await self._post(network, "disconnect", {"Container": container.id, "Force": True})

    async def rejoin(self, service: str | None) -> Sequence[str]:
        """Connect again what was disconnected; a sentence for each service."""
        said: list[str] = []
        for container, held in self._store.all(ROOM).items():
            if service not in (None, held.get("service")):
                continue
            now = await self._networks(container)
            for network, end in section(held, "networks").items():
                if now is not None and network not in now:
                    body = {"Container": container, "EndpointConfig": end}
                    await self._post(network, "connect", body)
            self._store.remove(ROOM, container)
            line = f"{held.get('service')}: it is connected to its networks again"
            if line not in said:
                said.append(line)
        return said

    def before(self, container: str) -> Mapping[str, Any] | None:
        """The networks of one that is cut off."""
        held = self._store.get(ROOM, container)
        return None if held is None else section(held, "networks")

    def held(self) -> frozenset[str]:
        """Ids of the containers that are cut off."""
        return frozenset(self._store.all(ROOM))

    async def _networks(self, container: str) -> frozenset[str] | None:
        try:
            document = await self._engine.get(f"containers/{container}/json")
        except Gone:
            return None
        return frozenset(section(section(document, "NetworkSettings"), "Networks"))

    async def _post(self, network: str, verb: str, body: dict[str, object]) -> None:
        await self._engine.call("POST", f"networks/{network}/{verb}", body=body)
