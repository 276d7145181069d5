"""How many files processes have open, of how many each may: facts from /proc, no decisions.

Flows in: pids. Flows out: the figures of the process that is nearest to its own limit, since the
limit is a process's and not a service's. Called by the runtimes, in a thread, a few times a minute.
Newer kernels (6.2) tell the number as the size of a folder; on older ones its names are counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from everup.model.kinds import UNKNOWN, is_known

INTERVAL_S = 15.0
"""How seldom runtimes look, at true pace: files leak slowly."""
PROCESSES_MOST = 64
"""Of one instance; the first ones, which its main process leads."""
FILES_MOST = 200_000
_LIMIT = b"Max open files"
_LIMITS_BYTES = 4096


class Descriptors(NamedTuple):
    """Open files of one process, and how many it may have; NaN is unknown."""

    opened: float = UNKNOWN
    most: float = UNKNOWN

    @property
    def ratio(self) -> float:
        """Of its limit."""
        return self.opened / self.most if self.most > 0 else UNKNOWN


NOT_COUNTED = Descriptors()


def fullest(root: str, pids: Iterable[int]) -> Descriptors:
    """Of the process that is nearest to its limit; unknown where none may be looked at."""
    worst = Descriptors()
    for pid in islice(pids, PROCESSES_MOST):
        seen = Descriptors(_count(f"{root}/{pid}/fd"), _most(f"{root}/{pid}/limits"))
        if is_known(seen.ratio) and not seen.ratio <= worst.ratio:
            worst = seen
    return worst


def _count(folder: str) -> float:
    try:
        if size := os.stat(folder).st_size:
            return float(size)
        with os.scandir(folder) as names:
            return float(sum(1 for _ in islice(names, FILES_MOST)))
    except OSError:
        return UNKNOWN


def _most(path: str) -> float:
    """`Max open files   1024   524288   files`: the first number is what binds."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return UNKNOWN
    try:
        content = os.read(handle, _LIMITS_BYTES)
    except OSError:
        return UNKNOWN
    finally:
        os.close(handle)
    for line in content.splitlines():
        if line.startswith(_LIMIT):
            words = line[len(_LIMIT) :].split()
            return float(words[0]) if words and words[0].isdigit() else UNKNOWN
    return UNKNOWN
