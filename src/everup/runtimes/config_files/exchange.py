"""Files of a service exchanged for others as one: all of them or none, whatever happens meanwhile.

Flows in: what is there and what is to be there. Flows out: the others, written in place, and the
broken ones kept. Everything that is needed to undo it is written down and synced before the first
byte changes:

    noted → broken ones kept beside → written in place → noted as written
        → the service was started again: `keep`, the note goes
        → it could not be:               `put_back`, everything is as it was, the note goes

A note that is found later is that of an exchange which was cut short: see `unfinished`. Whoever
edited a file in between has the last word on it. All blocks, and is called in a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from everup.model.errors import GiveUp, TryAgain
from everup.model.runtime import KeptFile
from everup.runtimes import files
from everup.runtimes.config_files.look import BROKEN, read_whole
from everup.runtimes.config_files.write import (
    copy_beside,
    is_between,
    take_away,
    write_in_place,
)

KEPT_MOST = 3
"""Broken ones of the same file; the oldest go."""
SUFFIX = ".json"
LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Change:
    """One file. `old` None: there was none; `new` None: there is to be none. `is_beside`: its
    folder is read by nobody as configuration, so that the broken one may lie beside it."""

    path: str
    at: str
    old: KeptFile | None
    new: KeptFile | None
    is_beside: bool = False
    kept_at: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A note. `is_written`: all of them; `noted_at_s`: when that was noted, by the kernel's clock,
    as the starts of containers are; `at_s`: by ours."""

    service: str
    changes: tuple[Change, ...] = field(repr=False)
    is_written: bool = False
    noted_at_s: float = 0.0
    at_s: float = 0.0


