"""Services as containers of a Docker Engine, found by the labels that Compose gives them.

Enters as the plugin `docker` of the group `everup.runtimes`. Read `runtime.py` for the verbs,
`engine.py` for how the engine is asked, `roster.py` for what is known of the containers,
`replace.py` for why no container is ever lost. `discovery/` makes a stack of what runs,
`accounting/` measures it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from everup.loop.ports import Clock
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.sums import SumKey
from everup.runtimes.docker.manifest import MANIFEST
from everup.runtimes.life_key import key_of_this_life

if TYPE_CHECKING:  # what talks to an engine takes long to load: not for whoever only reads
    from everup.runtimes.docker.engine import Engine
    from everup.runtimes.docker.runtime import DockerRuntime


async def create(
    stack: Stack,
    state_dir: Path,
    clock: Clock,
    settings: Settings,
    *,
    key: SumKey | None = None,
    engine: Engine | None = None,
) -> DockerRuntime:
    """A runtime over this project's containers, open. The engine is the one that DOCKER_HOST, the
    current context, or the usual socket leads to. `key`: versions are made with it; without one
    they hold for this life.

    Raises:
        GiveUp, TryAgain: there is no engine, or it does not answer.
    """
    from everup.runtimes.docker.engine import Engine
    from everup.runtimes.docker.runtime import DockerRuntime

    runtime = DockerRuntime(
        stack, state_dir, clock, settings, engine or Engine(), key or key_of_this_life()
    )
    await runtime.open()
    return runtime


__all__ = ["MANIFEST", "create"]
