"""A file that is rotated by size: `everup.log`, `everup.log.1` (younger) … `.4` (oldest).

Only the log book's thread writes. A disk that is full or gone loses lines, which are counted, and
is tried again with the next line after a while.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

RETRY_S = 5.0


class RotatingFile:
    """At most `files` files of about `file_bytes` each. `written` and `lost` count lines."""

    def __init__(self, path: Path, file_bytes: int, files: int) -> None:
        self._path, self._file_bytes, self._files = path, file_bytes, files
        self._descriptor: int | None = None
        self._size = 0
        self._not_before_s = 0.0
        self.written = self.lost = 0

    def open(self) -> None:
        """Append to the present file.

        Raises:
            OSError: it cannot be opened.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def write(self, lines: Sequence[str]) -> None:
        """These lines, whole; never raises."""
        now_s = time.monotonic()
        if now_s < self._not_before_s:
            self.lost += len(lines)
            return
        for index, line in enumerate(lines):
            try:
                self._write_one(line.encode("utf-8", "backslashreplace") + b"\n")
            except OSError:
                self.close()
                self._not_before_s = now_s + RETRY_S
                self.lost += len(lines) - index
                return
            self.written += 1

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _write_one(self, data: bytes) -> None:
        if self._descriptor is None:
            self.open()
        if self._size and self._size + len(data) > self._file_bytes:
            self._rotate()
        assert self._descriptor is not None
        written = os.write(self._descriptor, data)
        if written < len(data):
            os.ftruncate(self._descriptor, self._size)
            raise OSError("the disk took half a line")
        self._size += written

    def _rotate(self) -> None:
        self.close()
        if self._files == 1:
            self._path.unlink(missing_ok=True)
        for number in range(self._files - 1, 0, -1):
            younger = self._path if number == 1 else self._numbered(number - 1)
            if younger.exists():
                younger.replace(self._numbered(number))
        self.open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
