"""`python -m everup.simulation --class mixed --seed 4711 [--trace] [--runs 10]`: repeat a run."""

from __future__ import annotations

import argparse
import sys
import time

from everup.simulation.mixes import MIXES, mix_of
from everup.simulation.runner import HOURS, Result, play

HOURS_MOST = 168.0  # a week; more would take over the loop's most steps


def main(arguments: list[str] | None = None) -> int:
    """1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m everup.simulation", description=__doc__)
    parser.add_argument("--class", dest="mix", choices=[*MIXES, "all"], default="mixed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1, help="this many seeds, counted up")
    parser.add_argument("--hours", type=_hours, default=HOURS, help="of simulated time in each run")
    parser.add_argument("--trace", action="store_true", help="tell the story of the run")
    chosen = parser.parse_args(arguments)
    failed = 0
    for seed in range(chosen.seed, chosen.seed + chosen.runs):
        mix = mix_of(seed) if chosen.mix == "all" else chosen.mix
        began_s = time.perf_counter()
        result = play(mix, seed, hours=chosen.hours, is_traced=chosen.trace)
        for line in result.story:
            sys.stdout.write(line + "\n")
        sys.stdout.write(_line(result, time.perf_counter() - began_s) + "\n")
        if result.violations:
            failed += 1
            sys.stdout.write(result.report() + "\n")
        sys.stdout.flush()
    return 1 if failed else 0


def _hours(text: str) -> float:
    hours = float(text)
    if not HOURS <= hours <= HOURS_MOST:
        raise argparse.ArgumentTypeError(f"{text} is not between {HOURS:g} and {HOURS_MOST:g}")
    return hours


def _line(result: Result, took_s: float) -> str:
    return (
        f"{result.mix} {result.seed}: {result.services} services, {sum(result.troubles.values())} "
        f"troubles, {result.kills} kills, {result.incidents} incidents, {result.actions} actions, "
        f"{result.escalations} escalations, {result.entries} entries, journal "
        f"{result.journal_hash[:12]}, {result.steps} steps, {took_s:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
