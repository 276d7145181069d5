"""Names of ours on images that nobody known holds any more: their state folder is gone.

Flows in: the names of images on an engine, what the state folders of this account have noted, and
the projects that are there. Flows out: findings. None is taken away: an Everup in a container, or
of another account, keeps its notes where they are not seen from here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from everup.app.doctor.findings import Finding, count, some, weak
from everup.loop.pins import stack_in, word_of
from everup.runtimes.docker.store import PINNED
from everup.runtimes.docker.traces import store_of

CHECK = "kept images"
FOLDERS_MOST = 200


def noted(state_dir: Path, base: Path | None) -> frozenset[str]:
    """What is noted in this state folder and in those below a base. Reads files.

    Raises:
        TryAgain: not all of it could be read.
    """
    below = sorted(base.glob("*/docker"))[:FOLDERS_MOST] if base is not None else []
    folders = {state_dir, *(path.parent for path in below)}
    return frozenset(name for folder in folders for name in store_of(folder).all(PINNED))


def judge_kept(
    names: Iterable[str], known: Collection[str], projects: Collection[str]
) -> Sequence[Finding]:
    """Nothing where each name has somebody who may hold it."""
    words = {word_of(project) for project in projects if project}
    orphans = sorted(
        {n for n in names if (word := stack_in(n)) and n not in known and word not in words}
    )
    if not orphans:
        return ()
    whose = some(sorted({stack_in(name) for name in orphans}))
    left = f"{count(len(orphans), 'image name')} of an Everup whose notes are not here, for {whose}"
    fix = f"where no Everup watches it elsewhere: docker rmi {' '.join(orphans[:3])}"
    return [weak(CHECK, left, fix + (" …" if len(orphans) > 3 else ""))]
