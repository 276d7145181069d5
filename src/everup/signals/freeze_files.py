"""Freezes by file: `touch freeze` in the state folder stops everything, `freeze-api` one service.

Flows in: the folder. Flows out: scope ("" = the stack) → reason. Called by the loop's samplers.
Works while the database, the API and the command line do not: that is what it is for. The first
line of a file is its reason. A folder that cannot be read freezes the stack, and says so.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NAME = "freeze"
PREFIX = "freeze-"
FILES_MOST = 1000
REASON_BYTES_MOST = 200


class FreezeFiles:
    """Looks at names first, and reads only what is there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def freezes(self) -> Mapping[str, str]:
        """Never raises."""
        try:
            names = [
                entry.name
                for entry in os.scandir(self._folder)
                if entry.name == NAME or entry.name.startswith(PREFIX)
            ]
        except FileNotFoundError:
            return {}
        except OSError as error:
            return {"": f"the state folder cannot be read: {error.strerror}"}
        return {
            "" if name == NAME else name.removeprefix(PREFIX): self._reason(name)
            for name in sorted(names)[:FILES_MOST]
        }

    def _reason(self, name: str) -> str:
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return f"file {name}"
        try:
            content = os.read(handle, REASON_BYTES_MOST)
        except OSError:
            content = b""
        finally:
            os.close(handle)
        first = content.decode(errors="replace").strip().partition("\n")[0]
        clean = "".join(c if c.isprintable() else " " for c in first)
        return f"file {name}" + (f": {clean}" if clean else "")
