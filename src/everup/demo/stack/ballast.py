"""What a service holds for nothing: the leak, the unbounded cache and the open files of the knobs.

It is mapped page by page outside of Python's own heap, so that what is let go really goes back to
the system and the size that the kernel reports follows at once.
"""

from __future__ import annotations

import errno
import mmap
import os

MIB = 1 << 20
TOTAL_MAX_MIB = 1024
"""Beyond this nothing grows: the host is not the one to be tried."""


class Ballast:
    """``leak`` only grows; ``cache`` can be cleared; ``held`` and ``files`` follow their knob."""

    def __init__(self) -> None:
        self.leak: list[mmap.mmap] = []
        self.cache: list[mmap.mmap] = []
        self.held: list[mmap.mmap] = []
        self.files: list[int] = []

    @property
    def mib(self) -> int:
        return len(self.leak) + len(self.cache) + len(self.held)

    def hold(self, mib: int, files: int) -> None:
        """Exactly so much, as far as the process may have it."""
        while len(self.held) > mib:
            self.held.pop().close()
        self.grow(self.held, mib - len(self.held))
        while len(self.files) > files:
            os.close(self.files.pop())
        try:
            while len(self.files) < files:
                self.files.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise

    def grow(self, blocks: list[mmap.mmap], mib: int) -> None:
        """Adds whole mebibytes, every page touched so that it is really there."""
        for _ in range(min(mib, TOTAL_MAX_MIB - self.mib)):
            block = mmap.mmap(-1, MIB)
            block.write(b"\x01" * MIB)
            blocks.append(block)

    def clear_cache(self) -> int:
        """Gives the cache back; returns how many mebibytes that were."""
        freed = len(self.cache)
        for block in self.cache:
            block.close()
        self.cache.clear()
        return freed


def resident_bytes() -> int:
    """The resident set of this process, as the kernel counts it."""
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
