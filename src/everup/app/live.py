"""Clock and ids of the living process."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from pathlib import Path

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


class BootClock:
    """The wall clock read once, then carried on by the boot clock: it never jumps, and a suspend
    shows as a gap."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._offset_s + time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall_ahead_s(self) -> float:
        """How far the wall clock is ahead of `now`: 0 until somebody sets it."""
        return time.time() - self.now()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(max(0.0, seconds))


class TimeIds:
    """`inc-…`: milliseconds, then a counter, then chance: sortable, and unique over restarts."""

    def __init__(self, clock: BootClock) -> None:
        self._clock = clock
        self._count = itertools.count()

    def new(self, prefix: str) -> str:
        """A fresh id."""
        number = int(self._clock.now() * 1000)
        text = ""
        while number:
            number, digit = divmod(number, 32)
            text = _DIGITS[digit] + text
        turn = next(self._count) % 1024
        tail = _DIGITS[turn // 32] + _DIGITS[turn % 32] + secrets.choice(_DIGITS)
        return f"{prefix}-{text}{tail}"


def boot_id() -> str:
    """This boot of the host; "" where the kernel does not say."""
    try:
        return BOOT_ID_FILE.read_text().strip()
    except OSError:
        return ""
