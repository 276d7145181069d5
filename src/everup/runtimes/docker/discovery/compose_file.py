"""What Compose files say of who needs whom. Pure: the texts are given. Called by `edges_declared`.

Compose 1 leaves no `depends_on` on its containers, so there its files are the only place where it
stands; Compose 2 writes the resolved list on each container, and then no file is needed. So what
only Compose 2 knows, `include` for one, is tolerated and not followed, and neither is `extends`,
which in Compose 1 never hands `depends_on` or `links` on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import yaml

from everup.runtimes.docker.discovery.compose_nodes import compose, entries, scalars
from everup.runtimes.docker.discovery.container import COMPOSE
from everup.runtimes.docker.discovery.grouping import Project, ProjectKind
from everup.runtimes.docker.discovery.notes import Note

FILES_MOST = 16
DEPENDS_ON_LABEL = COMPOSE + "depends_on"
COMPLETED = "service_completed_successfully"
STARTED = "service_started"
_OLD_FORM_SIGNS = {"image", "build"}


@dataclass(frozen=True, slots=True)
class Need:
    """One dependency as the file has it."""

    target: str
    condition: str = STARTED
    is_required: bool = True
    field: str = "depends_on"


@dataclass(slots=True)
class Declared:
    """What the files together say of one service, by target."""

    needs: dict[str, Need] = field(default_factory=dict)
    network_of: str = ""  # the service whose network it uses
    volumes_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComposeFiles:
    """All files of a project, merged. `source` is how edges from them are called."""

    services: Mapping[str, Declared]
    source: str = "Compose file"
    notes: tuple[Note, ...] = ()


def compose_paths(project: Project) -> tuple[str, ...]:
    """The files to read for this project, absolute; none where the labels say it all."""
    if project.kind is not ProjectKind.COMPOSE or not _needs_files(project):
        return ()
    folder = PurePosixPath(project.working_dir)
    found = [folder / name for name in project.config_files[:FILES_MOST] if name != "-"]
    return tuple(str(path) for path in found if path.is_absolute())


def read_files(project: Project, texts: Mapping[str, str | None]) -> ComposeFiles:
    """The project's files merged in their order; what cannot be read is said."""
    paths = compose_paths(project)
    services: dict[str, Declared] = {}
    read, notes = [], []
    for path in paths:
        text = texts.get(path)
        root = None if text is None else compose(text)
        if root is None:
            notes.append(_unreadable(path, is_there=text is not None))
            continue
        read.append(PurePosixPath(path).name)
        for name, service in _services(root).items():
            _merge(services.setdefault(name, Declared()), service)
    if read:
        notes.append(Note("", f"who needs whom was read from {', '.join(read)}"))
    elif not paths and project.kind is ProjectKind.COMPOSE and _needs_files(project):
        notes.append(
            Note(
                "",
                "its containers do not say which Compose files they come from, so depends_on is "
                "not known",
                "add everup.depends_on labels, or start the project with Compose 2",
            )
        )
    return ComposeFiles(services, ", ".join(read) or "Compose file", tuple(notes))


def _needs_files(project: Project) -> bool:
    """Does any service lack the label in which Compose 2 says what it depends on?"""
    return any(DEPENDS_ON_LABEL not in copies[0].labels for copies in project.services.values())


def _unreadable(path: str, *, is_there: bool) -> Note:
    if is_there:
        return Note(path, "is no Compose file that can be understood, so its depends_on is unknown")
    return Note(
        path,
        "cannot be read from here, so its depends_on is unknown",
        "mount the project's folder read-only at the same path, or add everup.depends_on labels",
    )


def _services(root: yaml.Node) -> dict[str, yaml.Node]:
    """The services of the file, also of the oldest form, where they stand at the top."""
    top = entries(root)
    if "services" in top or "version" in top:
        return entries(top.get("services"))
    return {name: node for name, node in top.items() if _OLD_FORM_SIGNS & entries(node).keys()}


def _merge(declared: Declared, node: yaml.Node) -> None:
    """Lay one file's service over what earlier files say of it."""
    fields = entries(node)
    for name in ("links", "depends_on"):
        if name not in fields:
            continue
        if fields[name].tag in {"!reset", "!override"}:
            declared.needs = {t: n for t, n in declared.needs.items() if n.field != name}
        if fields[name].tag != "!reset":
            declared.needs.update({need.target: need for need in _needs(name, fields[name])})
    mode = "".join(scalars(fields.get("network_mode")) or scalars(fields.get("net")))
    if mode:
        kind, _, other = mode.partition(":")
        declared.network_of = other if kind == "service" else ""
    if "volumes_from" in fields:
        listed = scalars(fields["volumes_from"])
        declared.volumes_from = tuple(
            one.partition(":")[0] for one in listed if not one.startswith("container:")
        )


def _needs(name: str, node: yaml.Node) -> Sequence[Need]:
    if isinstance(node, yaml.MappingNode):
        return [_described(target, inner) for target, inner in entries(node).items()]
    # A link may carry an alias: `db:database`.
    return [Need(one.partition(":")[0], field=name) for one in scalars(node)]


def _described(target: str, node: yaml.Node) -> Need:
    fields = entries(node)
    condition = "".join(scalars(fields.get("condition"))) or STARTED
    required = "".join(scalars(fields.get("required"))).lower()
    return Need(target, condition, required not in {"false", "no"})
