"""The stack's containers as last described, read anew where something may have changed.

Flows in: the engine's list and its events. Flows out: `Container`s and from them `Instance`s. The
list is asked for at every look after an event or a call of ours, and at every second one while
nothing is heard: of what an engine is asked, it costs most. A container's whole document is read
only when an event, or its line in the list, says that it may be another one, and once in a while.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everup.loop.ports import Clock
from everup.model.kinds import UNKNOWN, is_known
from everup.runtimes.docker.checks_heard import ENDS, RUNS, ChecksHeard
from everup.runtimes.docker.containers import (
    ASIDE,
    ONE_OFF,
    OWN,
    PROJECT,
    SERVICE,
    TRY,
    Answer,
    Container,
    happened_at_s,
    parse,
    section,
)
from everup.runtimes.docker.engine import Engine, Gone

FRESH_S = 120.0
"""A document is read anew after this long in any case; while nothing was heard, after a quarter."""
DEAF_SHARE = 0.25
LIST_FRESH_S = 9.0
"""As long is a list good, if nothing is heard and nothing is done meanwhile."""
LIST_SETTLES_S, LIST_SETTLES_LEAST_S = 3.0, 1.0
"""After an event; the engine may tell a change before it lists it."""
ANSWERS_MOST = 5
"""As many as the engine keeps."""

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

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        project: str,
        services: Sequence[str],
        scale: float = 1.0,
    ) -> None:
        self._engine, self._clock = engine, clock
        self._project, self._services = project, frozenset(services)
        self._is_by_hand, self._params = project in BY_HAND, of_project(project)
        self._kept: dict[str, Kept] = {}
        self._heard = self._all_old = 0
        self._heard_of: dict[str, int] = {}
        """What is heard is counted: what is heard of a container while it is read counts."""
        self._checks = ChecksHeard()
        self._is_deaf = True
        self._scale = scale
        self._lines: Sequence[Mapping[str, Any]] = ()
        self._listed_s, self._list_unsure_until_s = UNKNOWN, -math.inf
        self._changes_before = -1

    def heard(self, event: Mapping[str, Any]) -> None:
        """Something happened to a container: what is kept of it is old, unless the event says all
        there is to know."""
        self._is_deaf = False
        actor = event.get("Actor")
        if not isinstance(actor, Mapping):
            return
        attributes, action = section(actor, "Attributes"), str(event.get("Action") or "")
        name, now_s = str(actor.get("ID") or ""), self._clock.now()
        if event.get("Type") == "network":  # who came to it or left it
            self.forget(str(attributes.get("container") or ""))
            return
        if not action.startswith(RUNS):
            settles_s = max(LIST_SETTLES_S * self._scale, LIST_SETTLES_LEAST_S)
            self._list_unsure_until_s = now_s + settles_s
            self.forget(name)
            return
        at_s = happened_at_s(event, now_s)
        answer = self._checks.take(action, attributes, at_s, self.container(name))
        if answer is not None:
            self._passed(name, answer)
        elif action == ENDS:
            self.forget(name)

    def _passed(self, container: str, answer: Answer) -> None:
        self._count(container)
        kept = self._kept.get(container)
        if kept is not None and kept.container.check is not None:
            check = kept.container.check
            answers = (*check.answers, answer)[-ANSWERS_MOST:]
            kept.container = replace(kept.container, check=replace(check, answers=answers))

    def forget(self, container: str) -> None:
        """Read it anew next time."""
        if container in self._kept:
            self._kept[container].is_stale = True
        self._count(container)

    def _count(self, container: str) -> None:
        self._heard += 1
        self._heard_of[container] = self._heard

    def forget_all(self) -> None:
        """Something may have happened to any of them."""
        for kept in self._kept.values():
            kept.is_stale = True
        self._heard += 1
        self._all_old = self._heard
        self._is_deaf, self._listed_s = True, UNKNOWN

    def known(self, container: str) -> tuple[str, str] | None:
        """Service and name of a container of ours."""
        kept = self._kept.get(container)
        return None if kept is None else (kept.container.service, kept.container.name)

    def container(self, container: str) -> Container | None:
        """As it was last read."""
        kept = self._kept.get(container)
        return None if kept is None else kept.container

    async def read(self, *, anew: bool = False) -> tuple[Container, ...]:
        """All containers of declared services, by service and number. `anew`: whatever was kept of
        the list is not good enough.

        Raises:
            TryAgain, GiveUp: the engine does not answer.
        """
        if anew or not self._is_list_fresh():
            await self._list()
        found = [line for line in self._lines if self._service_of(line)]
        ids = {str(line["Id"]) for line in found}
        for gone in self._kept.keys() - ids:
            del self._kept[gone]
        for gone in self._heard_of.keys() - ids:
            del self._heard_of[gone]
        await asyncio.gather(*map(self._refresh, found))
        containers = [kept.container for kept in self._kept.values()]
        return tuple(sorted(containers, key=lambda c: (c.service, c.number, c.name)))

    def _is_list_fresh(self) -> bool:
        now_s = self._clock.now()
        if self._is_deaf or not is_known(self._listed_s) or now_s < self._list_unsure_until_s:
            return False
        is_ours = self._engine.changes != self._changes_before
        is_settled = self._listed_s >= self._list_unsure_until_s
        return is_settled and not is_ours and now_s - self._listed_s < LIST_FRESH_S * self._scale

    async def _list(self) -> None:
        changes, now_s = self._engine.changes, self._clock.now()
        self._listed_s = UNKNOWN
        self._lines = await self._engine.call("GET", "containers/json", params=self._params)
        self._listed_s, self._changes_before = now_s, changes

    async def of(self, service: str) -> tuple[Container, ...]:
        """The containers of one service, read anew."""
        for kept in self._kept.values():
            if kept.container.service == service:
                kept.is_stale = True
        return tuple(c for c in await self.read(anew=True) if c.service == service)

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
            and now_s - kept.read_s < FRESH_S * (DEAF_SHARE if self._is_deaf else 1.0)
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


def of_project(project: str) -> dict[str, Any]:
    """Parameters of the engine's list for the containers that may be of it."""
    if project in BY_HAND:
        return {"all": True}
    return {"all": True, "filters": {"label": [f"{PROJECT}={project}"]}}


def name_of(name: str) -> str:
    """The container's own name, also while it is moved aside."""
    own = name.lstrip("/")
    return own.removeprefix(ASIDE).rpartition("-")[0] if own.startswith(ASIDE) else own


def _without_age(status: str) -> str:
    """`Up 5 minutes (healthy)` says nothing new after six minutes."""
    return "".join(c for c in status if not c.isdigit()).replace("About a", "")
