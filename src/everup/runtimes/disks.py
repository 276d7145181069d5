"""How full disks are, asked in a way that a disk which hangs cannot hold anybody up.

Flows in: places, each with a look that may block for ever. Flows out: what the looks that came back
have seen. Called by runtimes whose services write to disks.

A pass is made in a thread of its own that nobody waits for longer than a moment. A place whose look
does not come back is left out from then on, and looked at again when it has; after a few of them
nothing is looked at any more. Threads are daemons: a dead server's disk keeps no program from
ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from everup.model.disk import Disk
from everup.model.kinds import UNKNOWN

WAIT_S = 0.5
HANGS_AFTER_S = 2.0
HANGING_MOST = 4


@dataclass(frozen=True, slots=True)
class Place:
    """`key` names it for as long as it is the same. `look` blocks; OSError: it cannot be seen."""

    key: str
    look: Callable[[], Disk | None]


@dataclass(slots=True)
class _Pass:
    places: Sequence[Place]
    began_s: float
    done: asyncio.Event
    found: dict[str, Disk | None] = field(default_factory=dict)
    at: str = ""
    is_given_up: bool = False


class DiskReader:
    """Use on one loop."""

    def __init__(self, *, hangs_after_s: float = HANGS_AFTER_S, wait_s: float = WAIT_S) -> None:
        self._hangs_after_s, self._wait_s = hangs_after_s, wait_s
        self._pass: _Pass | None = None
        self.hanging: set[str] = set()

    async def read(self, places: Sequence[Place]) -> Mapping[str, Disk | None]:
        """By key; who could not be asked by now is missing. While a pass hangs nobody waits."""
        going, found = self._pass, dict[str, Disk | None]()
        if going is not None:
            found = dict(going.found)
            if not going.done.is_set():
                if time.monotonic() - going.began_s < self._hangs_after_s:
                    return found
                going.is_given_up = True
                self.hanging.add(going.at)
            self._pass = None
        asked = [place for place in places if place.key not in self.hanging]
        if not asked or len(self.hanging) >= HANGING_MOST:
            return found
        going = self._pass = _Pass(asked, time.monotonic(), asyncio.Event())
        loop = asyncio.get_running_loop()
        threading.Thread(
            target=self._look, args=(going, loop), name="everup-disks", daemon=True
        ).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._wait_s):
                await going.done.wait()
        if going.done.is_set():
            self._pass = None
        return {**found, **going.found}

    def _look(self, going: _Pass, loop: asyncio.AbstractEventLoop) -> None:
        for place in going.places:
            going.at = place.key
            try:
                seen = place.look()
            except OSError:
                seen = None
            if going.is_given_up:
                with contextlib.suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(self.hanging.discard, place.key)
                return
            going.found[place.key] = seen
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(going.done.set)


def disk_of(
    descriptor: int,
    where: str,
    name: str,
    device: str,
    *,
    is_root: bool,
    counts_files: bool,
    at_s: float,
) -> Disk | None:
    """What an open descriptor lies on. What is kept back for root counts for root alone. None: it
    has no size, or cannot be written to."""
    seen = os.fstatvfs(descriptor)
    if seen.f_blocks <= 0 or seen.f_flag & os.ST_RDONLY:
        return None
    unit = seen.f_frsize or seen.f_bsize
    free = seen.f_bfree if is_root else seen.f_bavail
    files = seen.f_ffree if is_root else seen.f_favail
    has_files = counts_files and seen.f_files > 0
    return Disk(
        where=where,
        name=name,
        device=device,
        size_bytes=float(seen.f_blocks * unit),
        free_bytes=float(free * unit),
        free_files=float(files) if has_files else UNKNOWN,
        at_s=at_s,
    )
