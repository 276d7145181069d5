"""How far root cause depends on its numbers and on the data: everything moved, one thing at a time.

`python -m benchmarks.root_cause_varied --data DIR --json OUT`. Each number of the tuning by half
and by one and a half; all of them at random within that; parts of the normal period; fewer calls,
noise on every latency, edges that are missing. For what is random the mean and the worst
of several seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from benchmarks.petshop import Issue, read_graph, read_issues, read_table
from benchmarks.root_cause import Prepared, places, prepared
from everup.dependency_monitor.root_cause import rank_roots
from everup.dependency_monitor.tuning import SHIPPED, Tuning
from everup.model.signals import CallSeries

SEEDS = range(10)
Graph = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Varied:
    """Mean and least over the seeds."""

    what: str
    top_1: float
    top_3: float
    top_1_least: float
    top_3_least: float


def main() -> None:
    """Prints a line per variation."""
    parser = argparse.ArgumentParser(prog="benchmarks.root_cause_varied", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    folder = asked.data if (asked.data / "graph.csv").exists() else asked.data / "petshop"
    normal, calls = read_table(folder / "noissue.csv.gz"), read_graph(folder / "graph.csv")
    issues = read_issues(folder)
    ready = [(issue, prepared(issue, normal, calls)) for issue in issues]
    found = []
    for what, vary in [*_tunings(), *_data()]:
        found.append(_tried(what, vary, ready, calls))
        row = found[-1]
        print(
            f"{row.what:42s} top-1 {row.top_1:.3f} (least {row.top_1_least:.3f})"
            f"  top-3 {row.top_3:.3f} (least {row.top_3_least:.3f})",
            flush=True,
        )
    if asked.json:
        told = [{f.name: getattr(row, f.name) for f in fields(row)} for row in found]
        asked.json.write_text(json.dumps(told, indent=2) + "\n")


Vary = Callable[[Prepared, Graph, int], tuple[Prepared, Graph, Tuning]]


def _tried(what: str, vary: Vary, ready: Sequence[tuple[Issue, Prepared]], calls: Graph) -> Varied:
    first, third = [], []
    for seed in SEEDS if "random" in what else (0,):
        hits = []
        for issue, one in ready:
            moved, graph, tuning = vary(one, calls, seed)
            ranked = places(
                rank_roots(
                    graph, moved.normal, moved.window, moved.symptom, moved.recent, tuning=tuning
                )
            )
            hits.append(ranked.index(issue.cause) if issue.cause in ranked else len(ranked))
        first.append(float(np.mean(np.array(hits) < 1)))
        third.append(float(np.mean(np.array(hits) < 3)))
    return Varied(what, float(np.mean(first)), float(np.mean(third)), min(first), min(third))


def _tunings() -> list[tuple[str, Vary]]:
    found: list[tuple[str, Vary]] = [("as shipped", lambda one, graph, _: (one, graph, SHIPPED))]
    for f in fields(Tuning):
        for factor in (0.5, 1.5):
            value = getattr(SHIPPED, f.name) * factor
            tuning = replace(SHIPPED, **{f.name: value})
            found.append((f"{f.name} × {factor}", _with(tuning)))

    def at_random(one: Prepared, graph: Graph, seed: int) -> tuple[Prepared, Graph, Tuning]:
        draw = np.random.default_rng(seed)
        values = {f.name: getattr(SHIPPED, f.name) * draw.uniform(0.5, 1.5) for f in fields(Tuning)}
        return one, graph, Tuning(**values)

    return [*found, ("all numbers at random within ±50 %", at_random)]


def _with(tuning: Tuning) -> Vary:
    return lambda one, graph, _: (one, graph, tuning)


def _data() -> list[tuple[str, Vary]]:
    return [
        ("no intervals right before", lambda o, g, _: (replace(o, recent=None), g, SHIPPED)),
        *((f"random {rows} normal intervals", _normal_part(rows)) for rows in (288, 48, 12)),
        *((f"one call in {by} at random", _thinned(by)) for by in (2, 4, 10)),
        *((f"latency noise {s:g} at random", _noisy(s)) for s in (0.1, 0.3)),
        *((f"{p:.0%} of the edges lost at random", _edges_lost(p)) for p in (0.1, 0.3)),
        ("normal latency twice as high", lambda o, g, _: (_season(o, 2.0), g, SHIPPED)),
        ("normal latency half as high", lambda o, g, _: (_season(o, 0.5), g, SHIPPED)),
        ("random normal level per node, ×0.5–2", _shifted),
    ]


def _rows(series: CallSeries, rows: np.ndarray) -> CallSeries:
    return CallSeries(
        series.nodes, series.latency_s[rows], series.requests[rows], series.failures[rows]
    )


def _normal_part(count: int) -> Vary:
    def vary(one: Prepared, graph: Graph, seed: int) -> tuple[Prepared, Graph, Tuning]:
        rows = len(one.normal.requests)
        start = int(np.random.default_rng(seed).integers(0, max(1, rows - count)))
        part = _rows(one.normal, np.arange(start, min(rows, start + count)))
        return replace(one, normal=part), graph, SHIPPED

    return vary


def _thin(series: CallSeries, by: int, draw: np.random.Generator) -> CallSeries:
    """Each call is seen with a chance of one in `by`; a mean of few varies more."""
    requests = np.nan_to_num(series.requests).astype(int)
    failed = np.minimum(np.nan_to_num(np.round(series.failures)).astype(int), requests)
    seen_failed = draw.binomial(failed, 1.0 / by)
    seen = seen_failed + draw.binomial(requests - failed, 1.0 / by)
    spread = draw.gamma(np.maximum(seen, 1), 1.0 / np.maximum(seen, 1))
    latency_s = np.where(seen > 0, series.latency_s * spread, np.nan)
    return CallSeries(series.nodes, latency_s, seen.astype(float), seen_failed.astype(float))


def _thinned(by: int) -> Vary:
    def vary(one: Prepared, graph: Graph, seed: int) -> tuple[Prepared, Graph, Tuning]:
        draw = np.random.default_rng(seed)
        recent = None if one.recent is None else _thin(one.recent, by, draw)
        normal, window = _thin(one.normal, by, draw), _thin(one.window, by, draw)
        return replace(one, normal=normal, window=window, recent=recent), graph, SHIPPED

    return vary


def _noisy(sigma: float) -> Vary:
    def vary(one: Prepared, graph: Graph, seed: int) -> tuple[Prepared, Graph, Tuning]:
        draw = np.random.default_rng(seed)

        def shaken(series: CallSeries) -> CallSeries:
            factor = np.exp(draw.normal(0.0, sigma, series.latency_s.shape))
            return replace(series, latency_s=series.latency_s * factor)

        recent = None if one.recent is None else shaken(one.recent)
        moved = replace(one, normal=shaken(one.normal), window=shaken(one.window), recent=recent)
        return moved, graph, SHIPPED

    return vary


def _edges_lost(share: float) -> Vary:
    def vary(one: Prepared, graph: Graph, seed: int) -> tuple[Prepared, Graph, Tuning]:
        draw = np.random.default_rng(seed)
        kept = {n: [c for c in callees if draw.random() >= share] for n, callees in graph.items()}
        return one, kept, SHIPPED

    return vary


def _season(one: Prepared, factor: float) -> Prepared:
    return replace(one, normal=replace(one.normal, latency_s=one.normal.latency_s * factor))


def _shifted(one: Prepared, graph: Graph, seed: int) -> tuple[Prepared, Graph, Tuning]:
    factor = np.exp2(np.random.default_rng(seed).uniform(-1.0, 1.0, len(one.normal.nodes)))
    normal = replace(one.normal, latency_s=one.normal.latency_s * factor)
    return replace(one, normal=normal), graph, SHIPPED


if __name__ == "__main__":
    main()
