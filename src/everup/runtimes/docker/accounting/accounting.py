"""One pass over all containers, cheap enough to be made every second.

Flows in: the running containers. Flows out: a `Usage` for each that can be seen; one that is gone,
or of which nothing can be seen from here, is missing, and the caller may ask the engine. Blocks for
a tenth of a millisecond a container; called by the runtime's sampler in a worker thread. Open files
are counted every fifteen seconds and keep their number in between.

Nothing raises for one container. What is shared is not shown as anybody's own: traffic and waiting
connections of a network that several containers use, or that is the host's, are unknown.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from typing import NamedTuple

from everup.model.kinds import UNKNOWN, is_known
from everup.runtimes import descriptors
from everup.runtimes.docker.accounting import files
from everup.runtimes.docker.accounting.diagnostics import Doors
from everup.runtimes.docker.accounting.groups import Figures
from everup.runtimes.docker.accounting.hierarchy import detect
from everup.runtimes.docker.accounting.lives import Life, Lives
from everup.runtimes.docker.accounting.process import MainProcess, Traffic, host_networks
from everup.runtimes.docker.accounting.queues import Queues
from everup.runtimes.docker.accounting.reach import Reach, look_around
from everup.runtimes.docker.accounting.sockets import Sockets
from everup.runtimes.docker.accounting.values import Roots, Target, Usage
from everup.runtimes.gpu import Gpus, of_processes
from everup.runtimes.socket_table import Row

CONTAINERS_MOST = 2000
"""One pass looks at so many, the first ones."""


class _Look(NamedTuple):
    """One container in this pass, its network aside."""

    process: MainProcess | None
    state: str | None
    figures: Figures
    members: list[int] | None
    own_cpu_s: float
    opened: descriptors.Descriptors
    gpu: tuple[float, float]


class Accounting:
    """Keeps files open between passes; `close` when it is no longer wanted."""

    def __init__(
        self,
        *,
        roots: Roots | None = None,
        clock_s: Callable[[], float] = time.monotonic,
        kept_most: int | None = None,
        gpus: Callable[[], Gpus] = Gpus,
    ) -> None:
        self._roots = roots or Roots.found()
        self._clock_s, self._gpus = clock_s, gpus()
        self._queues, self._sockets = Queues(clock_s=clock_s), Sockets()
        kept = files.kept_most() if kept_most is None else kept_most
        self._lives = Lives(
            self._roots, detect(self._roots.cgroup), clock_s, kept, self._queues.drop
        )
        self._lock = threading.Lock()

    def read(self, containers: Sequence[Target], suspects: Container[str] = ()) -> dict[str, Usage]:
        """One pass. May be called from any thread.

        `suspects` are ids of containers whose waiting connections matter now: where looking is
        dear, they come first.
        """
        with self._lock:
            lives = self._lives.settle(containers[:CONTAINERS_MOST])
            limits: dict[str, float] = {}
            seen = {key: self._look(life, limits) for key, life in list(lives.items())}
            looks = {key: look for key, look in seen.items() if look is not None}
            own = self._with_own_network(lives)
            queues = self._queues.read(own, {key for key in own if lives[key].is_kept}, suspects)
            usages = {
                key: _usage(look, own.get(key), queues.get(key, UNKNOWN), self._queues.doors(key))
                for key, look in looks.items()
            }
            self._lives.end_unkept()
            return usages

    def letters(self) -> dict[str, str]:
        """What the kernel says now of the main processes that the latest pass saw: one short read
        each, for looks in between. May be called from any thread."""
        with self._lock:
            found = {
                key: life.process.state()
                for key, life in self._lives.known().items()
                if life.process is not None
            }
        return {key: letter for key, letter in found.items() if letter is not None}

    def sockets(self, containers: Sequence[Target]) -> dict[str, Sequence[Row]]:
        """The TCP sockets of those that have a network of their own, as far as there is time. May
        be called from any thread."""
        with self._lock:
            lives = self._lives.settle(containers[:CONTAINERS_MOST])
            found = self._sockets.read(self._with_own_network(lives))
            self._lives.end_unkept()
            return found

    def reach(self, containers: Sequence[Target] = ()) -> Reach:
        """What can be seen from here, and what to change where it is not enough."""
        return look_around(self._roots, containers)

    def close(self) -> None:
        """Let go of all files; a later pass opens them again."""
        with self._lock:
            self._lives.close()

    def _look(self, life: Life, limits: dict[str, float]) -> _Look | None:
        process, group = life.process, life.group
        state = process.state() if process is not None else None
        if process is not None and state is None:
            self._lives.end(life.target.id)
            return None
        figures = group.read(limits) if group is not None else None
        members = None
        if group is not None and figures is None:
            group.files.close()
            life.group = None
        elif group is not None and process is not None:
            members = group.members()
            if members is not None and process.pid not in members:
                members = None
        if process is None and figures is None:
            return None
        is_apart = process is not None and life.target.is_checked
        own_cpu_s = process.own_cpu_s(members) if process is not None and is_apart else UNKNOWN
        pids = members or ([process.pid] if process is not None else [])
        devices = self._gpus.latest()
        gpu = of_processes(devices, pids) if devices else (UNKNOWN, UNKNOWN)
        opened = self._opened(life, pids)
        return _Look(process, state, figures or Figures(), members, own_cpu_s, opened, gpu)

    def _opened(self, life: Life, pids: Sequence[int]) -> descriptors.Descriptors:
        now_s = self._clock_s()
        if pids and life.is_kept and now_s - life.opened_at_s >= descriptors.INTERVAL_S:
            life.opened, life.opened_at_s = descriptors.fullest(self._roots.proc, pids), now_s
        return life.opened

    def _with_own_network(self, lives: Mapping[str, Life]) -> dict[str, MainProcess]:
        processes = {key: life.process for key, life in lives.items() if life.process is not None}
        users = Counter(process.namespace for process in processes.values())
        hosts = host_networks(self._roots.proc)
        return {
            key: process
            for key, process in processes.items()
            if not lives[key].target.shares_network
            and (
                process.namespace is None
                or (process.namespace not in hosts and users[process.namespace] == 1)
            )
        }


def _usage(look: _Look, network_of: MainProcess | None, accept_queue: float, doors: Doors) -> Usage:
    process, figures = look.process, look.figures
    traffic = Traffic() if network_of is None else network_of.traffic()
    io_bytes, waited_s = figures.io_bytes, UNKNOWN
    if process is not None:
        waited_s = process.waited_s(look.members)
        io_bytes = io_bytes if is_known(io_bytes) else process.io_bytes(look.members)
    return Usage(
        cpu_seconds=figures.cpu_seconds,
        io_bytes=io_bytes,
        memory_bytes=figures.memory_bytes,
        memory_limit_bytes=figures.memory_limit_bytes,
        process_state=look.state,
        waited_s=waited_s,
        accept_queue=accept_queue,
        oom_kills=figures.oom_kills,
        throttled_s=figures.throttled_s,
        pids=figures.pids,
        rx_bytes=traffic.rx_bytes,
        tx_bytes=traffic.tx_bytes,
        own_cpu_seconds=look.own_cpu_s,
        queue_most=doors.most,
        connections=doors.connections,
        descriptors=look.opened.opened,
        descriptors_most=look.opened.most,
        gpu_ratio=look.gpu[0],
        gpu_memory_ratio=look.gpu[1],
    )
