"""`python -m benchmarks.scaling --traces DIR --json OUT`: every policy on every trace.

Without `--traces` the demand is made from `--seed`. `--counts` also writes how many instances
Everup wanted at each step of 15 s, for scoring by others; `--plots` draws.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console

from benchmarks.scaling import plot, report
from benchmarks.scaling.ours import Everup
from benchmarks.scaling.policies import Hpa, Line, Oracle
from benchmarks.scaling.traces import DAY, Floats, made, read
from benchmarks.scaling.world import Outcome, Policy, play


def policies(demand: Floats) -> Mapping[str, Policy]:
    """One of each, new for each trace."""
    return {
        report.USUAL: Hpa(0.7),
        "HPA 80 %": Hpa(0.8),
        "HPA 90 %": Hpa(0.9),
        "line 15 min": Line(0.7),
        report.OURS: Everup(),
        "oracle": Oracle(demand),
    }


def all_of(named: tuple[str, Floats]) -> tuple[str, dict[str, Outcome]]:
    """One trace under every policy."""
    name, demand = named
    return name, {policy: play(demand, one) for policy, one in policies(demand).items()}


def main(words: list[str]) -> int:
    """Plays, prints, writes."""
    parser = argparse.ArgumentParser(prog="benchmarks.scaling", description=__doc__)
    parser.add_argument("--traces", type=Path, help="folder with NAME.csv.gz of t,rps")
    parser.add_argument("--only", nargs="*", default=[], help="names of traces")
    parser.add_argument("--seed", type=int, default=0, help="of made demand")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--counts", type=Path, help="where Everup's numbers of each step go")
    parser.add_argument("--plots", type=Path, help="folder for plots")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args(words)
    try:
        demands = dict(read(args.traces) if args.traces else made(args.seed))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if unknown := set(args.only) - set(demands):
        parser.error(
            f"--only: no trace {', '.join(sorted(unknown))}; there are {', '.join(demands)}"
        )
    demands = {name: d for name, d in demands.items() if not args.only or name in args.only}
    longest_first = sorted(demands.items(), key=lambda named: -len(named[1]))
    with ProcessPoolExecutor(args.workers) as pool:
        found = dict(pool.map(all_of, longest_first))
    outcomes = {name: found[name] for name in demands}
    console = Console(width=110)
    console.print(report.by_trace(outcomes))
    console.print(report.of_all(outcomes))
    _write(args, demands, outcomes)
    return 0


def _write(
    args: argparse.Namespace, demands: Mapping[str, Floats], outcomes: report.Outcomes
) -> None:
    if args.json:
        args.json.write_text(json.dumps(report.plain(outcomes), indent=1) + "\n", encoding="utf-8")
    if args.counts:
        counts = {name: by_policy[report.OURS].counts for name, by_policy in outcomes.items()}
        args.counts.write_text(json.dumps(counts) + "\n", encoding="utf-8")
    if args.plots:
        args.plots.mkdir(parents=True, exist_ok=True)
        (args.plots / "scaling-trade.svg").write_text(plot.trade(outcomes), encoding="utf-8")
        for name, by_policy in outcomes.items():
            shown = {p: by_policy[p].counts for p in (report.USUAL, report.OURS)}
            first = max(0, len(demands[name]) // 2 // DAY * DAY)
            drawn = plot.day(demands[name], shown, first)
            (args.plots / f"scaling-{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
