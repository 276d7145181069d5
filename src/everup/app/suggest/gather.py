"""What suggesting needs to know: the project as found, and the memory that it uses now.

Flows in: our environment and who chooses the project. Flows out: a `Close`. Asks the engine, reads
Compose files, changes nothing. Called by `everup suggest`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from everup.app import discover
from everup.app.discover import Found
from everup.config import load_without_file
from everup.model.errors import AskAHuman
from everup.runtimes.docker.containers import parse
from everup.runtimes.docker.discovery import (
    Discovered,
    Project,
    ProjectKind,
    compose_paths,
    read_compose_text,
)
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.meter import Meter


@dataclass(frozen=True, slots=True)
class Close:
    """`memory_bytes` by container id; what could not be measured is missing.

    `knows_needs`: is it known what the Compose files declare in depends_on?
    """

    seen: Discovered
    memory_bytes: Mapping[str, float] = field(default_factory=dict)
    now_s: float = 0.0
    knows_needs: bool = True


async def look_closely(environ: Mapping[str, str], choose: Callable[[Found], Project]) -> Close:
    """The chosen project.

    Raises:
        GiveUp, TryAgain: there is no engine, no such project, or no answer.
        AskAHuman: the project is none of Compose's.
        ConfigError: a variable of Everup's own has a value that cannot be.
    """
    found = await discover.look(environ)
    project = choose(found)
    if project.kind is not ProjectKind.COMPOSE:
        raise AskAHuman(
            f"{project.name} is no Compose project, so there is no file to lay anything over: "
            "suggest works for what docker compose started"
        )
    loaded = load_without_file(environ, {})
    _, seen = await asyncio.to_thread(discover.load, found, project, loaded)
    knows = await asyncio.to_thread(_knows_needs, project)
    return Close(
        seen, await _memory([one.id for one in seen.project.containers]), time.time(), knows
    )


def _knows_needs(project: Project) -> bool:
    """Compose 2 writes them on the containers; else all files must be readable."""
    if all("com.docker.compose.depends_on" in one.labels for one in project.containers):
        return True
    paths = compose_paths(project)
    return bool(paths) and all(read_compose_text(path) is not None for path in paths)


async def _memory(ids: Sequence[str]) -> dict[str, float]:
    engine = Engine()
    await engine.open()
    meter = Meter(engine)
    try:
        documents = await asyncio.gather(*(_document(engine, one) for one in ids))
        usages = await meter.read([parse(found) for found in documents if found])
        return {one: usage.memory_bytes for one, usage in usages.items()}
    finally:
        await meter.close()
        await engine.close()


async def _document(engine: Engine, container: str) -> Mapping[str, object]:
    try:
        found: Mapping[str, object] = await engine.get(f"containers/{container}/json")
    except Gone:
        return {}
    return found
