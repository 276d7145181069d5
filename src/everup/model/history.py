"""What is kept of the past: the signals, in a fixed order, and the columns that come back.

A sample is a float32 array `[signal, service]`: signals in the order of `SIGNALS`, services in the
order of the stack. NaN is unknown. The order of the signals is part of the files on disk: new ones
go to the end, none is ever taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from everup.model.kinds import UNKNOWN

FloatArray = NDArray[np.float32]
TimeArray = NDArray[np.float64]


class Signal(StrEnum):
    """One number of one service at one moment, over its instances as said."""

    SCORE = "score"  # health 0-1
    CPU_RATIO = "cpu_ratio"  # of one core, mean of the running ones
    MEMORY_RATIO = "memory_ratio"  # of its limit, the fullest one
    MEMORY_BYTES = "memory_bytes"  # the largest one
    LATENCY_S = "latency_s"  # of the latest probe, the slowest one
    ERROR_RATIO = "error_ratio"  # of the latest probes, the worst one
    PROBE_OK = "probe_ok"  # share of the probed ones that pass
    INSTANCES_UP = "instances_up"  # how many run
    RECEIVED_PER_S = "received_per_s"  # bytes, sum of those that can be seen
    SENT_PER_S = "sent_per_s"
    QUEUE = "queue"  # connections that wait to be accepted, the longest
    QUEUE_RATIO = "queue_ratio"  # of how many may wait, the fullest
    DESCRIPTORS_RATIO = "descriptors_ratio"  # open files of their limit, the fullest process
    CONNECTIONS = "connections"  # established to it, the most of one instance
    CONNECTIONS_RATIO = "connections_ratio"  # of the declared limit, the fullest
    DISK_RATIO = "disk_ratio"  # used, of the fullest disk that it writes to
    DISK_FREE_BYTES = "disk_free_bytes"  # on that disk
    DEPENDENCY_HEALTH = "dependency_health"  # 0-1, the worst of what it depends on, by weight
    THROTTLED_RATIO = "throttled_ratio"  # of the time, held back by its processor limit, the worst
    GPU_RATIO = "gpu_ratio"  # busy, of the device that it uses most of
    GPU_MEMORY_RATIO = "gpu_memory_ratio"  # of that device
    CERTIFICATE_LEFT_S = "certificate_left_s"  # until the certificate that it shows ends, the first
    AGE_S = "age_s"  # since the latest start of one that runs
    REQUESTS_PER_S = "requests_per_s"  # begun, as its router counts, of the latest few intervals
    FAILURES_PER_S = "failures_per_s"  # of them
    ROUTED_LATENCY_S = "routed_latency_s"  # mean of the latest answers, as its router counts
    SESSIONS = "sessions"  # under way, with what waits at its router
    WORK_QUEUE = "work_queue"  # entries of the queue that its owner declared


SIGNALS: tuple[Signal, ...] = tuple(Signal)
INDEX: Mapping[Signal, int] = {signal: index for index, signal in enumerate(SIGNALS)}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A stretch of one service's past, oldest first. `damaged` counts blocks that were unreadable
    and left out; `is_cut` says that there was more than may be read at once."""

    service: str
    times_s: TimeArray
    values: Mapping[Signal, FloatArray]
    damaged: int = 0
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class HistoryCounts:
    """Samples written and shed since the start, what the folder holds, and why nothing is written
    now ("" when it is)."""

    samples: int = 0
    shed: int = 0
    total_bytes: float = UNKNOWN
    fault: str = ""
