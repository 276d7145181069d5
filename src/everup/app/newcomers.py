"""What comes to a project while it is watched: further services, other containers of known ones.

Flows in: the stack that is watched. Flows out: the stack as it is by then, once it is so for good.
`compose up` rarely starts all at once; and a container that somebody made anew may have a volume
more, or a label that says hands off. Called by `everup up`, which then begins anew over it. Asks
the engine for one list when it says that a container came, went or got another name, and once a
minute; and for everything only when that list has other containers in it than before. One that is
equal but for what changes by itself, as one that Everup made, is nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from everup.app import discover
from everup.config import Loaded
from everup.model.errors import EverupError
from everup.model.stack import Limits, ServiceSpec
from everup.runtimes.docker.containers import ASIDE, ONE_OFF, PROJECT, SERVICE
from everup.runtimes.docker.discovery import Discovered, Project, ProjectKind
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.roster import BY_HAND, YES, of_project

LOOK_EVERY_S = 3.0
"""While something comes, and while the engine does not answer."""
LOOK_AT_LEAST_EVERY_S = 60.0
"""A list of fifty containers costs the engine 9 ms, its events nothing while there are none."""
COMINGS = ("create", "start", "destroy", "rename")

There = frozenset[tuple[str, str]]
"""Service and id of each container."""


async def newcomers(loaded: Loaded, environ: Mapping[str, str]) -> Loaded:
    """Waits until there are some: the stack with them. An engine that does not answer has none."""
    news = asyncio.Event()
    listening = asyncio.create_task(_listen(news), name="newcomers")
    seen: There | None = None
    try:
        while True:
            news.clear()
            try:
                there = await _there(loaded)
                if there != seen:
                    # Twice the same, so that a project that is just being made is whole.
                    came = None if seen is None else {service for service, _ in there - seen}
                    now = await _as_it_is(loaded, environ, came)
                    if now is not None and there == await _there_later(loaded):
                        return now
                    seen = None if now is not None else there
            except EverupError:
                seen = None
            await _next_look(news, LOOK_EVERY_S if seen is None else LOOK_AT_LEAST_EVERY_S)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _next_look(news: asyncio.Event, most_s: float) -> None:
    """After a word of the engine, but never at once: it rarely says one alone."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(most_s):
            await news.wait()
            await asyncio.sleep(LOOK_EVERY_S)


async def _listen(news: asyncio.Event) -> None:
    """Tell of every word; whatever was said while nobody listened is one too."""
    door = Engine()
    while True:
        try:
            await door.open()
            news.set()
            async with aclosing(door.events(time.time(), COMINGS)) as stream:
                async for _ in stream:
                    news.set()
        except EverupError:
            pass
        finally:
            await door.close()
        await asyncio.sleep(LOOK_EVERY_S)


async def _there_later(loaded: Loaded) -> There:
    await asyncio.sleep(LOOK_EVERY_S)
    return await _there(loaded)


async def _there(loaded: Loaded) -> There:
    project = loaded.stack.name
    door = Engine()
    await door.open()
    try:
        lines = await door.call("GET", "containers/json", params=of_project(project))
    finally:
        await door.close()
    found = ((_service(line, project), str(line.get("Id"))) for line in lines)
    return frozenset((service, one) for service, one in found if service)


def _service(line: Mapping[str, Any], project: str) -> str:
    """Whose container this line of the list is; "" for an errand, and for none of this project."""
    labels = line.get("Labels") or {}
    if str(labels.get(ONE_OFF, "")).lower() == YES:
        return ""
    if project in BY_HAND:
        names = [] if labels.get(PROJECT) else line.get("Names") or ()
        return next((str(name).lstrip("/") for name in names), "")
    return str(labels.get(SERVICE))


async def _as_it_is(
    loaded: Loaded, environ: Mapping[str, str], came: Collection[str] | None
) -> Loaded | None:
    """The project now, if it has further services, or `came` with something else than was read;
    None: whoever it was."""
    found = await discover.look(environ)
    if all(project.name != loaded.stack.name for project in found.projects):
        return None
    project = _without_aside(found.named(loaded.stack.name))
    if project.kind is ProjectKind.MANAGED:
        return None
    now, seen = await asyncio.to_thread(discover.load, found, project, loaded)
    others = [name for name in changed(now, loaded, seen) if came is None or name in came]
    further = beyond(now, loaded) if project.kind is ProjectKind.COMPOSE else ()
    return now if now.stack.services and (further or others) else None


def beyond(now: Loaded, before: Loaded) -> tuple[str, ...]:
    """Names of the services that were not there before."""
    return tuple(sorted(set(now.stack.services) - set(before.stack.services)))


def changed(now: Loaded, before: Loaded, seen: Discovered | None = None) -> tuple[str, ...]:
    """Names of the services that are something else than was read, or are to be left alone by now.
    Who is gone altogether has not changed: it may come back as it was."""
    known, services = before.stack.services, now.stack.services
    left = () if seen is None else seen.left_out
    others = {n for n in services if n in known and _is_another(services[n], known[n])}
    return tuple(sorted(others.union(name for name in left if name in known)))


def _is_another(now: ServiceSpec, before: ServiceSpec) -> bool:
    return _lasting(now, before) != _lasting(before, now)


def _lasting(one: ServiceSpec, other: ServiceSpec) -> ServiceSpec:
    """Without what changes with no word of its owner: how many there are, limits, and whether it
    looks like running once, which with a guess of how to ask depends on how far it has come."""
    is_maybe_once = one.is_one_shot or other.is_one_shot
    if is_maybe_once and (one.probe is None or one.probe.is_inferred):
        one = replace(one, probe=None, unasked_because="")
    counts = {"instances": 0, "min_instances": 0, "max_instances": 0}
    once = {"is_one_shot": False, "is_one_shot_by_look": False}
    return replace(one, **counts, **once, limits=Limits())  # type: ignore[arg-type]


def _without_aside(project: Project) -> Project:
    """Without those that Everup moved out of the way, where there is another one."""
    services = {
        name: tuple(c for c in copies if not c.name.startswith(ASIDE)) or copies
        for name, copies in project.services.items()
    }
    return replace(project, services=services)
