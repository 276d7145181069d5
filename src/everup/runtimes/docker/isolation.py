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
from everup.runtimes.giving import Giving

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

    async def rejoin(self, service: str) -> Sequence[str]:
        """Connect again what was disconnected; sentences on it. Each network is tried; one that is
        no more is said, and forgotten.

        Raises:
            StillHeld: some could not be connected, and are still noted.
        """
        giving = Giving(service)
        for container, held in self._store.all(ROOM).items():
            if service == held.get("service"):
                with giving.trying():
                    lines = await self._rejoin(container, held)
                    giving.said += [line for line in lines if line not in giving.said]
        return giving.result()

    async def _rejoin(self, container: str, held: Mapping[str, Any]) -> Sequence[str]:
        service, ends = str(held.get("service")), section(held, "networks")
        giving, gone, there = Giving(service), [], 0
        now = await self._networks(container)
        if now is None:
            self._store.remove(ROOM, container)
            return [f"{service}: its container {container[:12]} that was off its networks is gone"]
        for network, end in ends.items():
            with giving.trying():
                body = {"Container": container, "EndpointConfig": end}
                try:
                    if network not in now:
                        await self._post(network, "connect", body)
                    there += 1
                except Gone:
                    gone.append(network)
        giving.result()
        self._store.remove(ROOM, container)
        said = [f"{service}: its network {name} is gone, and cannot be joined" for name in gone]
        if there:
            said.append(f"{service}: it is connected to its networks again")
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
