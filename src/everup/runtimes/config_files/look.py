"""Find the configuration files below some places, and read them. Blocks: call it in a thread.

Flows in: `Source`s, each a file or a small folder. Flows out: `KeptFile`s, a digest that is equal
for equal ones and made with a key, since it is shown, and when they last changed. Only regular
files are opened, no link is followed (also none that comes while one looks, see `reach`), and
everything is bounded: what is too many or too large is not kept, with the reason. A file is read
again only when the kernel says that it may be another one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from everup.model.runtime import KeptFile
from everup.model.sums import SumKey
from everup.model.version import EMPTY
from everup.runtimes.config_files.reach import folder_of

FILES_MOST = 64
FILE_BYTES_MOST = 256 * 1024
TOTAL_BYTES_MOST = 2 * 1024 * 1024
ENTRIES_MOST = 512
"""Looked at in one folder and those in it, at all: a folder with more is no configuration."""
DEPTH_MOST = 6
KNOWN_MOST = 4096
READS_MOST = 3
"""Of one file that is being written while it is read."""
SETTLES_S = 2.0
"""So young a file may change once more within one tick of the kernel's clock: it is read again."""
DIGITS = 12

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

TOO_MANY = f"more than {FILES_MOST} files"
TOO_LARGE = f"larger than {FILE_BYTES_MOST // 1024} KiB"
TOO_MUCH = f"more than {TOTAL_BYTES_MOST // (1024 * 1024)} MiB together"
NO_FILE = "no regular file"


