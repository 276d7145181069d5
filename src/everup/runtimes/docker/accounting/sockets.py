"""The socket tables of containers, each from its own network.

Flows in: main processes that have a network of their own. Flows out: the rows of each; of those for
whom there was no time left in this pass nothing, and they come first in the next one. A read walks
all connections that the host can have, which takes milliseconds where memory is large.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from everup.runtimes.docker.accounting.process import MainProcess
from everup.runtimes.socket_table import Row, read_table, rows_of

BUDGET_S = 0.5
"""Of processor time in one pass."""
TABLES = ("net/tcp", "net/tcp6")


class Sockets:
    """Remembers whose turn it is."""

    def __init__(self, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self._cpu_s = cpu_s
        self._turns: dict[str, int] = {}
        self._turn = 0

    def read(self, processes: Mapping[str, MainProcess]) -> dict[str, Sequence[Row]]:
        """One pass; at least one container is looked at."""
        found: dict[str, Sequence[Row]] = {}
        end_s = self._cpu_s() + BUDGET_S
        for key in sorted(processes, key=lambda key: self._turns.get(key, 0)):
            if found and self._cpu_s() >= end_s:
                break
            self._turn += 1
            self._turns[key] = self._turn
            tables = [read_table(name, processes[key].handle) for name in TABLES]
            if tables[0]:
                found[key] = [row for table in tables for row in rows_of(table)]
        self._turns = {key: turn for key, turn in self._turns.items() if key in processes}
        return found
