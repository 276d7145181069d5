"""The stack's containers as last described, read anew where something may have changed.

Flows in: the engine's list and its events. Flows out: `Container`s and from them `Instance`s. The
list is asked for at every look, which is cheap; a container's whole document only when an event, or
its line in the list, says that it may be another one, and once in a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everup.loop.ports import Clock
from everup.model.kinds import is_known
from everup.runtimes.docker.containers import (
    ASIDE,
    ONE_OFF,
    OWN,
    PROJECT,
    SERVICE,
    TRY,
    Container,
    parse,
)
from everup.runtimes.docker.engine import Engine, Gone

FRESH_S = 30.0
"""A document is read anew after this long in any case."""

YES = "true"
BY_HAND = frozenset({"standalone", "standalone-containers"})
"""Names of the stack of containers that no project has, as `discovery` gives them."""


@dataclass(slots=True)
class Kept:
    """One container, the line that it was read at, and when."""

    container: Container
    line: tuple[str, str]
    read_s: float
    is_stale: bool = False


class Roster:
    """The containers of one project, by id."""

    def __init__(self, engine: Engine, clock: Clock, project: str, services: Sequence[str]) -> None:
        self._engine, self._clock = engine, clock
        self._project, self._services = project, frozenset(services)
        self._is_by_hand = project in BY_HAND
        self._kept: dict[str, Kept] = {}
        self._heard = self._all_old = 0
        self._heard_of: dict[str, int] = {}
        """What is heard is counted: what is heard of a container while it is read counts."""

    def heard(self, event: Mapping[str, Any]) -> None:
        """Something happened to a container: what is kept of it is old."""
        actor = event.get("Actor")
        if isinstance(actor, Mapping):
            self.forget(str(actor.get("ID") or ""))

    def forget(self, container: str) -> None:
        """Read it anew next time."""
        if container in self._kept:
            self._kept[container].is_stale = True
        self._heard += 1
        self._heard_of[container] = self._heard

    def forget_all(self) -> None:
        """Something may have happened to any of them."""
        for kept in self._kept.values():
            kept.is_stale = True
        self._heard += 1
        self._all_old = self._heard

    def known(self, container: str) -> tuple[str, str] | None:
        """Service and name of a container of ours."""
        kept = self._kept.get(container)
        return None if kept is None else (kept.container.service, kept.container.name)

    def container(self, container: str) -> Container | None:
        """As it was last read."""
        kept = self._kept.get(container)
        return None if kept is None else kept.container

    async def read(self) -> tuple[Container, ...]:
        """All containers of declared services, by service and number.

        Raises:
            TryAgain, GiveUp: the engine does not answer.
        """
        params: dict[str, Any] = {"all": True}
        if not self._is_by_hand:
            params["filters"] = {"label": [f"{PROJECT}={self._project}"]}
        lines = await self._engine.call("GET", "containers/json", params=params)
        found = [line for line in lines if self._service_of(line)]
        ids = {str(line["Id"]) for line in found}
        for gone in self._kept.keys() - ids:
            del self._kept[gone]
        for gone in self._heard_of.keys() - ids:
            del self._heard_of[gone]
        await asyncio.gather(*map(self._refresh, found))
        containers = [kept.container for kept in self._kept.values()]
        return tuple(sorted(containers, key=lambda c: (c.service, c.number, c.name)))

    async def of(self, service: str) -> tuple[Container, ...]:
        """The containers of one service, read anew."""
        for kept in self._kept.values():
            if kept.container.service == service:
                kept.is_stale = True
        return tuple(c for c in await self.read() if c.service == service)

    def _service_of(self, line: Mapping[str, Any]) -> str:
        """The service that this line of the list is a container of; "" for none of ours. What was
        started by hand is a service by its own name."""
        labels = line.get("Labels") or {}
        is_own = str(labels.get(OWN, "")).lower() == YES and not self._project.startswith(TRY)
        if is_own or str(labels.get(ONE_OFF, "")).lower() == YES:
            return ""
        service = str(labels.get(SERVICE) or "")
        if labels.get(PROJECT) != self._project:
            names = [] if labels.get(PROJECT) else (line.get("Names") or ())
            service = next((name_of(str(n)) for n in names if self._is_by_hand), "")
        return service if service in self._services else ""

    async def _refresh(self, line: Mapping[str, Any]) -> None:
        container, now_s = str(line["Id"]), self._clock.now()
        says = (str(line.get("State") or ""), _without_age(str(line.get("Status") or "")))
        kept = self._kept.get(container)
        if (
            kept is not None
            and not kept.is_stale
            and kept.line == says
            and is_known(kept.read_s)
            and now_s - kept.read_s < FRESH_S
        ):
            return
        mark = self._heard
        try:
            document = await self._engine.get(f"containers/{container}/json")
        except Gone:
            self._kept.pop(container, None)
            return
        is_old = max(self._all_old, self._heard_of.get(container, 0)) > mark
        read = replace(parse(document), service=self._service_of(line))
        self._kept[container] = Kept(read, says, now_s, is_stale=is_old)


def name_of(name: str) -> str:
    """The container's own name, also while it is moved aside."""
    own = name.lstrip("/")
    return own.removeprefix(ASIDE).rpartition("-")[0] if own.startswith(ASIDE) else own


def _without_age(status: str) -> str:
    """`Up 5 minutes (healthy)` says nothing new after six minutes."""
    return "".join(c for c in status if not c.isdigit()).replace("About a", "")
