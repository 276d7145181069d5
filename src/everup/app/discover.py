"""From what runs on a Docker Engine to a stack, where nobody wrote a file.

Flows in: our environment, perhaps the name of a project. Flows out: a `Loaded` over the project's
services, or the names to choose from. Asks the engine twice, and changes nothing. Called by
`everup up` and by whoever shows what is there.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from everup.app.access.own import own_ids
from everup.app.autoheal import take_over
from everup.app.strangers import strangers
from everup.config import Loaded
from everup.model.errors import AskAHuman, EverupError, GiveUp
from everup.model.stack import Limits, ProbeOrigin, ProbeSpec, ServiceSpec, Stack
from everup.runtimes.docker import traces, undeclared
from everup.runtimes.docker.discovery import (
    Around,
    Discovered,
    Project,
    ProjectKind,
    Traits,
    build_stack,
    compose_paths,
    look_around,
    projects,
    read_compose_text,
    read_containers,
)
from everup.runtimes.docker.discovery.image_word import IMAGE_LABELS
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.store import Store

CONTAINERS_MOST = 2000
CONSENT = "true"  # the value of autoheal's label, by whatever name
NO_MACHINE = Limits(math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Found:
    """What is on the engine. `own_project`: the one that we ourselves are a container of;
    `machine`: all that the host has."""

    address: str
    projects: tuple[Project, ...]
    around: Around
    own_project: str = ""
    machine: Limits = NO_MACHINE

    def named(self, name: str) -> Project:
        """The project of this name.

        Raises:
            GiveUp: there is none; names those that there are.
        """
        for project in self.projects:
            if project.name == name:
                return project
        known = ", ".join(p.name for p in self.projects) or "none"
        raise GiveUp(f"--project: there is no project {name!r} on this engine; there are: {known}")

    def the_one(self) -> Project | None:
        """The project that is meant without asking: our own, or the only one; None: ask.

        Raises:
            AskAHuman: there is nothing to watch.
        """
        if self.own_project:
            return self.named(self.own_project)
        composed = [p for p in self.projects if p.kind is ProjectKind.COMPOSE and p.services]
        some = composed or [p for p in self.projects if p.services]
        if not some:
            raise AskAHuman(
                f"no container runs on {self.address}: start your services with docker compose up, "
                "or write an everup.yaml"
            )
        return some[0] if len(some) == 1 else None


async def look(environ: Mapping[str, str], engine: Engine | None = None) -> Found:
    """Ask the engine.

    Raises:
        GiveUp, TryAgain: there is no engine, or it does not answer.
    """
    door = engine or Engine()
    await door.open()
    try:
        documents = await read_documents(door)
        found = await asyncio.to_thread(understand, door.address, documents, environ)
        return replace(found, machine=await _machine(door))
    finally:
        await door.close()


async def read_documents(door: Engine) -> list[Mapping[str, Any]]:
    """What `docker inspect` says of each container, through a door that is open.

    Raises:
        GiveUp, TryAgain: there are too many, or the engine does not answer.
    """
    lines = await door.call("GET", "containers/json", params={"all": True})
    if len(lines) > CONTAINERS_MOST:
        raise GiveUp(f"the engine has {len(lines)} containers; at most {CONTAINERS_MOST} will do")
    asked = await asyncio.gather(*(_document(door, str(line["Id"])) for line in lines))
    found = [document for document in asked if document is not None]
    images = dict.fromkeys(str(one.get("Image") or "") for one in found if _may_be_images(one))
    said = await asyncio.gather(*(_labels_of_image(door, image) for image in images))
    of_image: dict[str, Any] = dict(zip(images, said, strict=True))
    return [{**one, IMAGE_LABELS: of_image.get(str(one.get("Image") or ""), {})} for one in found]


def load(found: Found, project: Project, loaded: Loaded) -> tuple[Loaded, Discovered]:
    """The project as a stack, with the word of an everup.yaml laid over it, at the pace that was
    asked for. Blocks for the reading of Compose files.

    Raises:
        ConfigError: the file names what is not there.
    """
    files = {path: read_compose_text(path) for path in compose_paths(project)}
    seen = build_stack(project, found.around, files)
    inferred = strangers(seen)
    store = traces.store_of(loaded.options.state_dir)
    services = {
        name: _as_declared(
            _with_check(spec, seen.traits[name], inferred.get(name)),
            seen.traits[name],
            store,
            found.machine,
        )
        for name, spec in seen.stack.services.items()
    }
    stack: Stack = replace(seen.stack, services=services)
    is_managed = bool(project.managed_by)  # by an orchestrator, and then only observed
    said: tuple[str, ...] = ()
    if loaded.refinement is not None:
        stack, said = loaded.refinement.over(stack, is_managed=is_managed)
        stack = replace(stack, file=loaded.stack.file)
    loaded = replace(loaded, stack=stack) if is_managed else loaded.with_stack(stack)
    notes = (*said, *(str(note) for note in seen.notes if note.is_mistake or note.holds_back))
    loaded = replace(loaded, warnings=tuple(dict.fromkeys((*loaded.warnings, *notes))))
    return take_over(loaded, found.around.autoheal, project, found.projects), seen


def understand(
    address: str, documents: Sequence[Mapping[str, Any]], environ: Mapping[str, str]
) -> Found:
    """The same from documents at hand."""
    containers = read_containers(documents)
    ids = own_ids()
    own = next((one for of in ids for one in containers if one.id.startswith(of)), None)
    own_id = own.id if own is not None else ""
    return Found(
        address,
        projects(containers, own_id),
        look_around(containers, environ, own_id),
        own.project if own is not None else "",
    )


async def _document(engine: Engine, container: str) -> Mapping[str, Any] | None:
    try:
        document: Mapping[str, Any] = await engine.get(f"containers/{container}/json")
    except Gone:
        return None
    return document


def _may_be_images(document: Mapping[str, Any]) -> bool:
    """Does it have a label of which it matters whether it is its image's?"""
    labels = (document.get("Config") or {}).get("Labels") or {}
    return any(
        name.startswith(("everup.", "autoheal")) or value == CONSENT
        for name, value in labels.items()
    )


