"""The stack that a command is about: declared in a file, found on the engine, or both.

Flows in: the place, flags, perhaps a project's name. Flows out: a Loaded. A file that says
`runtime: docker`, or that is named beside `--project`, refines the project that is found; without a
file the project is found alone. Called by every verb that needs the stack itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from everup.app import runtime_names
from everup.cli.exits import USAGE, Stop
from everup.cli.place import Place
from everup.config import ConfigError, Loaded, load_stack


def load(place: Place, flags: Mapping[str, object], project: str | None = None) -> Loaded:
    """The configuration, or the project that runs.

    Raises:
        Stop: with every problem of it.
    """
    if place.is_without_file():
        return _find(flags, project)
    loaded = read(place, flags, is_found=project is not None and place.names_a_file())
    if loaded.refinement is not None:
        return _find(flags, project, loaded)
    return loaded if project is None else _find(flags, project)  # the file is of another stack


def _find(flags: Mapping[str, object], project: str | None, loaded: Loaded | None = None) -> Loaded:
    from everup.cli.finding import find  # a stack in a file need not load what reads engines

    return find(flags, project, loaded)


def refined(place: Place, flags: Mapping[str, object], project: str | None = None) -> Loaded | None:
    """The word of a file over a project that is found; None: there is no such file here.

    Raises:
        Stop: with every problem of it.
    """
    if place.is_without_file():
        return None
    loaded = read(place, flags, is_found=project is not None and place.names_a_file())
    return loaded if loaded.refinement is not None else None


def read(place: Place, flags: Mapping[str, object], *, is_found: bool = False) -> Loaded:
    """The file alone.

    Raises:
        Stop: 2 with every problem of it.
    """
    try:
        return load_stack(
            place.file, os.environ, flags, runtimes=runtime_names(), is_found=is_found
        )
    except ConfigError as error:
        raise Stop(USAGE, str(error)) from None