@dataclass(frozen=True, slots=True)
class Source:
    """A file or a folder. `path`: as its owner calls it; `at`: where it is seen from here.
    `why_not`: why it cannot be seen at all. `is_secret`: what is in it is shown to nobody."""

    path: str
    at: str = ""
    why_not: str = ""
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One file of a source. `is_alone`: the source is this very file, and not a folder."""

    path: str
    at: str
    is_alone: bool
    is_secret: bool = False
    why_not: str = ""


Key = tuple[int, int, int, int, int]


@dataclass(slots=True)
class _Known:
    key: Key
    digest: str
    since_s: float
    is_settled: bool
    mode: int = 0
    uid: int = 0
    gid: int = 0
    size: int = 0
    why_not: str = ""
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Look:
    """What there is. `digest`: "" where nothing is known of files; an empty folder is known, and
    what comes into it later is another version. `changed_at_s`: when the newest of them
    became what it is, as the kernel says it; minus infinity for none."""

    files: tuple[KeptFile, ...] = ()
    digest: str = ""
    changed_at_s: float = float("-inf")


class Looker:
    """Remembers what it has read. One thread at a time."""

    def __init__(self, now_s: Callable[[], float], key: SumKey) -> None:
        self._now_s, self._key = now_s, key
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def look(self, sources: Sequence[Source], *, with_content: bool = False) -> Look:
        """All files of these. Never raises: what cannot be read says why."""
        kept: list[KeptFile] = []
        changed_at_s, total = float("-inf"), 0
        for number, found in enumerate(sorted(_all(sources), key=lambda f: f.path)):
            if number >= FILES_MOST:
                kept.append(KeptFile(found.path, why_not=TOO_MANY))
                break
            one = self._one(found, with_content=with_content)
            if one is None:
                continue
            file, since_s, size = one
            total += size
            if total > TOTAL_BYTES_MOST and file.digest:
                file = replace(file, digest="", content=None, why_not=TOO_MUCH)
            if file.digest:
                changed_at_s = max(changed_at_s, since_s)
            kept.append(file)
        digest = digest_of(kept, self._key)
        if not kept and any(_is_folder(source) for source in sources):
            digest = EMPTY
        return Look(tuple(kept), digest, changed_at_s)

    def _one(self, found: Found, *, with_content: bool) -> tuple[KeptFile, float, int] | None:
        """The file, since when it is so, and its size; None where there is none."""
        if found.why_not:
            return KeptFile(found.path, why_not=found.why_not), 0.0, 0
        try:
            with folder_of(found.at) as (folder, name):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISREG(status.st_mode):
                return KeptFile(found.path, why_not=NO_FILE), 0.0, 0
            known = self._known.get(found.at)
            if known is None or known.key != key_of(status) or not known.is_settled or with_content:
                known = self._read(found.at, known, status, with_content=with_content)
        except OSError as error:
            if error.errno in _GONE:
                self._known.pop(found.at, None)
                return None
            return self._unreadable(found, error)
        self._known[found.at] = replace(known, content=None)
        self._known.move_to_end(found.at)
        while len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)
        return self._file(found, known, known.why_not), known.since_s, known.size

    def _file(self, found: Found, known: _Known, why_not: str) -> KeptFile:
        return KeptFile(
            found.path,
            known.digest,
            known.content,
            known.mode,
            known.uid,
            known.gid,
            why_not,
            found.is_secret,
        )

    def _read(
        self, at: str, before: _Known | None, status: os.stat_result, *, with_content: bool
    ) -> _Known:
        if status.st_size > FILE_BYTES_MOST:
            return _known(status, "", 0.0, is_settled=True, why_not=TOO_LARGE)
        content, status = read_whole(at)
        digest = hashlib.sha256(content).hexdigest()
        since_s, now_s = max(status.st_mtime, status.st_ctime), self._now_s()
        is_settled = now_s - since_s > SETTLES_S
        if before is not None and before.digest == digest:
            since_s = before.since_s  # touched, linked or copied over by its equal
        found = _known(status, digest, min(since_s, now_s), is_settled=is_settled)
        return replace(found, content=content) if with_content else found

    def _unreadable(self, found: Found, error: OSError) -> tuple[KeptFile, float, int]:
        """What was read before counts on: that it cannot be read now is no change of it."""
        why = f"it cannot be read: {error.strerror or error}"
        known = self._known.get(found.at)
        if known is None:
            return KeptFile(found.path, why_not=why), 0.0, 0
        return self._file(found, known, why), known.since_s, known.size


def _known(
    status: os.stat_result, digest: str, since_s: float, *, is_settled: bool, why_not: str = ""
) -> _Known:
    return _Known(
        key_of(status),
        digest,
        since_s,
        is_settled,
        stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        min(status.st_size, FILE_BYTES_MOST),
        why_not,
    )


def key_of(status: os.stat_result) -> Key:
    """Another one when the content may be another."""
    return (
        status.st_dev,
        status.st_ino,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_size,
    )


def read_whole(at: str) -> tuple[bytes, os.stat_result]:
    """The content of a regular file, and what it was read from.

    Raises:
        OSError: there is none, it cannot be read, it is too large, or it is being written.
    """
    for _ in range(READS_MOST):
        with folder_of(at) as (folder, name):
            handle = os.open(name, _FLAGS, dir_fd=folder)
        with os.fdopen(handle, "rb") as file:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode):
                raise OSError(errno.EINVAL, NO_FILE)
            content = file.read(FILE_BYTES_MOST + 1)
            after = os.fstat(handle)
        if len(content) > FILE_BYTES_MOST:
            raise OSError(errno.EFBIG, TOO_LARGE)
        if key_of(before) == key_of(after):
            return content, after
    raise OSError(errno.EBUSY, "it is being written")


def digest_of(files: Sequence[KeptFile], key: SumKey) -> str:
    """Equal for equal files with equal owners and modes; of those whose content is known."""
    parts = [f"{f.path}\0{f.digest}\0{f.mode:o}\0{f.uid}\0{f.gid}" for f in files if f.digest]
    return key.sum("files", "\0\0".join(parts), DIGITS) if parts else ""


def _is_folder(source: Source) -> bool:
    return not source.why_not and os.path.isdir(resolved(source.at) or os.devnull)


def _all(sources: Sequence[Source]) -> Iterator[Found]:
    for source in dict.fromkeys(sources):
        if source.why_not:
            yield Found(source.path, "", True, why_not=source.why_not)
            continue
        try:
            yield from _of(source)
        except OSError as error:
            if error.errno not in _GONE:
                why = f"it cannot be looked at: {error.strerror or error}"
                yield Found(source.path, source.at, True, why_not=why)


def _of(source: Source) -> Iterator[Found]:
    at = resolved(source.at)
    if not at:
        yield Found(source.path, source.at, True, why_not="a link that leads out of its folder")
        return
    mode = os.stat(at).st_mode
    if not stat.S_ISDIR(mode):
        why = "" if stat.S_ISREG(mode) else NO_FILE
        yield Found(source.path, at, True, source.is_secret, why_not=why)
        return
    found = _inside(at)
    if found is None:
        yield Found(source.path, at, False, why_not=TOO_MANY)
        return
    for name in found:
        path, there = os.path.join(source.path, name), os.path.join(at, name)
        yield Found(path, there, False, source.is_secret)


def resolved(at: str) -> str:
    """Where a file or folder really is; "" where a link at its end leads out of its folder."""
    real, folder = os.path.realpath(at), os.path.realpath(os.path.dirname(at))
    return real if real == folder or real.startswith(folder.rstrip("/") + "/") else ""


def _inside(folder: str) -> list[str] | None:
    """Names of regular files in it, from there; None: there is too much in it."""
    waiting, entries, files = [("", 0)], 0, list[str]()
    while waiting:
        below, depth = waiting.pop()
        with os.scandir(os.path.join(folder, below)) as listed:
            for entry in listed:
                entries += 1
                name = os.path.join(below, entry.name)
                if entries > ENTRIES_MOST or len(files) > FILES_MOST:
                    return None
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEPTH_MOST:
                        waiting.append((name, depth + 1))
                elif entry.is_file(follow_symlinks=False) and not is_ours(entry.name):
                    files.append(name)
    return None if len(files) > FILES_MOST else files


BROKEN = ".everup-broken-"


def is_ours(name: str) -> bool:
    """Is it a broken one that we kept beside?"""
    return BROKEN in name
