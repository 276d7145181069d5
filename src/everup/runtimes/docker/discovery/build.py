"""A project on the engine → a Stack, with traits of its services and notes for people. Pure.

Called by whoever looks at the engine, with the texts of the files that `compose_paths` names (None
for those that cannot be read). Everup's own containers, one-offs, and services whose label says
`everup.enable=false` are in no Stack, so nothing is ever done to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType

from everup.model.kinds import Mode
from everup.model.stack import FREEZE_LABEL, NO_WORDS, ServiceSpec, Stack
from everup.runtimes.docker.discovery.around import Around
from everup.runtimes.docker.discovery.compose_file import ComposeFiles, Declared, read_files
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.edges import find_edges
from everup.runtimes.docker.discovery.edges_declared import engine_edges, waits_for_end
from everup.runtimes.docker.discovery.edges_environment import environment_edges
from everup.runtimes.docker.discovery.grouping import Project
from everup.runtimes.docker.discovery.labels import Wishes, read_labels
from everup.runtimes.docker.discovery.names import Names
from everup.runtimes.docker.discovery.notes import Note
from everup.runtimes.docker.discovery.remarks import project_notes, service_notes
from everup.runtimes.docker.discovery.specs import Context, spec, traits
from everup.runtimes.docker.discovery.statefulness import family_of
from everup.runtimes.docker.discovery.traits import Traits

RUNTIME = "docker"
_NO_FILES: Mapping[str, str | None] = MappingProxyType({})
_NOWHERE = Around()


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found. `traits` has a value for each service of the stack."""

    stack: Stack
    traits: Mapping[str, Traits]
    project: Project
    left_out: tuple[str, ...] = ()  # services that their owner wants left alone
    notes: tuple[Note, ...] = ()


def build_stack(
    project: Project,
    around: Around = _NOWHERE,
    files: Mapping[str, str | None] = _NO_FILES,
    mode: Mode = Mode.OBSERVE,
) -> Discovered:
    """The stack of this project. `mode` is the stack's; a managed one only observes."""
    wishes = {name: _wishes(copies) for name, copies in project.services.items()}
    left_out = tuple(name for name, wish in wishes.items() if not wish.is_enabled)
    project = replace(
        project,
        services={n: copies for n, copies in project.services.items() if n not in left_out},
    )
    compose = read_files(project, files)
    edges = find_edges(
        project,
        compose,
        labelled={name: wish.edges for name, wish in wishes.items()},
        refused={name: wish.refused_edges for name, wish in wishes.items()},
        critical={n: wish.critical for n, wish in wishes.items() if wish.critical is not None},
        products=frozenset(n for n, copies in project.services.items() if family_of(n, copies)),
    )
    context = Context(project, around, Names(project))
    found = _traits(context, compose)
    specs: dict[str, ServiceSpec] = {}
    notes = [*project_notes(project, around, left_out), *compose.notes, *edges.notes]
    for name, seen in found.items():
        specs[name], said = spec(context, seen, wishes[name], edges.by_service[name])
        standby = specs[name].standby
        if standby and (standby == name or standby not in found):
            specs[name] = replace(specs[name], standby="")
            text = f"everup.standby names {standby}, which is no other service of this project"
            notes.append(Note(name, text, is_mistake=True))
        notes += [*wishes[name].notes, *said, *service_notes(seen, specs[name])]
    stack = Stack(
        name=project.name,
        services=specs,
        mode=Mode.OBSERVE if project.managed_by else mode,
        runtime=RUNTIME,
    )
    stack = replace(stack, digest=_digest(stack))
    return Discovered(stack, found, project, left_out, tuple(dict.fromkeys(notes)))


def _wishes(copies: tuple[Container, ...]) -> Wishes:
    """What the first copy's labels say; a freeze, or being left out, counts on any of them."""
    first, *others = [read_labels(one.name, one.labels, one.image_labels) for one in copies]
    found = first
    for other in others:
        if _freezes(other) and not _freezes(found):
            freeze = other.labels[FREEZE_LABEL]
            found = replace(found, labels={**found.labels, FREEZE_LABEL: freeze})
        found = replace(found, is_enabled=found.is_enabled and other.is_enabled)
    if any(other.labels != first.labels for other in others):
        text = "the copies carry different everup labels; those of this one count, a freeze of any"
        note = Note(f"container {copies[0].name}", text, "recreate the others")
        found = replace(found, notes=(*found.notes, note))
    return found


def _freezes(wishes: Wishes) -> bool:
    return wishes.labels.get(FREEZE_LABEL, "").strip().lower() not in NO_WORDS


def _traits(context: Context, compose: ComposeFiles) -> dict[str, Traits]:
    project = context.project
    declared = {name: compose.services.get(name, Declared()) for name in project.services}
    awaited: dict[str, list[str]] = {}
    children: dict[str, list[str]] = {}
    used = _used(project, context.names)
    for name, copies in project.services.items():
        for target in waits_for_end(copies[0], declared[name]):
            awaited.setdefault(target, []).append(name)
        for one in copies:
            holder = context.names.service(one.namespace_of) if one.namespace_of else ""
            if (holder := holder or declared[name].network_of) and one.namespace_of:
                if name not in children.setdefault(holder, []):
                    children[holder].append(name)
    return {
        name: traits(
            context,
            name,
            declared_network=declared[name].network_of,
            children=children.get(name, ()),
            awaited_by=awaited.get(name, ()),
            is_used=name in used,
        )
        for name in project.services
    }


def _used(project: Project, names: Names) -> frozenset[str]:
    """Services that others would reach: by a variable, an argument, a link or a shared network.
    Who only starts after another one does not use it by that."""
    found: set[str] = set()
    for name, copies in project.services.items():
        first = copies[0]
        edges = [*engine_edges(first, names), *environment_edges(first, names.reachable(first))]
        found |= {edge.target for edge in edges if edge.target != name}
    return frozenset(found)


def _digest(stack: Stack) -> str:
    """Equal for equal stacks, whichever containers they are made of."""
    content = json.dumps(asdict(stack), sort_keys=True, default=str)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:16]
