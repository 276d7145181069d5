"""Made pasts of services, and orders about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from everup.model.history import SIGNALS, Columns, Signal
from everup.model.kinds import Cause
from everup.model.learned import Craft, Failure, TrainingOrder
from everup.training import folder as place

START_S = 1_700_000_100.0
DAY_S, STEP_S = 86_400.0, 60.0
NAMES = ("a", "b", "c")
MOVES = (Signal.CPU_RATIO, Signal.LATENCY_S, Signal.MEMORY_BYTES, Signal.CONNECTIONS)


def past(
    service: str, days: float = 3.0, *, seed: int = 0, failures: Sequence[Failure] = ()
) -> Columns:
    """Noise; in the quarter of an hour before each failure of its own all signals climb."""
    rng = np.random.default_rng([seed, *service.encode()])
    times_s = START_S + STEP_S * np.arange(int(days * DAY_S / STEP_S), dtype=np.float64)
    values = {signal: np.full(len(times_s), np.nan, dtype=np.float32) for signal in SIGNALS}
    for signal in MOVES:
        values[signal] = rng.normal(50, 3, len(times_s)).astype(np.float32)
        for failure in failures:
            if failure.service == service:
                is_before = (times_s > failure.at_s - 900.0) & (times_s <= failure.at_s)
                values[signal][is_before] += 60.0
    return Columns(service, times_s, values)


def failures(days: float = 3.0, count: int = 6, service: str = "a") -> tuple[Failure, ...]:
    """Spread over the last quarter."""
    from_s = START_S + 0.77 * days * DAY_S
    gap_s = 0.2 * days * DAY_S / count
    return tuple(
        Failure(service, Cause.CRASH, from_s + n * gap_s, from_s + n * gap_s + 120.0)
        for n in range(count)
    )


def order(days: float = 3.0, **changes: Any) -> TrainingOrder:
    plain = TrainingOrder(
        craft=Craft.ANOMALY,
        stack="s",
        services=NAMES,
        from_s=START_S - DAY_S,
        to_s=START_S + days * DAY_S,
        interval_s=STEP_S,
        horizon_s=900.0,
        failures=(),
        champion=None,
        rows_most=500_000,
        time_most_s=240.0,
    )
    return replace(plain, **changes)


def put(folder: Path, given: TrainingOrder, columns: Sequence[Columns]) -> place.Pasts:
    """As `process` lays it there."""
    place.put_order(folder, given)
    for index, one in enumerate(columns):
        place.put_past(folder, index, one)
    return place.Pasts(folder, given.services)


async def flow(columns: Sequence[Columns]) -> AsyncIterator[Columns]:
    for one in columns:
        yield one
