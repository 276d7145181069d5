"""Where files of the engine's host are seen from here, if they are.

Flows in: paths of the host. Flows out: paths of ours, or why there is none. On the host itself they
are the same. In a container only what is mounted into it is seen, and the engine says from where.
Whoever uses the host's names in a container of another engine looks like the host: so where we may
be in a container, the engine's own folder must be in sight.
"""

from __future__ import annotations

import asyncio
import os.path
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everup.model.errors import EverupError
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.nearness import Nearness

FAR = "the engine is on another machine, whose files cannot be seen from here"
UNSEEN = "it is not mounted into the container that Everup runs in"
MOUNTS = Path("/proc/self/mountinfo")


class HostPaths:
    """Knows it once `open` has asked the engine."""

    def __init__(self, engine: Engine, nearness: Nearness, mounts: Path = MOUNTS) -> None:
        self._engine, self._nearness, self._mounts = engine, nearness, mounts
        self._ours: Sequence[tuple[str, str]] | None = None
        """Folder of the host → where we see it; None: nothing is seen."""

    async def open(self) -> None:
        """Is the host's file system ours, or which parts of it?"""
        if not self._nearness.is_here:
            return
        own = self._nearness.own
        if own is not None:
            self._ours = mounts_of(own)
        elif not self._nearness.may_be_inside or await self._is_root_of_host():
            self._ours = (("/", "/"),)

    def of(self, path: str) -> tuple[str, str]:
        """(where it is, why it is nowhere); one of both is ""."""
        if self._ours is None:
            return "", FAR
        for source, here in self._ours:
            if path == source or source == "/" or path.startswith(source.rstrip("/") + "/"):
                return os.path.normpath(os.path.join(here, os.path.relpath(path, source))), ""
        return "", UNSEEN

    async def _is_root_of_host(self) -> bool:
        try:
            info = await self._engine.get("info")
            root = str(info.get("DockerRootDir") or "")
            lines = self._mounts.read_text().splitlines()
        except (EverupError, OSError):
            return False
        roots = [line for line in lines if line.split()[4:5] == ["/"]]
        is_layered = any(" - overlay " in line for line in roots)
        return bool(root) and await asyncio.to_thread(os.path.isdir, root) and not is_layered


def mounts_of(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The binds of a container: folder of the host → folder in it, the longest first."""
    found = [
        (str(mount["Source"]), str(mount["Destination"]))
        for mount in document.get("Mounts") or ()
        if mount.get("Type") == "bind" and mount.get("Source") and mount.get("Destination")
    ]
    return sorted(found, key=lambda pair: -len(pair[0]))
