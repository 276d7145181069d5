"""Files that are there whole or not at all, for their owner alone. Blocks; raises OSError."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_MODE, FOLDER_MODE = 0o600, 0o700
FRESH = ".new"
"""Ends the name of a file that is being written; one that stays was cut short."""

NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def write_whole(path: Path, content: bytes) -> None:
    """Under its name only once it is synced; what was there is replaced."""
    with _fresh(path, content) as fresh:
        fresh.replace(path)


def write_once(path: Path, content: bytes) -> None:
    """The same, but that what is there already stays: of several who make it at once, all have that
    of the first."""
    with _fresh(path, content) as fresh:
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            fresh.replace(path)  # a file system without links
        fresh.unlink(missing_ok=True)


@contextmanager
def _fresh(path: Path, content: bytes) -> Iterator[Path]:
    """Written beside it and synced; what its user makes of it is synced at the end."""
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}{FRESH}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(fresh, flags, FILE_MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A name in it is there after a loss of power too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_bounded(path: Path, bytes_most: int) -> bytes | None:
    """Its content, at most one byte more than `bytes_most`; None where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        return file.read(bytes_most + 1)
