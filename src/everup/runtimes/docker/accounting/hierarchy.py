"""Which control groups there are here, and where among them a container is.

Flows in: the folder under which they are mounted; a container's id and, where it is to be had, what
/proc/PID/cgroup says of it. Flows out: its folder for each controller.

What /proc says comes first; it is of no use where the mount shows another part of the tree than the
one that /proc speaks of. Then the two usual layouts. Then one bounded walk, which also finds custom
parents, rootless engines, and engines inside of containers: a whole id in a folder's name is proof.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DEPTH_MOST = 8
FOLDERS_MOST = 5000

CONTROLLERS = ("memory", "cpuacct", "cpu", "blkio", "pids")
"""Of version 1, the one first by whose folders containers are looked for."""

LAYOUTS = ("docker/{id}", "system.slice/docker-{id}.scope")
_CONTAINER = re.compile(r"^(?:[a-z-]+-)?([0-9a-f]{64})(?:\.scope)?$")


class Version(StrEnum):
    """Hybrid is version 1 with an empty tree of version 2 beside it, and is read as version 1."""

    V1 = "v1"
    V2 = "v2"
    HYBRID = "hybrid"


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Mounted trees: controller → folder; with version 2 one for all. Without version: why not."""

    version: Version | None = None
    trees: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""

    @property
    def first(self) -> str:
        """The tree by which containers are looked for."""
        return next(iter(self.trees.values()), "")

    def folders(self, path: str) -> Mapping[str, str] | None:
        """A path of /proc/PID/cgroup or of a layout, as a folder in each tree; None: not there."""
        path = path.strip("/")
        if not self.trees or not path or ".." in path.split("/"):
            return None
        if not os.path.isdir(os.path.join(self.first, path)):
            return None
        return {name: os.path.join(tree, path) for name, tree in self.trees.items()}


def detect(root: str) -> Hierarchy:
    """What is mounted under a folder."""
    try:
        names = sorted(os.listdir(root))
    except OSError as error:
        return Hierarchy(why_not=f"{root} cannot be read: {error.strerror or error}")
    if "cgroup.controllers" in names:
        return Hierarchy(Version.V2, {"": root})
    trees: dict[str, str] = {}
    for controller in CONTROLLERS:
        for name in names:
            if controller in name.split(","):
                trees[controller] = os.path.join(root, name)
                break
    if "memory" not in trees or "cpuacct" not in trees:
        return Hierarchy(why_not=f"{root} holds no control groups with memory and cpuacct")
    is_hybrid = os.path.exists(os.path.join(root, "unified", "cgroup.controllers"))
    return Hierarchy(Version.HYBRID if is_hybrid else Version.V1, trees)


def is_host_root(hierarchy: Hierarchy) -> bool:
    """Is the tree seen from its very root? A container's own view of it begins further down."""
    if hierarchy.version is Version.V2:
        return not os.path.exists(os.path.join(hierarchy.first, "cgroup.events"))
    return os.path.exists(os.path.join(hierarchy.first, "release_agent"))


def said_path(content: bytes, container: str) -> str | None:
    """The path that /proc/PID/cgroup gives for the container, preferably in the memory tree.

    None when the container's id does not occur: it is not known to be its process.
    """
    found: str | None = None
    for line in content.decode(errors="replace").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if container not in path:
            continue
        if "memory" in controllers.split(","):
            return path
        found = found or path
    return found


def find(hierarchy: Hierarchy, container: str, said: str | None) -> Mapping[str, str] | None:
    """The container's folders, by what is cheap to try."""
    for path in (said or "", *(layout.format(id=container) for layout in LAYOUTS)):
        folders = hierarchy.folders(path)
        if folders is not None and container in path:
            return folders
    return None


def index(hierarchy: Hierarchy) -> Mapping[str, str]:
    """Container id → path, by a walk that does not go into containers and ends at its bound."""
    return dict(_walk(hierarchy.first)) if hierarchy.trees else {}


def _walk(root: str) -> Iterator[tuple[str, str]]:
    folders, seen = [("", 0)], 0
    while folders:
        path, depth = folders.pop()
        try:
            with os.scandir(os.path.join(root, path)) as entries:
                names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError:
            continue
        for name in names:
            seen += 1
            if seen > FOLDERS_MOST:
                return
            inner = os.path.join(path, name)
            if match := _CONTAINER.match(name):
                yield match[1], inner
            elif depth + 1 < DEPTH_MOST:
                folders.append((inner, depth + 1))
