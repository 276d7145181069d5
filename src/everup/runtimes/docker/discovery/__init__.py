"""What runs on an engine → stacks, from the engine's own JSON: no calls, no files but Compose's.

    containers = read_containers(documents of docker inspect)
    around = look_around(containers, our own environment, our own container's id)
    for project in projects(containers, our own container's id):
        files = {path: read_compose_text(path) for path in compose_paths(project)}
        discovered = build_stack(project, around, files)

Called by the docker runtime and by whoever asks a person which projects to watch. Nothing raises on
odd documents: what cannot be understood is missing, and said in a note.
"""

from everup.runtimes.docker.discovery.around import Around, look_around
from everup.runtimes.docker.discovery.autoheal import AutohealBeside, AutohealSettings
from everup.runtimes.docker.discovery.build import Discovered, build_stack
from everup.runtimes.docker.discovery.compose_file import compose_paths
from everup.runtimes.docker.discovery.compose_text import read_compose_text
from everup.runtimes.docker.discovery.container import Container, OwnerCheck, PublishedPort
from everup.runtimes.docker.discovery.grouping import (
    Project,
    ProjectKind,
    is_own,
    projects,
    read_containers,
)
from everup.runtimes.docker.discovery.labels import read_labels
from everup.runtimes.docker.discovery.nature import nature_of
from everup.runtimes.docker.discovery.notes import Note
from everup.runtimes.docker.discovery.traits import Traits, expected_names

__all__ = [
    "Around",
    "AutohealBeside",
    "AutohealSettings",
    "Container",
    "Discovered",
    "Note",
    "OwnerCheck",
    "Project",
    "ProjectKind",
    "PublishedPort",
    "Traits",
    "build_stack",
    "compose_paths",
    "expected_names",
    "is_own",
    "look_around",
    "nature_of",
    "projects",
    "read_compose_text",
    "read_containers",
    "read_labels",
]
