"""One state folder as the place where an Everup lived: whose it is, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from everup.app.leaving import folder as files
from everup.config import Loaded
from everup.config.found import FOUND
from everup.model.stack import ServiceSpec, Stack
from everup.routing import held_services
from everup.runtimes.docker import traces


@dataclass(frozen=True, slots=True)
class Home:
    """`loaded` is the configuration that it belongs to, where there is one that can be read."""

    folder: Path
    loaded: Loaded | None = None
    logs: Path | None = None
    project: str = field(default="")

    @property
    def is_of_containers(self) -> bool:
        """Does it hold notes on containers?"""
        return (self.folder / files.DOCKER).is_dir()

    @property
    def is_of_processes(self) -> bool:
        """… or on processes?"""
        return (self.folder / "instances").is_dir()

    @property
    def name(self) -> str:
        """What people know it by."""
        if self.project:
            return self.project
        if self.is_of_containers and (named := traces.project_of(traces.store_of(self.folder))):
            return named
        if self.loaded is not None and self.loaded.stack.name:
            return self.loaded.stack.name
        return self.folder.name

    def stack(self) -> Stack:
        """Of containers: a stack that is enough to give back what is held, whether the project
        still runs or not."""
        names = {*traces.held(traces.store_of(self.folder)), *held_services(self.folder)}
        services = {name: ServiceSpec(name) for name in names}
        return Stack(name=self.name, services=services, runtime=FOUND)
