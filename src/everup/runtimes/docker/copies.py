"""Further copies of a service, named and labelled as Compose would, and taken away again.

Flows in: a service's containers and how many there should be. Flows out: the engine has that many.
Those that are named leave first, then the highest-numbered. Copies are made from the newest
container; whether a service may have copies at all is asked before (docs/safety.md), and refused by
name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from everup.model.errors import EverupError, GiveUp
from everup.model.runtime import EventKind
from everup.runtimes.docker.blueprint import Blueprint
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import MADE, NUMBER, Container, section
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.replace import Replacer
from everup.runtimes.together import together

INSTANCES_MOST = 100
AT_ONCE_MOST = 4
"""So many go at a time: each may take all of its grace."""
_NUMBERED = re.compile(r"(.*[-_])(\d+)$")


class Copies:
    """Makes and removes copies; the caller holds the service's turn."""

    def __init__(self, engine: Engine, calls: Calls, hands: Hands, replacer: Replacer) -> None:
        self._engine, self._calls = engine, calls
        self._hands, self._replacer = hands, replacer

    async def have(
        self,
        containers: Sequence[Container],
        count: int,
        plan: Blueprint,
        leaving: Sequence[str] = (),
    ) -> None:
        """Have exactly this many. `leaving`: names of those that go first, in this order.

        Raises:
            GiveUp: the service cannot have copies; says why.
        """
        if count > len(containers) and (reason := forbids_copies(containers)):
            raise GiveUp(f"instances: {reason}")
        place = {name: number for number, name in enumerate(leaving)}
        order = sorted(containers, key=lambda c: (place.get(c.name, len(place)), -c.number))
        going = order[: max(0, len(order) - count)]
        for first in range(0, len(going), AT_ONCE_MOST):
            await together(*map(self._take_off, going[first : first + AT_ONCE_MOST]))
        gone = {container.id for container in going}
        containers = [c for c in containers if c.id not in gone]
        for container in containers if count >= len(order) else ():
            await self._hands.start(container)
        taken = {c.number for c in containers}
        while len(taken) < count:
            number = next(n for n in range(1, INSTANCES_MOST + 2) if n not in taken)
            await self._make(containers[-1], number, plan)
            taken.add(number)

    async def _take_off(self, container: Container) -> None:
        await self._hands.stop(container, container.grace_s, may_kill=True)
        await self._hands.remove(container.id)

    async def _make(self, template: Container, number: int, plan: Blueprint) -> None:
        found = _NUMBERED.match(template.name)
        assert found is not None  # forbids_copies has said so
        labels = {NUMBER: str(number), MADE: "true"}
        name = f"{found[1]}{number}"
        made = await self._replacer.make(name, plan.with_labels(labels), template)
        try:
            with self._calls.claims(made, EventKind.STARTED):
                await self._engine.call("POST", f"containers/{made}/start")
        except EverupError:
            await self._hands.remove(made)
            raise


def forbids_copies(containers: Sequence[Container]) -> str:
    """Why this service cannot have one more container; "" when it can."""
    if not containers:
        return "there is no container to make a copy of; docker compose up makes the first one"
    template = containers[-1]
    host = section(template.document, "HostConfig")
    if not _NUMBERED.match(template.name):
        return f"container_name: {template.name} is fixed, and a second one would need the same"
    mode = str(host.get("NetworkMode") or "")
    if mode == "host" or mode.startswith("container:"):
        return f"network_mode: {template.name} uses the network of {mode!r}"
    for inside, bindings in section(host, "PortBindings").items():
        if any(str(b.get("HostPort") or "0") != "0" for b in bindings or ()):
            return f"ports: {inside} of {template.name} is published on a fixed port of the host"
    for network, end in section(section(template.document, "NetworkSettings"), "Networks").items():
        if (end.get("IPAMConfig") or {}).get("IPv4Address"):
            return f"ipv4_address: {template.name} has a fixed one on {network}"
    if host.get("Devices"):
        return f"devices: {template.name} holds one"
    for mount in template.document.get("Mounts") or ():
        if mount.get("RW", True) and mount.get("Type") in ("bind", "volume"):
            return f"volumes: {mount.get('Destination')} of {template.name} is written by it"
    return ""
