"""Commands as a person can type them: with the `-f FILE` that this one was given.

Set once by a verb for its own run; read by everything that prints a command.
"""

from __future__ import annotations

import shlex
from contextvars import ContextVar

from everup.cli.place import Place

_ADDED: ContextVar[str] = ContextVar("added", default="")


def remember(place: Place) -> None:
    """From now on, hints say where this command was told to look."""
    added = "" if place.file is None else f" -f {shlex.quote(str(place.file))}"
    added += "" if place.state_dir is None else f" --state-dir {shlex.quote(str(place.state_dir))}"
    added += "" if place.project is None else f" --project {shlex.quote(place.project)}"
    _ADDED.set(added if place.url is None else f" --url {shlex.quote(place.url)}")


def typed(command: str) -> str:
    """`everup heal web -f shop.yaml`."""
    return f"everup {command}{_ADDED.get()}"
