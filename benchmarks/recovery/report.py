"""What a run found: as JSON, and as Markdown that begins with the wrong actions. Pure.

The plot is in `plot`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.recovery.cells import Recovery
from benchmarks.recovery.control_cells import Kept
from benchmarks.recovery.everup_log import Achieved, Told, achieved, added
from benchmarks.recovery.figures import percentile, share_of, spread
from benchmarks.recovery.healers import HEALERS
from benchmarks.recovery.mix import SCALE, Lived
from benchmarks.recovery.overhead import Overhead, overhead_of


@dataclass(slots=True)
class Results:
    """Filled by `story`, part by part."""

    at: str = ""
    side_by_side: int = 0
    seed: int = 0
    load: float = 0.0
    recoveries: list[Recovery] = field(default_factory=list)
    controls: list[Kept] = field(default_factory=list)
    lived: list[Lived] = field(default_factory=list)
    logs: list[list[Told]] = field(default_factory=list)
    overhead: Overhead | None = None
    earlier: list[Achieved] = field(default_factory=list)

    def began(self, side_by_side: int, seed: int) -> None:
        """Where and when."""
        self.at, self.load = time.strftime("%Y-%m-%d %H:%M"), os.getloadavg()[0]
        self.side_by_side, self.seed = side_by_side, seed

    def keep(self, earlier: Mapping[str, Any]) -> None:
        """Rows of an earlier run, for what this one has not measured with the same healer."""
        new = [row for row in self.recoveries if row.result != "error"]
        faults = {(row.fault, row.healer) for row in new}
        rows = [Recovery(**row) for row in earlier["recoveries"]]
        old = [row for row in rows if (row.fault, row.healer) not in faults]
        self.recoveries = [*old, *new]
        found = [row for row in self.controls if not row.note]
        controls = {(row.control, row.healer) for row in found}
        kept = [Kept(**row | {"intended": tuple(row["intended"])}) for row in earlier["controls"]]
        before = [row for row in kept if (row.control, row.healer) not in controls]
        self.controls = [*before, *found]
        self.lived = self.lived or [Lived(**row) for row in earlier["mix"]]
        if self.overhead is None and earlier["overhead"] is not None:
            self.overhead = overhead_of(earlier["overhead"])
        self.earlier = [Achieved(**row) for row in earlier["actions"]]

    def actions(self) -> list[Achieved]:
        """Of this run, and of the one that is kept."""
        return added(achieved(self.logs), self.earlier)

    def as_json(self) -> dict[str, object]:
        """All of it but the logs, of which the actions are kept."""
        return {
            "at": self.at,
            "side_by_side": self.side_by_side,
            "seed": self.seed,
            "load_at_start": self.load,
            "controls": [asdict(row) for row in self.controls],
            "recoveries": [asdict(row) for row in self.recoveries],
            "mix": [asdict(row) for row in self.lived],
            "actions": [asdict(row) for row in self.actions()],
            "overhead": None if self.overhead is None else asdict(self.overhead),
        }


def markdown(found: Results) -> str:
    """Every table for which there is something."""
    parts = [
        *_wrong(found),
        *_times(found),
        *_lags(found),
        *_mixed(found.lived),
        *_actions(found),
        *_overhead(found.overhead),
    ]
    return "\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, and an empty one."""
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def _names(rows: Iterable[Recovery | Kept | Lived]) -> list[str]:
    return list(dict.fromkeys(row.healer for row in rows))


def _order(found: Results) -> list[str]:
    there = {*_names(found.recoveries), *_names(found.controls)}
    return [healer.name for healer in HEALERS if healer.name in there]


def _wrong(found: Results) -> list[str]:
    healers = _order(found)
    rows: list[list[str]] = []
    totals = dict.fromkeys(healers, 0)
    for control in dict.fromkeys(row.control for row in found.controls):
        cells = []
        for healer in healers:
            kept = [r for r in found.controls if (r.control, r.healer) == (control, healer)]
            totals[healer] += sum(row.wrong for row in kept)
            cells.append(_kept(kept))
        rows.append([control, *cells])
    for title, key in (("acting on a victim", "on_victims"), ("acting again", "again")):
        counts = []
        for healer in healers:
            mine = [getattr(r, key) for r in found.recoveries if r.healer == healer]
            totals[healer] += sum(mine)
            counts.append(f"{sum(mine)} in {len(mine)} cells" if mine else "–")
        rows.append([title, *counts])
    rows.append(["**all**", *(f"**{totals[healer]}**" for healer in healers)])
    return ["Wrong actions:", "", *table(["", *healers], rows)]


