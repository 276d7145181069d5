"""`python -m benchmarks.cycle [--json OUT]`: one look without I/O, 12 to 10,000 services.

The same assess, decide and judge as live, on a desk filled by one listing; beside it, in the same
run, the plain loop that only compares health booleans and restarts whatever is unwell. Prints a
table and writes JSON. The growth is the time for each service over that at 100 services: 1 means
that a look grows as the stack does.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.layers import SICK_SHARE, layered, sick_day
from everup.automated_recovery import propose
from everup.dependency_monitor import Closures, Graph, build_graph, relate
from everup.loop import incidents
from everup.loop.remember import remember
from everup.model.assessment import Assessment
from everup.model.decision import Proposal
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import Memory, StackState
from everup.predictive_monitor import score
from everup.safety import Context, judge

SIZES = (12, 100, 1_000, 10_000)
LIMITS_S = {1_000: 1.0, 10_000: 10.0}
RELATIVE_TO = 100
BUDGET_S = 2.0
RUNS_LEAST, RUNS_MOST = 3, 200


@dataclass(frozen=True, slots=True)
class Row:
    """One size. `growth`: time for each service, relative to that at 100 services."""

    services: int
    findings: int
    proposals: int
    look_s: float
    plain_loop_s: float
    peak_bytes: int
    runs: int
    growth: float = float("nan")


class Cycle:
    """A look's pure stages on one stack, as `loop.cycle` runs them."""

    def __init__(self, stack: Stack, graph: Graph, observation: Observation) -> None:
        self.stack, self.graph, self.observation = stack, graph, observation
        self.settings, self.state = Settings(), StackState()
        self.memory = Memory()
        self.closures = Closures(graph)
        self.findings = self.proposals = 0

    def look(self) -> None:
        """Assess, decide, judge."""
        stack, seen, settings, state = self.stack, self.observation, self.settings, self.state
        own = score(stack, seen, state, settings)
        relations = relate(stack, seen, own, self.graph, state, settings)
        self.memory = remember(self.memory, seen, own, settings)
        found = Assessment(own, relations)
        incidents.follow(
            stack, found, state, self.memory, settings, seen.at_s, _NoIds(), self.closures
        )
        context = Context(stack, settings, seen, found, state, self.memory, self.closures, 600, 0)
        answers = propose(stack, seen, found, state, self.memory, settings)
        verdicts = [judge(a, context) for a in answers if isinstance(a, Proposal)]
        self.findings, self.proposals = len(relations.findings), len(verdicts)


class _NoIds:
    def new(self, prefix: str) -> str:
        """Always the same."""
        return f"{prefix}-0"


def plain_loop(stack: Stack, observation: Observation) -> list[str]:
    """A poller that restarts whatever is unhealthy: it compares booleans and explains nothing."""
    return [
        name
        for name in stack.services
        if any(
            i.probe is not None and i.probe.failures_in_a_row > 0
            for i in observation.services[name].instances
        )
    ]


def measure(size: int) -> Row:
    """Time and peak memory of a look at this size; the first look, which fills caches, is shown by
    none of the figures."""
    stack = layered(size)
    observation = sick_day(stack)
    cycle = Cycle(stack, build_graph(stack), observation)
    cycle.look()
    look_s, runs = _median_s(cycle.look)
    plain_s, _ = _median_s(lambda: plain_loop(stack, observation))
    gc.collect()
    tracemalloc.start()
    cycle.look()
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return Row(size, cycle.findings, cycle.proposals, look_s, plain_s, peak_bytes, runs)


def _median_s(call: Callable[[], object]) -> tuple[float, int]:
    taken: list[float] = []
    began_s = time.perf_counter()
    while len(taken) < RUNS_LEAST or (
        len(taken) < RUNS_MOST and time.perf_counter() - began_s < BUDGET_S
    ):
        before_s = time.perf_counter()
        call()
        taken.append(time.perf_counter() - before_s)
    return statistics.median(taken), len(taken)


def with_growth(rows: list[Row]) -> list[Row]:
    """Each row with its time for a service over that of `RELATIVE_TO` services."""
    base_s = next(r.look_s / r.services for r in rows if r.services == RELATIVE_TO)
    return [Row(**{**asdict(row), "growth": row.look_s / row.services / base_s}) for row in rows]


def table_of(rows: list[Row]) -> Table:
    """Ours beside the plain loop's."""
    heads = ("services", "unwell", "roots", "look ms", "bound", "plain ms", "peak MB", "growth")
    table = Table(
        *heads, title=f"one look without I/O, {SICK_SHARE:.0%} of the services sick by themselves"
    )
    for row in rows:
        bound_s = LIMITS_S.get(row.services)
        table.add_row(
            f"{row.services:,}",
            str(row.findings),
            str(row.proposals),
            f"{row.look_s * 1e3:.2f}",
            "" if bound_s is None else f"{bound_s * 1e3:.0f}",
            f"{row.plain_loop_s * 1e3:.3f}",
            f"{row.peak_bytes / 1e6:.2f}",
            f"{row.growth:.2f}",
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    """1 when a look takes longer than its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycle", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    chosen = parser.parse_args(arguments)
    rows = with_growth([measure(size) for size in SIZES])
    Console().print(table_of(rows))
    if chosen.json is not None:
        found = {"sick_share": SICK_SHARE, "rows": [asdict(row) for row in rows]}
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    late = [r for r in rows if r.look_s > LIMITS_S.get(r.services, float("inf"))]
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
