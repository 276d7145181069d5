"""The folder of a file, opened so that no link on the way to it is followed. Blocks.

Flows in: a path that was resolved before, such as `look.resolved` makes it. Flows out: its folder,
open, and the name in it. Whoever may write to a folder that a service reads (its owner, or the
service itself) can put a link in place of a folder in it at any moment, also after it was looked
at; without this, what is read and written then would be a file of the machine's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextlib.contextmanager
def folder_of(at: str, *, is_made: bool = False) -> Iterator[tuple[int, str]]:
    """(The folder of `at`, the name of the file in it). `is_made`: folders that are missing are
    made.

    Raises:
        NotADirectoryError: a link, or a file, is where a folder was. OSError.
    """
    folder, name = os.path.split(os.path.normpath(at))
    handle = os.open("/", _STEP)
    try:
        for part in filter(None, folder.split("/")):
            below = _opened(part, handle, is_made=is_made)
            os.close(handle)
            handle = below
        yield handle, name
    finally:
        os.close(handle)


def synced(folder: int) -> None:
    """What is in this open folder survives a loss of power."""
    handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _opened(name: str, within: int, *, is_made: bool) -> int:
    try:
        return os.open(name, _STEP, dir_fd=within)
    except FileNotFoundError:
        if not is_made:
            raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=within)
    return os.open(name, _STEP, dir_fd=within)
