"""What the kernel says that a process used: CPU with reaped children, resident and own memory.

Flows in: a pid. Flows out: numbers at this moment. Used by `benchmarks.footprint`; Linux only.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIB = 1024


@dataclass(frozen=True, slots=True)
class Use:
    """CPU since the start, memory now. `pss_bytes` shares what several processes map among them."""

    cpu_s: float = 0.0
    rss_bytes: int = 0
    pss_bytes: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(
            self.cpu_s + other.cpu_s,
            self.rss_bytes + other.rss_bytes,
            self.pss_bytes + other.pss_bytes,
        )


def use_of(pid: int, without: frozenset[int] = frozenset()) -> Use:
    """The process, every child that it has collected, and every one that lives, but for the trees
    below `without`."""
    total = _own(pid)
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children():
            if child.pid not in without:
                with suppress(OSError):  # it has ended, and is among the collected ones soon
                    total += use_of(child.pid, without)
    return total


def branch_of(root: int, pid: int) -> int | None:
    """The child of `root` that `pid` descends from, or is; None when it is no relation."""
    with suppress(psutil.Error):
        line = [psutil.Process(pid), *psutil.Process(pid).parents()]
        for child, parent in itertools.pairwise(line):
            if parent.pid == root:
                return child.pid
    return None


def _own(pid: int) -> Use:
    columns = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    ticks = sum(map(int, columns[11:15]))  # user and system, ours and of collected children
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(value.split()[0]) for name, _, value in (x.partition(":") for x in lines)}
    return Use(ticks / TICKS_PER_S, sizes["Rss"] * KIB, sizes["Pss"] * KIB)
