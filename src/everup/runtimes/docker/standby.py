"""Another service's containers answer under a service's names: failover without a router.

Flows in: the containers of both. Flows out: the first ones stopped and off their networks (fenced),
then their aliases on the containers of the standby; all of it written down first. Nothing here
promotes anything: what the standby does with the names is its owner's business. Not given back by
itself: the old one would answer beside the new one. `back` takes the names away before the old one
may have them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from everup.model.errors import GiveUp
from everup.runtimes.docker.blueprint import blueprint_of
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.isolation import UNNAMED
from everup.runtimes.docker.store import Store

ROOM = "failover"


class Standby:
    """The places that were taken; the caller holds the turns of both services."""

    def __init__(self, engine: Engine, hands: Hands, store: Store) -> None:
        self._engine, self._hands, self._store = engine, hands, store

    async def take_over(
        self,
        service: str,
        standby: str,
        old: Sequence[Container],
        new: Sequence[Container],
        grace_s: float,
    ) -> Sequence[str]:
        """Fence the old ones, then give their names to the new ones.

        Raises:
            GiveUp: it cannot be done; nothing was touched.
        """
        wanted = names_of(service, old)
        self._refuse(service, standby, old, new, wanted)
        value = {
            "service": service,
            "standby": standby,
            "old": {c.id: dict(blueprint_of(c, "").networks) for c in old},
            "new": {c.id: dict(blueprint_of(c, "").networks) for c in new},
            "names": {network: list(names) for network, names in wanted.items()},
        }
        self._store.put(ROOM, service, value)
        told = [await self._hands.stop(c, grace_s, may_kill=True) for c in old]
        for container in old:
            await self._only_on(container.id, {})
        for container in new:
            ends = {n: dict(e) for n, e in blueprint_of(container, "").networks.items()}
            for network, names in wanted.items():
                end = ends.setdefault(network, {})
                end["Aliases"] = sorted({*(end.get("Aliases") or ()), *names})
            await self._only_on(container.id, ends)
        said = f"{standby} answers as {service}, which is stopped and off its networks"
        return [*(text for text in told if text), said]

    async def back(self, service: str) -> Sequence[str]:
        """The names go back, and the old ones run again. A network that is no more is left out.

        Raises:
            GiveUp: nobody stands in for it.
        """
        held = self._store.get(ROOM, service)
        if held is None:
            raise GiveUp(f"nobody stands in for {service}")
        for container, ends in section(held, "new").items():
            await self._only_on(container, await self._there(ends))
        for container, ends in section(held, "old").items():
            await self._only_on(container, await self._there(ends))
            try:
                await self._hands.start(await self._hands.look(container))
            except Gone:
                continue
        self._store.remove(ROOM, service)
        return [f"{service} answers under its own names again, in place of {held.get('standby')}"]

    async def held(self, service: str) -> Sequence[str]:
        """What stays when all else is given back, and how it is undone."""
        found = self._store.get(ROOM, service)
        if found is None:
            return ()
        undo = f"everup heal {service} --type rejoin"
        return (f"{service}: {found.get('standby')} stays in its place; undo it with: {undo}",)

    def _refuse(
        self,
        service: str,
        standby: str,
        old: Sequence[Container],
        new: Sequence[Container],
        wanted: Mapping[str, Sequence[str]],
    ) -> None:
        if self._store.get(ROOM, service) is not None:
            raise GiveUp(f"somebody stands in for {service} already")
        if not [c for c in new if c.is_running]:
            raise GiveUp(f"no container of {standby} runs")
        if not wanted:
            raise GiveUp(f"{service} has no names on a network of its own that could be given over")
        for container in (*old, *new):
            mode = str(section(container.document, "HostConfig").get("NetworkMode") or "")
            if mode.startswith(UNNAMED):
                raise GiveUp(
                    f"{container.name} is on the network of {mode!r}, where it has no name"
                )

    async def _there(self, ends: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without networks that are gone."""
        found = {}
        for network, end in ends.items():
            with contextlib.suppress(Gone):
                await self._engine.get(f"networks/{network}")
                found[network] = end
        return found

    async def _only_on(self, container: str, wanted: Mapping[str, Any]) -> None:
        """On these networks, with these names; what is so already is left as it is."""
        try:
            document = await self._engine.get(f"containers/{container}/json")
        except Gone:
            return
        now = section(section(document, "NetworkSettings"), "Networks")
        for network in now:
            if network not in wanted or not _has(now[network], wanted[network]):
                body = {"Container": container, "Force": True}
                await self._engine.call("POST", f"networks/{network}/disconnect", body=body)
        for network, end in wanted.items():
            if network in now and _has(now[network], end):
                continue
            connect = {"Container": container, "EndpointConfig": dict(end)}
            await self._engine.call("POST", f"networks/{network}/connect", body=connect)


def names_of(service: str, containers: Sequence[Container]) -> dict[str, tuple[str, ...]]:
    """Network → the names under which it is found there; none on the engine's default network."""
    found: dict[str, set[str]] = {}
    for container in containers:
        for network, end in blueprint_of(container, "").networks.items():
            if network != "bridge":
                found.setdefault(network, {service}).update(end.get("Aliases") or ())
    return {network: tuple(sorted(names)) for network, names in found.items()}


def _has(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Are these the names that it has there? The engine adds its own short id."""
    return {*(now.get("Aliases") or ())} >= {*(wanted.get("Aliases") or ())} and len(
        now.get("Aliases") or ()
    ) <= len(wanted.get("Aliases") or ()) + 1