def _kept(rows: Sequence[Kept]) -> str:
    if not rows:
        return "–"
    if all(row.note for row in rows):
        return "error"
    return str(sum(row.wrong for row in rows))


def _times(found: Results) -> list[str]:
    healers = [h for h in _order(found) if any(r.healer == h for r in found.recoveries)]
    rows = []
    for fault in dict.fromkeys(row.fault for row in found.recoveries):
        cells = []
        for healer in healers:
            mine = [r for r in found.recoveries if (r.fault, r.healer) == (fault, healer)]
            cells.append(_time(mine))
        rows.append([fault, *cells])
    if not rows:
        return []
    head = "Seconds from the fault to the first good answer that lasts; median (least to most):"
    return [head, "", *table(["fault", *healers], rows)]


def _time(rows: Sequence[Recovery]) -> str:
    measured = [row for row in rows if row.result != "error"]
    if not measured:
        return "error" if rows else "–"
    if all(row.result == "no outage" for row in measured):
        return "no outage"
    text = str(spread(row.recovered_s for row in measured))
    escalated = [row.escalated_s for row in measured if row.escalated_s is not None]
    if text == "never" and escalated:
        text += f", a person told after {min(escalated):.0f} s"
    return text


def _lags(found: Results) -> list[str]:
    rows = []
    for healer in _order(found):
        mine = [row for row in found.recoveries if row.healer == healer]
        lags = [row.lag_s for row in mine if row.lag_s is not None]
        asked, failed = sum(r.asked for r in mine), sum(r.failed for r in mine)
        begun = [row.intent_lag_s for row in mine if row.intent_lag_s is not None]
        if mine:
            said = str(spread(begun)) if begun else "–"
            rows.append([healer, str(spread(lags)), said, str(len(lags)), f"{failed} of {asked}"])
    if not rows:
        return []
    head = ["healer", "from die, oom or unhealthy to the engine's word of the first act, s"]
    head += ["to Everup's beginning it, s", "cells", "failed requests"]
    return table(head, rows)


def _mixed(lived: Sequence[Lived]) -> list[str]:
    rows = []
    for healer in _names(lived):
        mine = [row for row in lived if row.healer == healer]
        times = [None if r.recovered_s is None else r.recovered_s / SCALE for r in mine]
        p90 = percentile(times, 0.9)
        ended = sum(t is not None for t in times)
        lost = [r for r in mine if r.recovered_s is None]
        told = [r.escalated_s for r in lost if r.escalated_s is not None]
        rows.append(
            [
                healer,
                f"{ended} of {len(mine)}",
                f"{spread(times)}",
                "over 300" if p90 is None else f"{p90:.0f}",
                _told(told),
                f"{sum(r.failed for r in mine)} of {sum(r.asked for r in mine)}",
                f"{sum(r.messages for r in mine) / len(mine):.1f}",
                str(sum(r.on_others for r in mine)),
            ]
        )
    if not rows:
        return []
    head = ["healer", "ended in 5 min", "median, s", "p90, s", "escalated", "failed requests"]
    head += ["messages per incident", "acts on others"]
    said = "Mixed incidents on twelve services, in the owner's seconds (30 s and three tries):"
    return [said, "", *table(head, rows)]


def _told(after_s: Sequence[float]) -> str:
    """How many of those that did not end a person was told of, and after which of the owner's
    seconds at the latest."""
    return f"{len(after_s)}, after {max(after_s) / SCALE:.0f} s" if after_s else "0"


def _actions(found: Results) -> list[str]:
    rows = []
    for one in found.actions():
        share = share_of(one.passed, one.done)
        rows.append(
            [
                one.kind,
                "–" if share is None else f"{share:.0%}",
                f"{one.passed} of {one.done}",
                "–" if one.reported is None else f"{one.reported:.0%}",
            ]
        )
    if not any(one.done for one in found.actions()):
        return []
    head = ["Everup's actions", "verified", "of those that ended", "reported elsewhere"]
    return table(head, rows)


def _overhead(found: Overhead | None) -> list[str]:
    if found is None:
        return []
    head = [f"{found.containers} containers, {found.seconds:.0f} s", "Everup", "engine", "more"]
    rows = [["without Everup", "–", ", ".join(f"{x:.2%}" for x in found.engine_without), "–"]]
    for form, cost in found.forms.items():
        more = f"{found.more(form):+.2%}"
        rows.append([form, f"{cost.everup:.2%}", f"{cost.engine:.2%}", more])
    return ["Shares of one core:", "", *table(head, rows)]
