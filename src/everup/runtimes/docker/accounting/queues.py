"""How many connections wait to be let in by a container, whatever its network costs to look at.

Flows in: main processes, one pass at a time. Flows out: a number each, NaN where nobody looked.

First the kernel's socket diagnostics, 30 µs a container. Without the right to ask them, the tables
under /proc: each read walks all connections that the host can have, which takes milliseconds where
memory is large. So a pass reads those of suspects and of whom somebody was seen to wait for, as far
as its budget goes, and where there is nobody of that kind, one container in turn. A value is never
carried over: a queue that looks the same because nobody looked would be taken for a hang.

How many may wait and how many connections there are takes a row for each of them, so that is asked
every fifteen seconds, and through the diagnostics alone.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable, Container, Mapping

from everup.model.kinds import UNKNOWN, is_known
from everup.runtimes.docker.accounting import diagnostics
from everup.runtimes.docker.accounting.diagnostics import Doors
from everup.runtimes.docker.accounting.process import MainProcess

TABLES_BUDGET_S = 0.025
DOORS_EVERY_S = 15.0
_LISTENING = b"0A"
_NEVER = (float("-inf"), Doors())


class Queues:
    """Keeps a channel per container while it lives."""

    def __init__(
        self,
        cpu_s: Callable[[], float] = time.thread_time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cpu_s, self._clock_s = cpu_s, clock_s
        self._doors: dict[str, tuple[float, Doors]] = {}
        self._channels: dict[str, socket.socket] = {}
        self._may_enter = True
        self._waiting: dict[str, bool] = {}
        self._turns: dict[str, int] = {}
        self._turn = 0

    def read(
        self,
        processes: Mapping[str, MainProcess],
        kept: Container[str],
        suspects: Container[str] = (),
    ) -> dict[str, float]:
        """One pass over those that have a network of their own; channels only for who is kept."""
        asked = {
            key: self._asked(key, process) if key in kept else UNKNOWN
            for key, process in processes.items()
        }
        silent = [key for key, value in asked.items() if not is_known(value)]
        asked.update(self._listed({key: processes[key] for key in silent}, suspects))
        self._waiting = {
            key: value > 0 if is_known(value) else self._waiting.get(key, False)
            for key, value in asked.items()
        }
        self._turns = {key: turn for key, turn in self._turns.items() if key in asked}
        return asked

    def doors(self, key: str) -> Doors:
        """As seen within the last quarter of a minute, where it can be seen at all."""
        return self._doors.get(key, _NEVER)[1]

    def drop(self, key: str) -> None:
        """The container is gone; an open channel would keep its network."""
        self._doors.pop(key, None)
        if channel := self._channels.pop(key, None):
            channel.close()

    def close(self) -> None:
        """Drop all."""
        for key in list(self._channels):
            self.drop(key)

    def _asked(self, key: str, process: MainProcess) -> float:
        channel = self._channels.get(key) or self._opened(key, process)
        if channel is None:
            return UNKNOWN
        try:
            waiting = diagnostics.ask(channel)
        except OSError:
            self.drop(key)
            return UNKNOWN
        if self._clock_s() - self._doors.get(key, _NEVER)[0] >= DOORS_EVERY_S:
            self._survey(key, channel)
        return waiting

    def _survey(self, key: str, channel: socket.socket) -> None:
        found = Doors()
        try:
            found = diagnostics.survey(channel)
        except OSError:
            self.drop(key)  # what is left of its answer would be taken for the next one
        self._doors[key] = (self._clock_s(), found)

    def _opened(self, key: str, process: MainProcess) -> socket.socket | None:
        if not self._may_enter:
            return None
        try:
            channel = diagnostics.open_inside("ns/net", process.handle)
        except OSError as error:
            self._may_enter = error.errno not in (errno.EPERM, errno.EACCES, errno.ENOSYS)
            return None
        self._channels[key] = channel
        return channel

    def _listed(
        self, processes: Mapping[str, MainProcess], suspects: Container[str]
    ) -> dict[str, float]:
        """From the tables: at least one, then the urgent ones until the budget is spent."""
        urgent = {key for key in processes if key in suspects or self._waiting.get(key)}
        order = sorted(processes, key=lambda key: (key not in urgent, self._turns.get(key, 0)))
        found: dict[str, float] = {}
        end_s = self._cpu_s() + TABLES_BUDGET_S
        for key in order:
            if found and (key not in urgent or self._cpu_s() >= end_s):
                break
            self._turn += 1
            self._turns[key] = self._turn
            found[key] = sum_of_tables(processes[key])
        return found


def sum_of_tables(process: MainProcess) -> float:
    """Over both address families; NaN where the first cannot be read."""
    first = process.read("net/tcp")
    return waiting_of(first) + waiting_of(process.read("net/tcp6")) if first else UNKNOWN


def waiting_of(table: bytes) -> float:
    """Over the listening rows of /proc/PID/net/tcp, which the kernel puts first."""
    waiting = 0
    for line in table.splitlines()[1:]:
        columns = line.split(None, 5)
        if len(columns) < 6 or columns[3] != _LISTENING:
            break
        waiting += int(columns[4].rpartition(b":")[2], 16)
    return float(waiting)
