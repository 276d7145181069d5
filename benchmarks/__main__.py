"""Runs every case and prints a table. `python -m benchmarks journal` narrows it by name."""

from __future__ import annotations

import sys
from itertools import chain

from rich.console import Console
from rich.table import Table

from benchmarks import journal, look
from benchmarks.timing import timed


def main(wanted: list[str]) -> None:
    """One row per case whose name contains every wanted word."""
    table = Table("case", "least ms", "median ms", "most ms", "runs")
    for name, call in chain(look.cases(), journal.cases()):
        if all(word in name for word in wanted):
            timing = timed(call)
            table.add_row(
                name,
                *(f"{s * 1e3:.3f}" for s in (timing.least_s, timing.median_s, timing.most_s)),
                str(timing.runs),
            )
    Console().print(table)


main(sys.argv[1:])
