"""Times a call: a warm-up, then as many runs as fit into a second, at most a thousand."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

RUNS_LEAST, RUNS_MOST = 5, 1000
BUDGET_S = 1.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of one call."""

    least_s: float
    median_s: float
    most_s: float
    runs: int


def timed(call: Callable[[], object]) -> Timing:
    """How long this call takes."""
    call()
    taken: list[float] = []
    started_s = time.perf_counter()
    while len(taken) < RUNS_LEAST or (
        len(taken) < RUNS_MOST and time.perf_counter() - started_s < BUDGET_S
    ):
        before_s = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before_s)
    return Timing(min(taken), statistics.median(taken), max(taken), len(taken))
