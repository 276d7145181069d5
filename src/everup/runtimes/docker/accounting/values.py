"""The words of accounting: where to look, for whom, and what was seen."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import Any

from everup.model.kinds import UNKNOWN, is_known

HOST = "/host"
"""Where containers that look at their host mount what they look at."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Where the host's files are seen. In a container they may be mounted elsewhere."""

    proc: str = "/proc"
    cgroup: str = "/sys/fs/cgroup"

    @classmethod
    def found(cls) -> Roots:
        """Those of the host where they are mounted in the usual place, else our own."""
        proc, cgroup = cls().proc, cls().cgroup
        has_proc = os.path.isdir(f"{HOST}{proc}/1")
        has_cgroup = os.path.isdir(f"{HOST}{cgroup}")
        return cls(HOST + proc if has_proc else proc, HOST + cgroup if has_cgroup else cgroup)


@dataclass(frozen=True, slots=True)
class Target:
    """A running container: its whole id, and its main process's pid on the host, as the engine
    says. `shares_network`: it has no network of its own (the host's, another container's),
    so that what is seen there is not known to be its own. `is_checked`: the engine runs a check in
    there from outside, which is no work of its own."""

    id: str
    pid: int
    shares_network: bool = False
    is_checked: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Totals since the start of the container; NaN is unknown.

    `memory_bytes` is the working set: what is used less what the kernel would drop first.
    `memory_limit_bytes` is the tightest of its own and those of the groups that hold it; NaN: none.
    `waited_s`: its processes' main threads were ready to run and had no processor.
    `own_cpu_seconds`: of the main process and what it began, where a check is run into it.
    `accept_queue`: connections that wait to be let in, over all its listening TCP sockets;
    `queue_most`: how many may; `connections`: how many are in.
    `descriptors` of `descriptors_most`: open files of the process that is nearest to its limit.
    `gpu_ratio`, `gpu_memory_ratio`: of the device that its processes use most of.
    """

    cpu_seconds: float = UNKNOWN
    io_bytes: float = UNKNOWN
    memory_bytes: float = UNKNOWN
    memory_limit_bytes: float = UNKNOWN
    process_state: str | None = None
    waited_s: float = UNKNOWN
    accept_queue: float = UNKNOWN
    oom_kills: float = UNKNOWN
    throttled_s: float = UNKNOWN
    pids: float = UNKNOWN
    rx_bytes: float = UNKNOWN
    tx_bytes: float = UNKNOWN
    own_cpu_seconds: float = UNKNOWN
    queue_most: float = UNKNOWN
    connections: float = UNKNOWN
    descriptors: float = UNKNOWN
    descriptors_most: float = UNKNOWN
    gpu_ratio: float = UNKNOWN
    gpu_memory_ratio: float = UNKNOWN

    @property
    def is_enough(self) -> bool:
        """Does it say enough to go without the engine's statistics?"""
        return is_known(self.cpu_seconds) and is_known(self.memory_bytes)

    def filled_from(self, other: Usage) -> Usage:
        """This one, with what it does not know taken from another. A limit is only taken along
        with its memory: none seen here means that there is none."""
        taken: dict[str, Any] = {}
        for each in fields(self):
            mine = getattr(self, each.name)
            if mine is None or (isinstance(mine, float) and not is_known(mine)):
                taken[each.name] = getattr(other, each.name)
        if is_known(self.memory_bytes):
            taken.pop("memory_limit_bytes", None)
        return replace(self, **taken)
