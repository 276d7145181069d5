"""Memory, CPU and pressure of the host. Flows in: /proc; flows out: numbers, NaN where unreadable.

Called by `signals.host` once a look. Reading all of it takes a fraction of a millisecond and never
waits, so it is done in the loop. Inside of a container these files describe the whole host.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from everup.model.kinds import UNKNOWN, is_known

READ_MOST_BYTES = 65536
LEAST_TICKS = 2
"""Kernel ticks (usually 10 ms each) that must have passed for a CPU ratio to mean anything."""
_KIB = 1024.0
_FIELDS = 8  # user nice system idle iowait irq softirq steal; guest time is inside of user
_IDLE, _IO_WAIT = 3, 4


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes; `available` is what can be had without swapping."""

    total_bytes: float = UNKNOWN
    available_bytes: float = UNKNOWN


class Machine:
    """Reads the files below `proc`; remembers the last CPU counters."""

    def __init__(self, proc: Path = Path("/proc"), cpu_count: int | None = None) -> None:
        self._proc = proc
        self._cpu_count = cpu_count or os.cpu_count() or 1
        self._before: tuple[float, float] | None = None
        self._cpu_ratio = UNKNOWN

    @property
    def processors(self) -> int:
        """How many it has."""
        return self._cpu_count

    def memory(self) -> Memory:
        """Total and available memory."""
        lines = self._read("meminfo").splitlines()
        values = dict(line.split(":", 1) for line in lines if ":" in line)
        return Memory(_kib(values.get("MemTotal")), _kib(values.get("MemAvailable")))

    def cpu_ratio(self) -> float:
        """Busy share of all cores since the previous call, 0 to 1; NaN on the first one.

        Called again within two kernel ticks, the last value is given again.
        """
        now = _busy_and_total(self._read("stat"))
        before = self._before
        if now is None:
            return UNKNOWN
        if before is None:
            self._before = now
            return UNKNOWN
        busy, total = now[0] - before[0], now[1] - before[1]
        if total >= LEAST_TICKS * self._cpu_count:
            self._before = now
            self._cpu_ratio = min(1.0, max(0.0, busy / total))
        return self._cpu_ratio

    def pressure_ratio(self) -> float:
        """Share of the last ten seconds in which runnable work waited for a CPU, 0 to 1.

        From the kernel's pressure stall information (`some avg10`). Where it is not built in, from
        the load average: the share of runnable work that finds no core, over the last minute. The
        load also counts work that waits for a disk, so the fallback errs towards more pressure,
        which makes Everup do less.
        """
        pressure = _pressure(self._read("pressure/cpu"))
        return pressure if is_known(pressure) else self._load_ratio()

    def _load_ratio(self) -> float:
        words = self._read("loadavg").split()
        load = _number(words[0]) if words else UNKNOWN
        if not is_known(load) or load <= 0:
            return 0.0 if load == 0 else UNKNOWN
        return max(0.0, 1.0 - self._cpu_count / load)

    def _read(self, name: str) -> str:
        """The file's text; empty when it cannot be read."""
        try:
            with (self._proc / name).open("rb") as file:
                return file.read(READ_MOST_BYTES).decode("ascii", "replace")
        except OSError:
            return ""


def _pressure(text: str) -> float:
    """`some avg10=1.23 …` as 0.0123."""
    for line in text.splitlines():
        if line.startswith("some "):
            for word in line.split():
                if word.startswith("avg10="):
                    return _number(word.removeprefix("avg10=")) / 100.0
    return UNKNOWN


def _busy_and_total(text: str) -> tuple[float, float] | None:
    """Ticks of all cores, from the first line of /proc/stat."""
    words = text.partition("\n")[0].split()
    if len(words) <= _IO_WAIT + 1 or words[0] != "cpu":
        return None
    ticks = [_number(word) for word in words[1 : _FIELDS + 1]]
    total = sum(ticks)
    return (total - ticks[_IDLE] - ticks[_IO_WAIT], total) if is_known(total) else None


def _kib(text: str | None) -> float:
    """`123 kB` as bytes."""
    return _number(text.split()[0]) * _KIB if text and text.split() else UNKNOWN


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return UNKNOWN
