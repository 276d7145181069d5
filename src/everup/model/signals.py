"""What was measured of the calls that services answered: plain arrays, one row per interval.

Built by a signal source or a benchmark, read by `dependency_monitor.root_cause`. NaN = unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Symptom(StrEnum):
    """What somebody suffers from: calls take long, or fail."""

    LATENCY = "latency"
    FAILURES = "failures"


@dataclass(frozen=True, slots=True)
class CallSeries:
    """Calls answered by each node; every array has the shape (intervals, nodes).

    `latency_s`: mean seconds per call. `requests`: calls in the interval. `failures`: how many of
    them failed. A node that was not seen in an interval is NaN there; 0 requests say that it was
    seen and nobody called.
    """

    nodes: tuple[str, ...]
    latency_s: Floats
    requests: Floats
    failures: Floats

    def __post_init__(self) -> None:
        for values in (self.latency_s, self.requests, self.failures):
            if values.shape != (len(self.latency_s), len(self.nodes)):
                raise ValueError(
                    f"an array of {values.shape}, not of intervals × {len(self.nodes)} nodes"
                )

    def per_call(self, symptom: Symptom) -> Floats:
        """Seconds, or failures, per call; NaN where nobody called or nothing was measured."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if symptom is Symptom.LATENCY:
                return np.where(self.requests > 0, self.latency_s, np.nan)
            return np.where(self.requests > 0, self.failures / self.requests, np.nan)


def failures_of(availability: Floats, requests: Floats, *, is_percent: bool) -> Floats:
    """Failed calls per interval, from the part of the calls that were answered well."""
    share = availability / 100.0 if is_percent else availability
    return np.asarray(np.clip(1.0 - share, 0.0, 1.0) * requests, dtype=np.float64)
