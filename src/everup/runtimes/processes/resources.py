"""What an instance has of things that run out: open files, connections, room in its accept queue,
and the graphics processor that it computes on.

Flows in: the lives that run, who belongs to each, what listens on their ports. Flows out:
`Resources` by key. Files and connections change slowly and cost a read per process and per
connection, so they are looked at every fifteen seconds; in between they keep their value.

What a process moves over the network is not known: all of them share the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from everup.loop.ports import Clock
from everup.model.kinds import UNKNOWN
from everup.model.resources import Resources
from everup.runtimes.descriptors import INTERVAL_S, Descriptors, fullest
from everup.runtimes.gpu import Gpus, of_processes
from everup.runtimes.processes.listening import Listener, established
from everup.runtimes.processes.records import Key
from everup.runtimes.processes.roster import Life
from everup.runtimes.processes.threads import Threads

NOBODY = Listener(0, 0)


class ResourceReader:
    """Keeps what was seen of each life."""

    def __init__(
        self, threads: Threads, clock: Clock, scale: float, gpus: Callable[[], Gpus] = Gpus
    ) -> None:
        self._threads, self._clock = threads, clock
        self._interval_s = INTERVAL_S * scale
        self._gpus = gpus()
        self._due_s = float("-inf")
        self._open: dict[str, Descriptors] = {}  # by nonce
        self._connections: Mapping[int, int] | None = None  # by port; None: nobody can say

    async def read(
        self, lives: Sequence[Life], listeners: Mapping[int, Listener], most: Mapping[str, float]
    ) -> Mapping[Key, Resources]:
        """Of those that run. `most`: service → how many connections were declared.

        Raises:
            TryAgain, OSError: the kernel's files do not answer.
        """
        running = [life for life in lives if life.is_running]
        now_s = self._clock.now()
        has_new = any(life.record.nonce not in self._open for life in running)
        if has_new or not 0.0 <= self._due_s - now_s <= self._interval_s:
            self._due_s = now_s + self._interval_s
            pids = {life.record.nonce: pids_of(life) for life in running}
            ports = frozenset(p for life in running if (p := life.record.port) is not None)
            self._open, self._connections = await self._threads.read(_look, pids, ports)
        devices = self._gpus.latest()
        found: dict[Key, Resources] = {}
        for life in running:
            record = life.record
            opened = self._open.get(record.nonce, Descriptors())
            heard = listeners.get(record.port or 0, NOBODY)
            busy, full = of_processes(devices, pids_of(life)) if devices else (UNKNOWN, UNKNOWN)
            found[record.key] = Resources(
                queue_most=float(heard.most) if heard.most else UNKNOWN,
                descriptors=opened.opened,
                descriptors_most=opened.most,
                connections=self._connected(record.port, heard),
                connections_most=most.get(record.service, UNKNOWN),
                gpu_ratio=busy,
                gpu_memory_ratio=full,
            )
        return found

    def _connected(self, port: int | None, heard: Listener) -> float:
        """Nobody listens there: whose connections those are is not known."""
        if port is None or self._connections is None or heard is NOBODY:
            return UNKNOWN
        return float(self._connections.get(port, 0))


def pids_of(life: Life) -> tuple[int, ...]:
    """Its main process first."""
    return (life.record.pid, *sorted(member.pid for member in life.members))


def _look(
    pids: Mapping[str, Sequence[int]], ports: frozenset[int]
) -> tuple[dict[str, Descriptors], Mapping[int, int] | None]:
    opened = {nonce: fullest("/proc", each) for nonce, each in pids.items()}
    return opened, established(ports) if ports else {}
