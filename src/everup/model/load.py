"""What is asked of a service, as whoever stands before it counts: its router, or its queue.

Put together by `loop.loads` from readings that `loop.traffic` and the queue sensors bring, kept
with each ServiceObservation, read by `auto_scaler`. What was not seen is unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN


@dataclass(frozen=True, slots=True)
class Load:
    """What was asked of one service between the latest few readings; NaN: unknown.

    Rates are over the latest three intervals that could be counted. `at_s`: the time of the oldest
    reading in it, seconds since the epoch by the loop's clock.
    """

    at_s: float
    requests_per_s: float = UNKNOWN  # begun, all instances, as the router counts
    failures_per_s: float = UNKNOWN
    latency_s: float = UNKNOWN  # mean of the latest answers
    sessions: float = UNKNOWN  # under way, with what waits
    waiting: float = UNKNOWN  # waits at the router for a free place
    queue: float = UNKNOWN  # entries of the declared queue
    by_instance: Mapping[str, float] = field(default_factory=dict)
    """Instance → requests per second; who has no server in the router is not in it."""
    source: str = ""  # "router", "queue", "router+queue"
