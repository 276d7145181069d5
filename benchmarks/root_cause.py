"""Root cause on recorded incidents: `python -m benchmarks.root_cause --data DIR --json OUT`.

DIR holds incidents in the layout of the PetShop data set (see `petshop`), or a folder `petshop` of
such. The product's own code with the settings that ship ranks the nodes; three simple methods and
chance are computed beside it in the same run. All see the same intervals: those from ten minutes
before the alert to five after it, and the normal period; the incident's cause is read last.
`--rankings FILE` also writes {issue: [node, …]}.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.petshop import Floats, Issue, Table, read_graph, read_issues, read_table
from benchmarks.simple_causes import simple_rankings
from everup.dependency_monitor.root_cause import RankedCause, rank_roots
from everup.model.signals import CallSeries, Symptom, failures_of

INTERVAL_S = 300.0
BEFORE_S, AFTER_S = 600.0, 300.0  # what may be seen around the alert, as the simple methods do
PERCENT_ABOVE = 1.5  # a share of answered calls is at most 1
OURS = "own share (Everup)"


@dataclass(frozen=True)
class Result:
    """How often the cause was first, or among the first three."""

    method: str
    incidents: int
    top_1: float
    top_3: float


def series_of(table: Table, nodes: Sequence[str], is_percent: bool) -> CallSeries:
    """The table's means and sums as calls."""
    shape = (len(table.at_s), len(nodes))

    def stacked(metric: str, statistic: str) -> Floats:
        columns = [table.series(node, metric, statistic) for node in nodes]
        return np.array(columns, dtype=np.float64).T.reshape(shape)

    requests = stacked("requests", "Sum")
    failures = failures_of(stacked("availability", "Average"), requests, is_percent=is_percent)
    return CallSeries(tuple(nodes), stacked("latency", "Average"), requests, failures)


def counts_percent(table: Table) -> bool:
    """Is availability written as 0 to 100?"""
    found = [v[np.isfinite(v)] for k, v in table.columns.items() if k[1] == "availability"]
    return any(len(v) and float(v.max()) > PERCENT_ABOVE for v in found)


@dataclass(frozen=True)
class Prepared:
    """What the product is given of one incident."""

    normal: CallSeries
    window: CallSeries
    recent: CallSeries | None
    symptom: Symptom


def prepared(issue: Issue, normal: Table, calls: Mapping[str, Sequence[str]]) -> Prepared:
    """The intervals that the alert overlaps or that begin soon after it are the window."""
    names = {k[0] for k in normal.columns} | {k[0] for k in issue.table.columns} | set(calls)
    nodes = sorted(names)
    is_percent = counts_percent(normal)
    window = issue.table.between(issue.at_s - INTERVAL_S + 1.0, issue.at_s + AFTER_S)
    recent = issue.table.between(issue.at_s - BEFORE_S, issue.at_s - INTERVAL_S)
    if not len(window.at_s):
        window = issue.table
    return Prepared(
        series_of(normal, nodes, is_percent),
        series_of(window, nodes, is_percent),
        series_of(recent, nodes, is_percent),
        Symptom.LATENCY if issue.metric == "latency" else Symptom.FAILURES,
    )


def our_ranking(
    issue: Issue, normal: Table, calls: Mapping[str, Sequence[str]]
) -> tuple[RankedCause, ...]:
    """The product's answer for one incident."""
    one = prepared(issue, normal, calls)
    return rank_roots(calls, one.normal, one.window, one.symptom, one.recent)


def places(ranked: Sequence[RankedCause]) -> list[str]:
    """Things first, in order; then what they are also seen through."""
    return [c.node for c in ranked] + [view for c in ranked for view in c.views]


def result_of(
    method: str, rankings: Mapping[str, Sequence[str]], issues: Sequence[Issue]
) -> Result:
    """Shares of the incidents whose cause is told."""
    issues = [i for i in issues if i.cause]
    first = sum(i.cause in rankings[i.name][:1] for i in issues)
    third = sum(i.cause in rankings[i.name][:3] for i in issues)
    count = max(1, len(issues))
    return Result(method, len(issues), first / count, third / count)


def main() -> None:
    """Reads, ranks, prints, writes."""
    parser = argparse.ArgumentParser(prog="benchmarks.root_cause", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--rankings", type=Path)
    asked = parser.parse_args()
    folder = asked.data if (asked.data / "graph.csv").exists() else asked.data / "petshop"
    normal, calls = read_table(folder / "noissue.csv.gz"), read_graph(folder / "graph.csv")
    issues = read_issues(folder)
    if not issues:
        parser.error(f"no incidents in {folder}")
    started_s = time.perf_counter()
    ours = {issue.name: places(our_ranking(issue, normal, calls)) for issue in issues}
    each_ms = 1e3 * (time.perf_counter() - started_s) / len(issues)
    results = [result_of(OURS, ours, issues)]
    for method, rankings in simple_rankings(issues, normal, calls).items():
        results.append(result_of(method, rankings, issues))
    nodes = len({k[0] for k in normal.columns})
    results.append(Result("chance", results[0].incidents, 1.0 / nodes, 3.0 / nodes))
    shown = Shown("method", "incidents", "top-1", "top-3")
    for r in results:
        shown.add_row(r.method, str(r.incidents), f"{r.top_1:.2f}", f"{r.top_3:.2f}")
    Console().print(shown)
    missed = [i.name for i in issues if i.cause and i.cause not in ours[i.name][:1]]
    print(f"not first: {', '.join(missed) or 'none'}; {each_ms:.1f} ms an incident, reading apart")
    if asked.json:
        told = {"results": [asdict(r) for r in results], "missed": missed, "ms": each_ms}
        asked.json.write_text(json.dumps(told, indent=2) + "\n")
    if asked.rankings:
        asked.rankings.write_text(json.dumps(ours, indent=2) + "\n")


if __name__ == "__main__":
    main()
