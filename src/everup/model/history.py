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
    AGE_S = "age_s"  # since the latest start of one that runs


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
