"""`python -m benchmarks.run_to_failure [--json OUT]`: failures on real processes, foretold or not.

Thirty failures and thirty look-alikes, each drawn from its seed, happen side by side to processes
of the reference stack, five times as fast as in life (`--factor`). Everup runs as it ships, in mode
observe; its predictions from the probability on that it acts upon are its alarms. Two usual alerts
read the very samples that it took. `--prevention` has the same thirty failures happen twice, once
with Everup acting, and counts the users who went unserved. `--quick`: every fifth case.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.run_to_failure.cases import ROUND_MIN, Case, Kind, cases
from benchmarks.run_to_failure.figures import Score
from benchmarks.run_to_failure.prevention import compare, table_of_prevention
from benchmarks.run_to_failure.rounds import OURS, THREATENED, Results, Round, play, results
from benchmarks.run_to_failure.stage import can_mount

REPORTED_FROM = 100
"""Seeds below it are for development; figures are given for seeds from here on."""


def main(arguments: list[str] | None = None) -> int:
    """1 when Everup is not ahead of both peers in recall and precision."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run_to_failure")
    parser.add_argument("--from", type=int, default=REPORTED_FROM, dest="first", help="first seed")
    parser.add_argument("--factor", type=float, default=5.0, help="how many times as fast")
    parser.add_argument("--quick", action="store_true", help="every fifth case")
    parser.add_argument("--prevention", action="store_true", help="also with Everup acting")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left behind
    wanted = cases(chosen.first, quick=chosen.quick)
    console = Console()
    if not can_mount():
        wanted = [one for one in wanted if one.kind is not Kind.DISK]
        console.print("no file system may be mounted here: cases of disks are left out")
    watched = play(wanted, chosen.factor, "observe")
    found = results(watched)
    console.print(table_of(found))
    told = found.threatened
    console.print(
        f"Dependents of who was foretold to fail were told {told.alarms} times, and failed "
        f"{told.right} times: here they do without, and nothing is done for it."
    )
    content = as_plain(watched, found, chosen.factor)
    if chosen.prevention:
        acting = play([one for one in wanted if one.fails], chosen.factor, "auto")
        compared = compare(watched, acting, found.left_out)
        console.print(table_of_prevention(compared))
        content["prevention"] = asdict(compared)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(content, indent=1, default=_plain) + "\n")
    ours = found.of(OURS)
    peers = [one for one in found.scores if one.name != OURS]
    is_ahead = all(ours.recall > p.recall and ours.precision > p.precision for p in peers)
    return 0 if is_ahead else 1


def table_of(found: Results) -> Table:
    """Everup and its peers."""
    ours = found.calibration
    title = (
        f"Brier {ours.brier:.3f} ({ours.brier_low:.3f} to {ours.brier_high:.3f}), base rate "
        f"{ours.base_brier:.3f}; {ours.count} forecasts, ECE {ours.error:.3f}"
    )
    table = Table(
        "", "recall", "precision", "alarms", "of failures", "too early", "lead p10 p50 p90",
        title=title,
    )  # fmt: skip
    for one in found.scores:
        table.add_row(
            one.name,
            f"{one.recall:.0%}",
            f"{one.precision:.0%}",
            str(one.alarms),
            f"{one.foreseen} of {one.failures}",
            str(one.early),
            _leads(one),
        )
    return table


def _leads(one: Score) -> str:
    if not one.leads_min:
        return "–"
    return " ".join(f"{value:.1f}" for value in np.quantile(one.leads_min, (0.1, 0.5, 0.9)))


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def as_plain(watched: Round, found: Results, factor: float) -> dict[str, Any]:
    """For JSON; each case with what was said of it."""
    told = watched.told
    return {
        "factor": factor,
        "round_min": ROUND_MIN,
        "scores": [
            {**asdict(one), "recall": one.recall, "precision": one.precision}
            for one in found.scores
        ],
        "calibration": asdict(found.calibration),
        "threatened": {**asdict(found.threatened), "precision": found.threatened.precision},
        "left_out": dict(found.left_out),
        "stalled_users": told.stalled,
        "cases": [_of_case(watched, found, *each) for each in sorted(watched.cases.items())],
    }


def _of_case(watched: Round, found: Results, service: str, case: Case) -> dict[str, Any]:
    told = watched.told
    fails_min = told.failed_min.get(service)
    until = float("inf") if fails_min is None else fails_min
    said = [
        p for t, s, cause, p in told.foretold if s == service and t < until and cause != THREATENED
    ]
    return {
        "service": service,
        **asdict(case),
        "failed_min": fails_min,
        "highest": max(said, default=0.0),
        "alarms_min": {rule: each.get(service, []) for rule, each in found.alarms.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
