"""Short files of the kernel: kept open where there is room, since opening costs most of a read.

Every reader answers b"" for what cannot be read, NaN for what is not said.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping

from everup.model.kinds import UNKNOWN

READ_BYTES_MOST = 64 * 1024
KEPT_MOST = 4096
KEPT_SHARE = 2
"""One part in so many of the descriptors that this process may have."""


def kept_most() -> int:
    """How many descriptors accounting may keep open here."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return KEPT_MOST if soft == resource.RLIM_INFINITY else min(KEPT_MOST, soft // KEPT_SHARE)


def read_short(path: str, folder: int | None = None) -> bytes:
    """What one read gives, relative to an open folder if there is one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    try:
        return os.read(handle, READ_BYTES_MOST)
    except OSError:
        return b""
    finally:
        os.close(handle)


class Files:
    """Some files by name, below an open folder if there is one.

    A kept one that has vanished stays unreadable: who comes after it under the same path is
    somebody else.
    """

    def __init__(self, paths: Mapping[str, str], *, keeps: bool, folder: int | None = None) -> None:
        self._paths = paths
        self._folder = folder
        self._handles: dict[str, int] = {}
        for name, path in paths.items() if keeps else ():
            try:
                self._handles[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
            except OSError:
                continue

    def read(self, name: str) -> bytes:
        """The content of one."""
        handle = self._handles.get(name)
        if handle is None:
            return read_short(self._paths[name], self._folder) if name in self._paths else b""
        try:
            return os.pread(handle, READ_BYTES_MOST, 0)
        except OSError:
            return b""

    def close(self) -> None:
        """Let go of all."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()
        self._paths = {}


def number(content: bytes) -> float:
    """A file that is one number."""
    try:
        return float(int(content))
    except ValueError:
        return UNKNOWN


def value_of(content: bytes, key: bytes) -> float:
    """The number behind a key at the beginning of a line."""
    prefix = key + b" "
    at = 0 if content.startswith(prefix) else content.find(b"\n" + prefix) + 1
    if at == 0 and not content.startswith(prefix):
        return UNKNOWN
    end = content.find(b"\n", at)
    return number(content[at + len(prefix) : end if end >= 0 else len(content)])
