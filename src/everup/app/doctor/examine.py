"""All checks, side by side where they can be, each with a deadline: together 11 s at most.

Flows in: our environment, and where Everup would keep its state and listen. Flows out: the findings
in the order in which a person would look. Asks the engine, looks at files, changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from everup.app import discover
from everup.app.doctor import here, kept, projects
from everup.app.doctor.access import UNIX, judge_remote, judge_socket
from everup.app.doctor.bounded import guarded, in_thread
from everup.app.doctor.clock import judge_clock
from everup.app.doctor.engine_facts import judge_info, judge_silence, judge_version
from everup.app.doctor.findings import Finding, State
from everup.app.doctor.place import judge_disk, judge_folder, judge_port
from everup.app.doctor.reach import judge_reach
from everup.app.doctor.routers import CHECK, see_router
from everup.model.errors import EverupError
from everup.model.routing import RouterSpec
from everup.runtimes.docker.accounting import Accounting, Reach, Target
from everup.runtimes.docker.containers import PROJECT
from everup.runtimes.docker.discovery import (
    Discovered,
    Project,
    build_stack,
    compose_paths,
    read_compose_text,
)
from everup.runtimes.docker.engine import Engine

OPEN_WITHIN_S = 4.0
SOCKET_WITHIN_S = 1.0
LOOK_WITHIN_S = 6.0
HERE_WITHIN_S = 6.0
FREE_DISK = "make room there, or name a folder on another disk with --state-dir"
FREE_ENGINE = "see what can go: docker system df; then remove images and volumes nobody needs"

Documents = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where Everup would keep its state and listen. `state_base`: below it lie the state folders of
    projects, where there are any."""

    state_dir: Path
    host: str
    port: int
    router: RouterSpec | None = None
    state_base: Path | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """The engine's address, and what was found."""

    address: str
    findings: tuple[Finding, ...]

    @property
    def is_well(self) -> bool:
        """Is nothing wrong?"""
        return all(one.state is not State.WRONG for one in self.findings)


async def examine(environ: Mapping[str, str], place: Place, project: str | None = None) -> Examined:
    """Look at everything; of the projects, at this one alone where it is named."""
    door = Engine()
    try:
        about_engine, about_here = await asyncio.gather(
            _engine(door, environ, project, place), _here(place)
        )
    finally:
        await door.close()
    return Examined(door.address, (*about_engine, *about_here))


async def _engine(
    door: Engine, environ: Mapping[str, str], project: str | None, place: Place
) -> list[Finding]:
    """What can be asked only of an engine that answers comes after the way to it."""
    failed: EverupError | None = None
    try:
        async with asyncio.timeout(OPEN_WITHIN_S):
            await door.open()
    except TimeoutError:
        failed = EverupError(f"{door.address} gives no answer in {OPEN_WITHIN_S:g} s")
    except EverupError as error:
        failed = error
    except Exception as error:  # noqa: BLE001 - whatever the library meets, the rest is looked at
        failed = EverupError(f"{door.address} cannot be opened: {type(error).__name__}: {error}")
    found = list(await guarded("socket", _access(door), SOCKET_WITHIN_S))
    if failed is not None:
        if all(one.state is not State.WRONG for one in found):  # else that is why
            found.append(judge_silence(failed, door.version))
        return found
    found.append(judge_version(door.version, door.api_version, door.address))
    parts = await asyncio.gather(
        guarded("engine", _info(door), LOOK_WITHIN_S),
        guarded("projects", _containers(door, environ, project), LOOK_WITHIN_S),
        guarded(kept.CHECK, _kept(door, place), LOOK_WITHIN_S),
    )
    return [*found, *(finding for part in parts for finding in part)]


async def _access(door: Engine) -> Iterable[Finding]:
    address = door.address
    if address.startswith(UNIX):
        path = address.removeprefix(UNIX)
        return [judge_socket(await in_thread(lambda: here.see_socket(path)))]
    if "://" not in address:
        return []
    return [judge_remote(address, is_tls=door.is_encrypted)]


