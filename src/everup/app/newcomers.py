"""Services that come to a project while it is watched: `compose up` rarely starts all at once.

Flows in: the stack that is watched. Flows out: the one with those that came, once they are there
for good. Called by `everup up`, which then begins anew over it. Asks the engine for one list
now and then, and for everything only when that list has other services in it than before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from everup.app import discover
from everup.config import Loaded
from everup.model.errors import EverupError
from everup.runtimes.docker.discovery import ProjectKind
from everup.runtimes.docker.engine import Engine

LOOK_EVERY_S = 3.0
SERVICE = "com.docker.compose.service"
PROJECT = "com.docker.compose.project"


async def newcomers(loaded: Loaded, environ: Mapping[str, str]) -> Loaded:
    """Waits until there are some: the stack with them. An engine that does not answer has none."""
    seen: frozenset[str] | None = None
    while True:
        try:
            names = await _services(loaded.stack.name)
            if names != seen:
                # Twice the same, so that a project that is just being made is whole.
                now = await _as_it_is(loaded, environ)
                if now is not None and names == await _services_later(loaded.stack.name):
                    return now
                seen = None if now is not None else names
        except EverupError:
            seen = None
        await asyncio.sleep(LOOK_EVERY_S)


async def _services_later(project: str) -> frozenset[str]:
    await asyncio.sleep(LOOK_EVERY_S)
    return await _services(project)


async def _services(project: str) -> frozenset[str]:
    door = Engine()
    await door.open()
    try:
        params = {"all": True, "filters": {"label": [f"{PROJECT}={project}"]}}
        lines = await door.call("GET", "containers/json", params=params)
    finally:
        await door.close()
    return frozenset(str((line.get("Labels") or {}).get(SERVICE)) for line in lines)


async def _as_it_is(loaded: Loaded, environ: Mapping[str, str]) -> Loaded | None:
    """The project now, if it has further services."""
    found = await discover.look(environ)
    if all(project.name != loaded.stack.name for project in found.projects):
        return None
    project = found.named(loaded.stack.name)
    if project.kind is not ProjectKind.COMPOSE:
        return None
    now, _ = await asyncio.to_thread(discover.load, found, project, loaded)
    return now if beyond(now, loaded) else None


def beyond(now: Loaded, before: Loaded) -> tuple[str, ...]:
    """Names of the services that were not there before."""
    return tuple(sorted(set(now.stack.services) - set(before.stack.services)))
