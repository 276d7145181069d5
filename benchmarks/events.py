"""Alarms held against labelled events, without point adjustment.

Alarm rows at most GAP_ROWS apart are one alarm. An event is found if an alarm row lies within it;
an alarm is right if one of its rows lies within an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Spans = tuple[tuple[int, int], ...]

GAP_ROWS = 3


@dataclass(frozen=True)
class Found:
    """Over all servers."""

    events: int
    found: int
    alarms: int
    right: int
    recall: float
    precision: float
    f1: float
    median_delay_rows: float | None


def alarms_of(rows: Bools) -> Spans:
    """First and last row of each alarm."""
    at = np.flatnonzero(rows)
    if not len(at):
        return ()
    cuts = np.flatnonzero(np.diff(at) > GAP_ROWS)
    firsts, lasts = at[np.concatenate([[0], cuts + 1])], at[np.concatenate([cuts, [len(at) - 1]])]
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))


def found_in(rows: Sequence[Bools], events: Sequence[Spans]) -> Found:
    """All servers together: alarm rows and events of each."""
    found, alarms, right = 0, 0, 0
    delays: list[int] = []
    for given, spans in zip(rows, events, strict=True):
        inside = np.zeros(len(given), dtype=np.bool_)
        for first, last in spans:
            inside[first : last + 1] = True
            hits = np.flatnonzero(given[first : last + 1])
            if len(hits):
                found += 1
                delays.append(int(hits[0]))
        for first, last in alarms_of(given):
            alarms += 1
            right += bool((given & inside)[first : last + 1].any())
    count = sum(map(len, events))
    recall, precision = found / max(1, count), right / max(1, alarms)
    f1 = 2.0 * recall * precision / max(1e-9, recall + precision)
    delay = float(np.median(delays)) if delays else None
    return Found(count, found, alarms, right, recall, precision, f1, delay)
