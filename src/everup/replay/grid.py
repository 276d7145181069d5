"""From points in any order to rows: one grid of time for all series. Pure.

Flows in: points of (service, signal), as times and values. Flows out: a Recording. Called by
`prometheus` and `tables`. Several series of one service and signal (its instances) become one
value, as a sample does it: the worst, the sum or the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from everup.model.history import INDEX, SIGNALS, FloatArray, Signal
from everup.replay.errors import BadRecording
from everup.replay.recording import Blocks, Recording

Floats = NDArray[np.float64]
Key = tuple[str, Signal]

ROWS_MOST = 2_000_000
CELLS_MOST = 200_000_000
ROWS_OF_A_BLOCK = 1000
SLACK = 1e-6
"""Of a step: so much may a time be off by the arithmetic of floats."""
UNEVEN = 1.5
"""So many more times than the longest series has: the series are not on one grid."""

WORST = frozenset(
    {
        Signal.MEMORY_RATIO,
        Signal.MEMORY_BYTES,
        Signal.LATENCY_S,
        Signal.ERROR_RATIO,
        Signal.ROUTED_LATENCY_S,
    }
)
OWN = [
    index
    for signal, index in INDEX.items()
    if signal not in (Signal.REQUESTS_PER_S, Signal.FAILURES_PER_S, Signal.WORK_QUEUE)
]
"""Signs of life; what others ask of it is none."""
SUMMED = frozenset(
    {
        Signal.INSTANCES_UP,
        Signal.REQUESTS_PER_S,
        Signal.FAILURES_PER_S,
        Signal.SESSIONS,
        Signal.WORK_QUEUE,
    }
)
LOWEST = frozenset({Signal.AGE_S})


class Points:
    """Collects series; `bad` counts values that are no numbers."""

    def __init__(self) -> None:
        self._series: dict[Key, list[tuple[Floats, Floats]]] = {}
        self.bad = 0

    def add(self, service: str, signal: Signal, times: Floats, values: Floats) -> None:
        """One series, in any order; of two points of one time the later one counts."""
        is_good = np.isfinite(times) & np.isfinite(values)
        self.bad += int(np.count_nonzero(~is_good))
        times, values = times[is_good], values[is_good]
        if not len(times):
            return
        order = np.argsort(times, kind="stable")
        times, values = times[order], values[order]
        last = np.append(np.diff(times) > 0, True)
        self._series.setdefault((service, signal), []).append((times[last], values[last]))

    @property
    def services(self) -> tuple[str, ...]:
        """In the order of the alphabet."""
        return tuple(sorted({service for service, _ in self._series}))

    def recording(self, source: str, since_s: float, until_s: float) -> Recording:
        """All of them on one grid.

        Raises:
            BadRecording: nothing is of that time, or it is too much.
        """
        notes = [f"{self.bad} values are no finite numbers, and count as unknown"] * bool(self.bad)
        times, step_s, width_s = self._grid(source, since_s, until_s, notes)
        names = self.services
        if len(times) * len(names) * len(SIGNALS) > CELLS_MOST:
            fix = "replay a shorter time (--since), or fewer services"
            raise BadRecording(source, "rows", len(times), "too many for one replay", fix)
        values = np.full((len(times), len(SIGNALS), len(names)), np.nan, dtype=np.float32)
        for index, name in enumerate(names):
            for signal in SIGNALS:
                found = self._one(self._series.get((name, signal), []), signal, times, width_s)
                values[:, INDEX[signal], index] = found
        filled = _fill_up(values)
        if filled:
            who = ", ".join(names[i] for i in filled[:8])
            notes.append(f"no instances_up of {who}: running wherever another value is known")

        def blocks() -> Blocks:
            for start in range(0, len(times), ROWS_OF_A_BLOCK):
                end = start + ROWS_OF_A_BLOCK
                yield times[start:end], values[start:end]

        return Recording(
            *(source, names, float(times[0]), float(times[-1]), step_s, blocks), notes=notes
        )

    def _grid(
        self, source: str, since_s: float, until_s: float, notes: list[str]
    ) -> tuple[Floats, float, float]:
        """Times of the rows, from one to the next, and how much time a row takes in: none where all
        series are of the same times."""
        each = [t for series in self._series.values() for t, _ in series]
        if not each:
            fix = "check the names in it against the mapping"
            raise BadRecording(source, "", "", "holds no value of any service and signal", fix)
        times = np.unique(np.concatenate(each))
        times = times[(times >= since_s) & (times <= until_s)]
        if not len(times):
            fix = "leave out --since, or give a longer time"
            raise BadRecording(source, "", "", "no value is of the time that was asked for", fix)
        longest, width_s = max(each, key=len), 0.0
        step_s = float(np.median(np.diff(longest))) if len(longest) > 1 else float("nan")
        if len(times) > UNEVEN * len(longest) and step_s > 0:
            notes.append(f"the series are not of the same times: put into steps of {step_s:g} s")
            first, width_s = times[0], step_s
            times = first + step_s * np.unique(np.floor((times - first) / step_s + SLACK))
        if len(times) > ROWS_MOST:
            fix = "replay a shorter time (--since)"
            raise BadRecording(source, "rows", len(times), f"more than {ROWS_MOST}", fix)
        return times, step_s, width_s

    def _one(
        self, series: list[tuple[Floats, Floats]], signal: Signal, grid: Floats, width_s: float
    ) -> FloatArray:
        """Each series at each row: the latest value within the row's width, or at its very time."""
        columns = []
        slack_s = SLACK * width_s
        for times, values in series:
            side: Literal["left", "right"] = "left" if width_s else "right"
            at = np.searchsorted(times, grid + width_s - slack_s, side=side) - 1
            is_there = (at >= 0) & (times[np.maximum(at, 0)] >= grid - slack_s)
            columns.append(np.where(is_there, values[np.maximum(at, 0)], np.nan))
        if not columns:
            return np.full(len(grid), np.nan, dtype=np.float32)
        return _together(np.array(columns), signal).astype(np.float32)


def _together(columns: Floats, signal: Signal) -> Floats:
    if len(columns) == 1:
        return np.asarray(columns[0])
    if signal in WORST:
        return np.asarray(np.fmax.reduce(columns, axis=0))
    if signal in LOWEST:
        return np.asarray(np.fmin.reduce(columns, axis=0))
    known = np.count_nonzero(np.isfinite(columns), axis=0)
    total = np.nansum(columns, axis=0)
    if signal in SUMMED:
        return np.where(known > 0, total, np.nan)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def _fill_up(values: FloatArray) -> list[int]:
    """Where nobody recorded how many run, what shows a sign of life runs once."""
    up = INDEX[Signal.INSTANCES_UP]
    filled = []
    for index in range(values.shape[2]):
        if np.isfinite(values[:, up, index]).any():
            continue
        alive = np.isfinite(values[:, :, index][:, OWN]).any(axis=1)
        ok = values[:, INDEX[Signal.PROBE_OK], index]
        values[:, up, index] = np.where(alive, 1.0, np.nan)
        if np.isfinite(ok).any() or alive.any():
            filled.append(index)
    return filled


def renamed(service: str, names: Mapping[str, str]) -> str | None:
    """The service's name in the stack; None: it is left out ("" in the mapping)."""
    name = names.get(service, service)
    return name or None
