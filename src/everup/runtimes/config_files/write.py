"""One file made to be another one, in place: the same inode, so that a bind of it shows it too.

Flows in: what is to be there. Flows out: it is there and synced, or what was there still is. Room
is taken before the first byte is changed, so that a full disk is found in time. No link is followed
on the way to it: see `reach`. Blocks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from everup.model.runtime import KeptFile
from everup.runtimes.config_files.reach import folder_of, synced

_NO_ROOM_KEPT = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_OPEN = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def write_in_place(at: str, wanted: KeptFile, *, keeps_room: bool = True) -> None:
    """Have this content, owner and mode there; a file that is gone is made. `keeps_room` False:
    what is there is worth nothing, so that it is tried in any case.

    Raises:
        OSError: it could not be had. Where nothing was changed yet, nothing is.
    """
    content = wanted.content
    if content is None:
        raise OSError(errno.ENODATA, "its content was not kept")
    with folder_of(at, is_made=True) as (folder, name):
        _write(folder, name, wanted, content, keeps_room=keeps_room)
        synced(folder)


def _write(folder: int, name: str, wanted: KeptFile, content: bytes, *, keeps_room: bool) -> None:
    try:
        handle = os.open(name, _OPEN, dir_fd=folder)
    except FileNotFoundError:
        handle = os.open(name, _OPEN | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file any more")
        if keeps_room:
            _keep_room(handle, len(content), before.st_size)
        written = 0
        while written < len(content):
            written += os.pwrite(handle, content[written:], written)
        os.ftruncate(handle, len(content))
        _be_owned(handle, wanted, before)
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_beside(at: str, file: KeptFile) -> None:
    """A new file with this content, owner and mode, synced.

    Raises:
        OSError: it could not be made; half of it is taken away.
    """
    with folder_of(at) as (folder, name):
        handle = os.open(name, _OPEN | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        try:
            try:
                with os.fdopen(handle, "wb", closefd=False) as stream:
                    stream.write(file.content or b"")
                with contextlib.suppress(PermissionError):  # whoever kept it may read it then
                    _be_owned(handle, file, os.fstat(handle))
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        synced(folder)


def take_away(at: str) -> None:
    """The file is gone, whether it was there or not. Its content was kept before."""
    with contextlib.suppress(FileNotFoundError), folder_of(at) as (folder, name):
        os.unlink(name, dir_fd=folder)
        synced(folder)


def is_between(now: bytes, old: bytes, new: bytes) -> bool:
    """Could it be what is left of `old` when `new` was being written over it, at any moment?"""
    longest = max(len(old), len(new))
    padded = old.ljust(longest, b"\0")
    same = next((n for n, (a, b) in enumerate(zip(now, new, strict=False)) if a != b), None)
    reached = min(len(now), len(new)) if same is None else same
    if reached == len(now):
        return True  # the beginning of it, where there was nothing before
    return len(now) in {len(old), len(new), longest} and now[reached:] == padded[reached : len(now)]


def _keep_room(handle: int, wanted: int, there: int) -> None:
    if wanted <= there:
        return
    try:
        os.posix_fallocate(handle, 0, wanted)
    except OSError as error:
        if error.errno in _NO_ROOM_KEPT:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(handle, there)
        raise


def _be_owned(handle: int, wanted: KeptFile, now: os.stat_result) -> None:
    if (now.st_uid, now.st_gid) != (wanted.uid, wanted.gid):
        os.fchown(handle, wanted.uid, wanted.gid)
        now = os.fstat(handle)
    if stat.S_IMODE(now.st_mode) != wanted.mode:
        os.fchmod(handle, wanted.mode)
