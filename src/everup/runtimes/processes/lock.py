"""One controller per state folder: a lock that the kernel gives back whatever becomes of us."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from everup.model.errors import AskAHuman


class FolderLock:
    """Held from `take` to `give_back`; a crash gives it back too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def take(self) -> None:
        """Become the one controller.

        Raises:
            AskAHuman: another one holds it; names its pid.
            OSError: the file cannot be opened.
        """
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            os.close(handle)
            raise AskAHuman(
                f"another Everup (pid {holder}) already runs the services of {self._path.parent}; "
                "stop it, or use another state folder"
            ) from None
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def give_back(self) -> None:
        """Let the next one in; twice is fine."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
