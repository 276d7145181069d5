"""What must be written for files to be as they were kept. Looks at links, changes nothing; blocks.

Flows in: the files as kept, as they are now, and the places that may be written to. Flows out: a
`Change` for each that differs. What lies in none of the places is refused: it is not the service's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from everup.model.errors import GiveUp
from everup.model.runtime import KeptFile
from everup.runtimes.config_files.exchange import Change
from everup.runtimes.config_files.look import TOO_MANY, Look, Source, resolved

FOLDER_OF_PARTS = ".d"
"""Whoever reads `conf.d` reads every file in it."""

IsRead = Callable[[str], bool]
"""Is this folder, by its owner's name for it, read by somebody as configuration?"""


def plan(
    kept: Sequence[KeptFile], now: Look, sources: Sequence[Source], is_read: IsRead
) -> tuple[Change, ...]:
    """In the order of their paths.

    Raises:
        GiveUp: one of them is not the service's any more.
    """
    there = {file.path: file for file in now.files if file.digest}
    changes: list[Change] = []
    for file in kept:
        before = there.get(file.path)
        if file.content is None or (before is not None and _is_same(before, file)):
            continue
        at, is_alone = place_of(file.path, sources)
        if not at:
            raise GiveUp(f"{file.path} is no file that the service reads any more")
        beside = is_alone and _may_lie_beside(file.path, is_read)
        changes.append(Change(file.path, at, before, file, beside))
    known = {file.path for file in kept}
    if any(file.why_not == TOO_MANY for file in kept):
        return tuple(changes)
    for path, file in there.items():
        at, is_alone = place_of(path, sources)
        if path not in known and at and not is_alone:
            changes.append(Change(path, at, file, None))
    return tuple(sorted(changes, key=lambda change: change.path))


def place_of(path: str, sources: Sequence[Source]) -> tuple[str, bool]:
    """(where it is seen from here, is it a source of its own); "" where it is in none of them, or
    behind a link that leads out."""
    if os.path.normpath(path) != path:
        return "", False
    for source in sources:
        if source.why_not or not (at := resolved(source.at)):
            continue
        if path == source.path and not os.path.isdir(at):
            return at, True
        if path.startswith(source.path.rstrip("/") + "/"):
            there = os.path.join(at, path[len(source.path.rstrip("/")) + 1 :])
            folder = os.path.realpath(os.path.dirname(there))
            if folder == at or folder.startswith(at.rstrip("/") + "/"):
                return os.path.join(folder, os.path.basename(there)), False
    return "", False


def _is_same(one: KeptFile, other: KeptFile) -> bool:
    return (one.digest, one.mode, one.uid, one.gid) == (
        other.digest,
        other.mode,
        other.uid,
        other.gid,
    )


def _may_lie_beside(path: str, is_read: IsRead) -> bool:
    folder = os.path.dirname(path)
    return not folder.endswith(FOLDER_OF_PARTS) and not is_read(folder)
