"""What the next container of a service is made from: as it is, or as was applied.

Flows in: containers, and configurations that somebody wants from the next start on. Flows out:
blueprints. What was applied is kept, also over restarts of Everup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from everup.runtimes.docker.blueprint import Blueprint, blueprint_of, parse_blueprint
from everup.runtimes.docker.borrowed import lender_of, pointed, successor
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.store import Store

ROOM = "applied"

Moved = Callable[[], Mapping[str, str]]
"""Ids of containers that we replaced → those of their successors."""


class Plans:
    """Blueprints by container."""

    def __init__(self, engine: Engine, store: Store, moved: Moved) -> None:
        self._engine, self._store, self._moved = engine, store, moved

    def apply(self, service: str, content: Mapping[str, object]) -> None:
        """From the next restart on.

        Raises:
            GiveUp: the content makes no sense. TryAgain: it was not stored.
        """
        self._store.put(ROOM, service, parse_blueprint(content).content())

    def forget(self, service: str) -> None:
        """What was applied holds no more."""
        self._store.remove(ROOM, service)

    def going_back(self, content: Mapping[str, object], image: str, means: str) -> Blueprint:
        """What was captured, from the very image that ran: by the name that it had while that still
        leads there, as `means` says."""
        plan = parse_blueprint(content)
        named = plan.image if means == image else image
        return pointed(replace(plan, image=named), self._moved())

    async def next_of(self, container: Container) -> Blueprint:
        """What to make the next one from."""
        return pointed(self._applied(container) or await self.now(container), self._moved())

    async def is_another(self, container: Container) -> bool:
        """Was another configuration applied, or is the one gone whose network it uses?"""
        lender = lender_of(container)
        if lender and successor(lender, self._moved()) != lender:
            return True
        applied = self._applied(container)
        return applied is not None and await self.now(container) != applied

    async def now(self, container: Container) -> Blueprint:
        """By name where the name still means the image that runs, else by the image's id."""
        runs = str(container.document.get("Image") or "")
        named = str(section(container.document, "Config").get("Image") or "")
        try:
            means = str((await self._engine.get(f"images/{named}/json")).get("Id") or "")
        except Gone:
            means = ""
        return blueprint_of(container, named if means == runs else runs)

    def _applied(self, container: Container) -> Blueprint | None:
        content = self._store.get(ROOM, container.service)
        return None if content is None else parse_blueprint(content).in_place_of(container)
