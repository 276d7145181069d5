"""Small facts of this runtime that must survive it: what is held, what is to be applied.

Flows in: a room, a name and a JSON-able value. Flows out: the value, or None. Each value is a file
of its own, readable by its owner alone: it may hold secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everup.model.errors import TryAgain
from everup.runtimes import files

SUFFIX = ".json"
WATCHED, PINNED = "watched", "pinned"
"""Rooms: whose notes these are, and the names that we gave to images."""


class Store:
    """Rooms of named values below one folder. Files are small: calls do not go to a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, room: str, name: str, value: Mapping[str, Any]) -> None:
        """Keep it, before this returns, also through a loss of power.

        Raises:
            TryAgain: it could not be written; what was there still is.
        """
        try:
            files.make_folder(self._folder / room)
            files.save(self._path(room, name), value)
        except OSError as error:
            raise TryAgain(f"what is held of {name} was not written: {error}") from error

    def get(self, room: str, name: str) -> Mapping[str, Any] | None:
        """What is kept under this name.

        Raises:
            TryAgain: it could not be read now; it is still there.
        """
        found = files.load(self._path(room, name))
        return found if isinstance(found, Mapping) else None

    def all(self, room: str) -> Mapping[str, Mapping[str, Any]]:
        """Everything in a room, by name.

        Raises:
            TryAgain: not all of it could be read now.
        """
        paths = files.listed(self._folder / room, SUFFIX)
        found = {files.name_of(path): files.load(path) for path in paths}
        return {name: value for name, value in found.items() if isinstance(value, Mapping)}

    def remove(self, room: str, name: str) -> None:
        """Forget it."""
        if not (self._folder / room).is_dir():
            return
        try:
            files.remove(self._path(room, name))
        except OSError as error:
            raise TryAgain(f"what is held of {name} was not removed: {error}") from error

    def _path(self, room: str, name: str) -> Path:
        return self._folder / room / files.file_name(name, SUFFIX)
