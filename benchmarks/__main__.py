"""Runs every case and prints a table, then a short `cycle` and a short `footprint`.

`python -m benchmarks journal` narrows it by name; the words `cycle` and `footprint` stand for these
two. How fast what heals containers does so is `python -m benchmarks.recovery`, which takes an hour
and a Docker engine, and is never run from here.
"""

from __future__ import annotations

import sys
from itertools import chain

from rich.console import Console
from rich.table import Table

from benchmarks import cycle, footprint, journal, look
from benchmarks.timing import timed

SHORT_SIZES = (12, 100, 1_000)
SHORT_SECONDS = 20.0


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
    if table.row_count:
        Console().print(table)
    if not wanted or "cycle" in wanted:
        Console().print(cycle.table_of(cycle.with_growth([*map(cycle.measure, SHORT_SIZES)])))
    if not wanted or "footprint" in wanted:
        found = footprint.measure(SHORT_SECONDS, SHORT_SECONDS)
        Console().print(footprint.table_of(found))


main(sys.argv[1:])