class FileExchange:
    """Notes in `folder`, and broken ones that cannot lie beside."""

    def __init__(self, folder: Path, now_s: Callable[[], float]) -> None:
        self._notes = folder / "exchanges"
        self._broken = Path(os.path.realpath(folder)) / "broken"
        self._now_s = now_s

    def write(self, service: str, changes: Sequence[Change]) -> None:
        """All of them, or none.

        Raises:
            GiveUp, TryAgain: none was changed, or all are as they were again.
        """
        with self._alone():
            self._write(service, changes)

    def _write(self, service: str, changes: Sequence[Change]) -> None:
        if self.unfinished(service) is not None:
            raise TryAgain(f"an earlier exchange of {service}'s files is not over")
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._now_s()))
        note = Unfinished(service, tuple(self._with_place(c, service, stamp) for c in changes))
        self._note(note)
        try:
            for change in note.changes:
                _need_as_planned(change)
                self._keep_broken(change)
            for change in note.changes:
                _be(change.at, change.new)
            self._note(replace(note, is_written=True))
        except (OSError, TryAgain) as error:
            trouble = self._put_back(service)
            text = f"a configuration file of {service} could not be written: {error}"
            raise GiveUp(f"{text}; {trouble}" if trouble else text) from error

    def keep(self, service: str) -> Sequence[str]:
        """It is over; where the broken ones are, in sentences."""
        note = self.unfinished(service)
        if note is None:
            return ()
        self._forget(service)
        for change in note.changes:
            self._prune(change)
        return [_said(change) for change in note.changes]

    def put_back(self, service: str) -> str:
        """Everything as it was, but for what somebody has edited since. What could not be had, in
        words; "" when all is as it was.

        Raises:
            TryAgain: not now; the note stays.
        """
        with self._alone():
            return self._put_back(service)

    def _put_back(self, service: str) -> str:
        note = self.unfinished(service)
        if note is None:
            return ""
        trouble = []
        for change in note.changes:
            try:
                if not _is_somebodys(change):
                    _be(change.at, change.old, keeps_room=False)
                    if change.kept_at:
                        take_away(change.kept_at)
                else:
                    trouble.append(
                        f"{change.path} was changed by somebody meanwhile and is left so"
                    )
            except OSError as error:
                raise TryAgain(f"{change.path} could not be put back: {error}") from error
        self._forget(service)
        return "; ".join(trouble)

    def unfinished(self, service: str) -> Unfinished | None:
        """The exchange of this service that is not over.

        Raises:
            TryAgain: it cannot be read now.
        """
        path = self._path(service)
        if not path.exists():  # a start must not depend on a descriptor being free
            return None
        found = files.load(path)
        return _parsed(found, path.stat().st_mtime) if isinstance(found, Mapping) else None

    def all_unfinished(self) -> Sequence[str]:
        """Services with one. Raises TryAgain."""
        return [files.name_of(path) for path in files.listed(self._notes, SUFFIX)]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Whoever was lost while it wrote may write on for a moment; nobody writes beside it."""
        try:
            files.make_folder(self._notes)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            handle = os.open(self._notes / LOCK, flags, files.FILE_MODE)
        except OSError as error:
            raise TryAgain(f"the exchange of files was not noted: {error}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _with_place(self, change: Change, service: str, stamp: str) -> Change:
        if change.old is None:
            return change
        name = f"{os.path.basename(change.at)}{BROKEN}{stamp}"
        folder = os.path.dirname(change.at)
        if not change.is_beside or not os.access(folder, os.W_OK | os.X_OK):
            own = self._broken / files.file_name(service, "")
            short = hashlib.sha256(change.path.encode()).hexdigest()[:8]
            name, folder = f"{short}-{name}", str(own)
        return replace(change, kept_at=os.path.join(folder, name))

    def _keep_broken(self, change: Change) -> None:
        if change.old is None:
            return
        if change.kept_at.startswith(f"{self._broken}/"):
            files.make_folder(Path(change.kept_at).parent)
        with contextlib.suppress(FileExistsError):  # twice within a second: the first one is it
            copy_beside(change.kept_at, change.old)

    def _prune(self, change: Change) -> None:
        """Of the same file the newest few stay."""
        if not change.kept_at:
            return
        folder, name = os.path.split(change.kept_at)
        begins = name.rpartition(BROKEN)[0] + BROKEN
        ours = re.compile(re.escape(begins) + r"\d{8}T\d{6}Z")
        with contextlib.suppress(OSError):
            kept = sorted(n for n in os.listdir(folder) if ours.fullmatch(n))
            for old in kept[:-KEPT_MOST]:
                take_away(os.path.join(folder, old))

    def _note(self, note: Unfinished) -> None:
        try:
            files.make_folder(self._notes)
            at_s = self._now_s()
            files.save(self._path(note.service), {**_content(note), "at_s": at_s})
        except OSError as error:
            raise TryAgain(f"the exchange of files was not noted: {error}") from error

    def _forget(self, service: str) -> None:
        try:
            files.remove(self._path(service))
        except OSError as error:
            raise TryAgain(f"the note of an exchange was not removed: {error}") from error

    def _path(self, service: str) -> Path:
        return self._notes / files.file_name(service, SUFFIX)


def _be(at: str, wanted: KeptFile | None, *, keeps_room: bool = True) -> None:
    if wanted is None:
        take_away(at)
    else:
        write_in_place(at, wanted, keeps_room=keeps_room)


def _need_as_planned(change: Change) -> None:
    """Whoever edited it since it was looked at has an edit that nobody has kept.

    Raises:
        TryAgain: it is another one by now. OSError.
    """
    try:
        now = read_whole(change.at)[0]
    except FileNotFoundError:
        return  # nothing of it can be lost
    if change.old is None or now != (change.old.content or b""):
        raise TryAgain(f"{change.path} was changed just now")


def _is_somebodys(change: Change) -> bool:
    """Is it neither the old nor the new one, nor something in between?"""
    try:
        now, _ = read_whole(change.at)
    except FileNotFoundError:
        return change.old is not None and change.new is not None
    except NotADirectoryError:
        return True  # a link, or a file, is where its folder was
    old = b"" if change.old is None else change.old.content or b""
    new = b"" if change.new is None else change.new.content or b""
    return not (now in (old, new) or is_between(now, old, new))


def _said(change: Change) -> str:
    if change.new is None:
        return f"{change.path} was not there before; it is kept as {change.kept_at}"
    if change.old is None:
        return f"{change.path} is there again"
    return f"{change.path} is as it was; the changed one is kept as {change.kept_at}"


def _content(note: Unfinished) -> Mapping[str, Any]:
    return {
        "service": note.service,
        "is_written": note.is_written,
        "changes": [
            {**_texts(change), "old": _file(change.old), "new": _file(change.new)}
            for change in note.changes
        ],
    }


_TEXTS = ("path", "at", "is_beside", "kept_at")


def _texts(change: Change) -> dict[str, Any]:
    return {name: getattr(change, name) for name in _TEXTS}


def _file(file: KeptFile | None) -> Mapping[str, Any] | None:
    if file is None:
        return None
    return {**asdict(file), "content": b64encode(file.content or b"").decode()}


def _parsed(found: Mapping[str, Any], noted_at_s: float) -> Unfinished | None:
    try:
        changes = tuple(
            Change(
                **{name: one[name] for name in _TEXTS}, old=_kept(one["old"]), new=_kept(one["new"])
            )
            for one in found["changes"]
        )
        is_written, at_s = found["is_written"] is True, float(found["at_s"])
        return Unfinished(str(found["service"]), changes, is_written, noted_at_s, at_s)
    except (KeyError, TypeError, ValueError):
        return None


def _kept(found: Mapping[str, Any] | None) -> KeptFile | None:
    return None if found is None else KeptFile(**{**found, "content": b64decode(found["content"])})
