"""What a run says: a table, a line of time, JSON. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.scaling_live.drive import Played
from benchmarks.scaling_live.figures import Figures, by_time
from benchmarks.scaling_live.stage import OURS

WITHIN_LEAST = 0.99
LINE_EVERY_S = 10


def table_of(played: Played) -> Table:
    """A column a side."""
    found = played.figures
    title = f"{played.stage.runtime}, p95 at most {played.target_s * 1e3:.0f} ms"
    table = Table("", *found, title=title)
    for label, values in _rows(found).items():
        table.add_row(label, *values)
    return table


def _rows(found: Mapping[str, Figures]) -> dict[str, list[str]]:
    sides = list(found.values())
    return {
        "requests": [f"{one.requests:,}" for one in sides],
        "failed": [str(one.failed) for one in sides],
        "seconds within": [f"{one.seconds_within:.1%}" for one in sides],
        "5 s windows within": [f"{one.windows_within:.1%}" for one in sides],
        "worst window's p95": [f"{one.worst_window_s * 1e3:.0f} ms" for one in sides],
        "p50 p95 p99": [_latencies(one) for one in sides],
        "taking requests": [f"{one.taking_s:,.0f} instance-s" for one in sides],
        "beyond what is needed": [f"{one.taking_s / one.needed_s - 1:+.0%}" for one in sides],
        "running": [f"{one.running_s:,.0f} instance-s" for one in sides],
        "least to most": [f"{one.least} to {one.most}" for one in sides],
        "scaled out, in": [f"{one.changes_out}, {one.changes_in}" for one in sides],
        "asked late": [f"{one.late_share:.2%}" for one in sides],
    }


def _latencies(one: Figures) -> str:
    return f"{one.p50_s * 1e3:.0f} {one.p95_s * 1e3:.0f} {one.p99_s * 1e3:.0f} ms"


def machine_of(played: Played) -> dict[str, float]:
    """How busy it was: shares, 0–1."""
    cpu = [one.cpu_ratio for one in played.busy] or [math.nan]
    pressure = [one.pressure_ratio for one in played.busy] or [math.nan]
    return {
        "cpu_mean": float(np.mean(cpu)),
        "cpu_p95": float(np.percentile(cpu, 95)),
        "pressure_mean": float(np.mean(pressure)),
        "pressure_most": float(np.max(pressure)),
    }


def line_of_time(played: Played) -> Table:
    """What both had and answered, every few seconds."""
    table = Table("s", "rps", "needed", *(f"{n} takes/runs, p95 ms" for n in played.watched))
    needed = played.profile.needed(played.stage.size.capacity_rps)
    total_s = len(needed)
    latency = {n: by_time(w.asked, total_s, LINE_EVERY_S) for n, w in played.watched.items()}
    for step in range(total_s // LINE_EVERY_S):
        at_s = step * LINE_EVERY_S
        cells = []
        for name, one in played.watched.items():
            sight = one.sights[min(at_s, len(one.sights) - 1)]
            cells.append(f"{sight.takes}/{sight.runs}  {latency[name][step] * 1e3:.0f}")
        table.add_row(str(at_s), f"{played.profile.rate(at_s):.0f}", str(needed[at_s]), *cells)
    return table


def holds(played: Played) -> bool:
    """Was nothing lost by Everup's side, and the target kept for as long as it must be?"""
    ours = played.figures[OURS]
    return ours.failed == 0 and ours.windows_within >= WITHIN_LEAST


def as_plain(played: Played) -> dict[str, Any]:
    """For JSON: the figures, and each second of each side."""
    total_s = int(played.profile.total_s)
    return {
        "runtime": str(played.stage.runtime),
        "size": asdict(played.stage.size),
        "way": asdict(played.stage.way),
        "has_places": played.stage.has_places,
        "profile": asdict(played.profile),
        "target_s": played.target_s,
        "machine": machine_of(played),
        "sides": {
            name: {
                **asdict(figures),
                "put_off": dict(played.watched[name].put_off),
                "orders": played.watched[name].orders,
                "p95_of_seconds_s": [
                    p if math.isfinite(p) else None
                    for p in by_time(played.watched[name].asked, total_s, 1)
                ],
                "sights": [asdict(sight) for sight in played.watched[name].sights],
            }
            for name, figures in played.figures.items()
        },
    }
