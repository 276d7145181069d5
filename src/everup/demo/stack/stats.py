"""What one service process has done so far: the counters behind ``GET /stats``."""

from __future__ import annotations

from collections import deque
from typing import Any

SAMPLES_MAX = 256


class Stats:
    """Counts since the start of the process; latencies of the last few units of work."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.shed = 0
        self.work_done = 0
        self.jobs_done = 0
        self.degraded = 0
        """Units of work that went on without a soft dependency."""
        self.queue = 0
        """Units of work that wait for a seat just now."""
        self.in_flight = 0
        self._work_ms: deque[float] = deque(maxlen=SAMPLES_MAX)

    def worked(self, elapsed_ms: float) -> None:
        self.work_done += 1
        self._work_ms.append(elapsed_ms)

    def show(self) -> dict[str, Any]:
        counts = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {**counts, "work_p50_ms": self._quantile(0.5), "work_p95_ms": self._quantile(0.95)}

    def _quantile(self, share: float) -> float | None:
        if not self._work_ms:
            return None
        ordered = sorted(self._work_ms)
        return round(ordered[min(int(share * len(ordered)), len(ordered) - 1)], 2)
