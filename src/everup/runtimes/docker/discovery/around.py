"""What of the engine matters to every project: who else heals here, and who exists. Pure.

Made once for each look at the engine, and handed to `build_stack` with each project.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from everup.runtimes.docker.discovery.autoheal import (
    AutohealBeside,
    AutohealSettings,
    find_beside,
    read_environment,
)
from everup.runtimes.docker.discovery.container import Container


@dataclass(frozen=True, slots=True)
class Around:
    """`autoheal` is what our own variables say, `beside` are the tool's containers that run."""

    autoheal: AutohealSettings = field(default_factory=AutohealSettings)
    beside: tuple[AutohealBeside, ...] = ()
    container_ids: frozenset[str] = frozenset()

    def healer_of(self, one: Container) -> str:
        """The autoheal beside us that restarts this container; "" when none does."""
        return next(
            (healer.container for healer in self.beside if healer.settings.handles(one)), ""
        )


def look_around(
    containers: Iterable[Container],
    environ: Mapping[str, str] = MappingProxyType({}),
    own_id: str = "",
) -> Around:
    """`environ` is our own environment, `own_id` our own container if we are in one."""
    containers = tuple(containers)
    return Around(
        autoheal=read_environment(environ),
        beside=find_beside(containers, own_id),
        container_ids=frozenset(one.id for one in containers),
    )