async def _info(door: Engine) -> Iterable[Finding]:
    asked_at_s = time.time()
    info = await door.get("info")
    found = [*judge_info(info), judge_clock(info, asked_at_s, time.time())]
    root = str(info.get("DockerRootDir") or "")
    folder = await in_thread(lambda: here.see_engine_root(root, door.address))
    if folder is not None:
        disk = await in_thread(lambda: here.see_disk(folder))
        found.append(judge_disk(disk, "images and volumes", FREE_ENGINE))
    return found


async def _containers(
    door: Engine, environ: Mapping[str, str], project: str | None
) -> Iterable[Finding]:
    documents = await discover.read_documents(door)
    seen = await in_thread(lambda: discover.understand(door.address, documents, environ))
    meant = [one for one in seen.projects if project in (None, one.name)]
    reach, *each = await asyncio.gather(
        guarded("control groups", _reach(documents), LOOK_WITHIN_S / 2),
        *(guarded(projects.CHECK, _project(one, seen), LOOK_WITHIN_S / 2) for one in meant),
    )
    found = [*reach, projects.judge_projects(seen.projects, door.address, project)]
    found += [finding for findings in each for finding in findings]
    return [*found, *projects.judge_autoheal(seen.around, seen.projects)]


async def _kept(door: Engine, place: Place) -> Iterable[Finding]:
    images, containers = await asyncio.gather(
        door.call("GET", "images/json"),
        door.call("GET", "containers/json", params={"all": True}),
    )
    names = [str(name) for image in images for name in image.get("RepoTags") or ()]
    here_now = {str((one.get("Labels") or {}).get(PROJECT) or "") for one in containers}
    noted = await in_thread(lambda: kept.noted(place.state_dir, place.state_base))
    return kept.judge_kept(names, noted, here_now)


async def _project(project: Project, seen: discover.Found) -> Iterable[Finding]:
    """Reads its Compose files, where only they tell."""

    def read() -> tuple[Discovered, dict[str, str | None]]:
        texts = {path: read_compose_text(path) for path in compose_paths(project)}
        return build_stack(project, seen.around, texts), texts

    discovered, texts = await in_thread(read)
    files = projects.judge_files(discovered, texts)
    return [*projects.judge_project(discovered), *([] if files is None else [files])]


async def _reach(documents: Documents) -> Iterable[Finding]:
    def look() -> Reach:
        accounting = Accounting()
        try:
            return accounting.reach([target for one in documents if (target := _target(one))])
        finally:
            accounting.close()

    return [judge_reach(await in_thread(look))]


def _target(document: Mapping[str, Any]) -> Target | None:
    pid = (document.get("State") or {}).get("Pid")
    return Target(str(document.get("Id")), pid) if isinstance(pid, int) and pid > 0 else None


async def _here(place: Place) -> list[Finding]:
    async def disk() -> Iterable[Finding]:
        seen = await in_thread(lambda: here.see_disk(place.state_dir))
        return [judge_disk(seen, "the state folder", FREE_DISK)]

    async def folder() -> Iterable[Finding]:
        return [judge_folder(await in_thread(lambda: here.see_folder(place.state_dir)))]

    async def port() -> Iterable[Finding]:
        return [judge_port(place.host, place.port, await here.see_port(place.host, place.port))]

    async def router() -> Iterable[Finding]:
        spec = place.router
        return [] if spec is None else await see_router(spec, place.state_dir)

    found = await asyncio.gather(
        guarded("state folder", folder(), HERE_WITHIN_S),
        guarded("disk", disk(), HERE_WITHIN_S),
        guarded("port", port(), HERE_WITHIN_S),
        guarded(CHECK, router(), HERE_WITHIN_S),
    )
    return [finding for findings in found for finding in findings]
