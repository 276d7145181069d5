"""Runtimes by name, through the door that is open to everybody: Python entry points.

Flows in: what is installed, in the group `everup.runtimes`; our own `processes` is declared there
like anyone else's. Flows out: names for the check of `runtime:`, and a module with `MANIFEST` and
`create`. Called by the engine and by the verbs that read a stack file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from everup.loop.ports import Clock, Runtime
from everup.model.errors import GiveUp
from everup.model.runtime import RuntimeManifest
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.sums import SumKey

RUNTIMES = "everup.runtimes"


class Create(Protocol):
    """Makes a runtime, open. `key`: what may hold secrets is part of its versions only as a sum
    that is made with it, and its mark is part of their scheme; None: nothing of this life is
    written down."""

    def __call__(
        self,
        stack: Stack,
        state_dir: Path,
        clock: Clock,
        settings: Settings,
        /,
        *,
        key: SumKey | None = None,
    ) -> Awaitable[Runtime]: ...


class RuntimePlugin(Protocol):
    """What the entry point of a runtime must name: a module, or anything with these two."""

    MANIFEST: RuntimeManifest
    create: Create


def runtime_names() -> tuple[str, ...]:
    """Every runtime that is installed, in the order of the alphabet."""
    return tuple(sorted(_found()))


def load_runtime(name: str) -> RuntimePlugin:
    """The plugin of this name.

    Raises:
        GiveUp: there is none, or it is broken; names the field, the value and what there is.
    """
    found = _found()
    if name not in found:
        known = ", ".join(sorted(found)) or "none, not even our own: install everup again"
        raise GiveUp(f"runtime: {name!r} is not installed; known are: {known}")
    try:
        plugin = found[name].load()
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise GiveUp(
            f"runtime: {name!r} cannot be loaded from {found[name].value}: "
            f"{type(error).__name__}: {error}; mend or uninstall that package"
        ) from error
    missing = [part for part in ("MANIFEST", "create") if not hasattr(plugin, part)]
    if missing:
        lacks = " and no ".join(missing)
        raise GiveUp(f"runtime: {name!r} is no runtime: {found[name].value} has no {lacks}")
    return cast(RuntimePlugin, plugin)


def _found() -> Mapping[str, EntryPoint]:
    """The first of each name wins, as it does everywhere in Python."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=RUNTIMES):
        found.setdefault(entry.name, entry)
    return found