async def _labels_of_image(door: Engine, image: str) -> Mapping[str, Any] | None:
    """None: they cannot be had, as through a door that does not show images."""
    try:
        document = await door.get(f"images/{image}/json")
    except GiveUp:
        return None
    return (document.get("Config") or {}).get("Labels") or {}


async def _machine(door: Engine) -> Limits:
    """All of it; a door in front of the engine may keep that to itself."""
    try:
        info = await door.get("info")
    except EverupError:
        return NO_MACHINE
    memory, cpus = info.get("MemTotal"), info.get("NCPU")
    return Limits(float(memory or math.inf), float(cpus or math.inf))


def _as_declared(spec: ServiceSpec, traits: Traits, store: Store, machine: Limits) -> ServiceSpec:
    """What an Everup set is not what the owner declared, also after a crash of it."""
    limits = undeclared.declared(store, traits.container_ids[0], spec.limits, machine)
    return replace(spec, limits=limits)


def _with_check(spec: ServiceSpec, traits: Traits, inferred: ProbeSpec | str | None) -> ServiceSpec:
    """The owner's healthcheck is the service's probe, unless a label declares another one; then
    comes what it is known to speak. Of one that borrows its network it is at least seen whether
    that is still there."""
    if spec.probe is not None:
        return spec
    check = traits.check
    if check is None:
        why = inferred if isinstance(inferred, str) else ""
        probe = inferred if isinstance(inferred, ProbeSpec) else None
        if traits.network_of:
            probe = ProbeSpec(is_owners=True, origin=ProbeOrigin.NETWORK)
        return replace(spec, probe=probe, unasked_because=why)
    probe = ProbeSpec(is_owners=True, interval_s=check.interval_s, timeout_s=check.timeout_s)
    return replace(spec, probe=probe)
