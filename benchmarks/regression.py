"""`python -m benchmarks.regression [--days N] [--json OUT]`: false rollbacks, and power.

Two questions to the test that Everup rolls back by (`rollback_manager.regression`), and to two
plain ways beside it on the same answers: how often is a deploy that changed nothing called worse,
on so many service-days with one deploy each, and how often is one that is 30 % slower found within
five minutes. Every look counts: one each ten seconds. Bounds are exact (Clopper-Pearson, 95 %, one
side).
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.regression_peers import PEERS
from benchmarks.regression_worlds import (
    AFTER_S,
    SEASONAL,
    STATIONARY,
    UNSETTLED,
    Day,
    World,
    draw,
)

DAYS, TRIALS = 5_000, 200
FIRST_SEED = 31_000
TUNED_BELOW = 10_000
LOOK_EVERY_S = 10.0
SLOWER = (1.3, 3.0)
CONFIDENCE = 0.95
FALSE_MOST, POWER_LEAST = 1, 0.90
PROMISED = ("even", "probes alone")
OTHERS = 25
UNSETTLED_SHARE = 0.1
TOLD_EACH = 500
OURS = "everup"


@dataclass(frozen=True, slots=True)
class Rate:
    """`hits` of `trials`, with the bounds of the share. `after_s`: median time of a hit."""

    who: str
    world: str
    slower: float
    hits: int
    trials: int
    least: float
    most: float
    after_s: float


def measure(
    worlds: Mapping[str, World], trials: int, first_seed: int, slower: float
) -> Sequence[Rate]:
    """Each of the worlds in turn, for everybody."""
    found: dict[tuple[str, str], list[float]] = {}
    counted: dict[str, int] = {}
    names = list(worlds)
    for number in range(trials):
        if number and number % TOLD_EACH == 0:
            hits = sum(len(at_s) for (who, _), at_s in found.items() if who == OURS)
            print(f"{number} of {trials} days played, {hits} called worse", file=sys.stderr)
        name = names[number % len(names)]
        day = draw(worlds[name], first_seed + number, slower=slower)
        counted[name] = counted.get(name, 0) + 1
        for who in PEERS:
            at_s = first_alarm_s(who, day)
            if at_s is not None:
                found.setdefault((who, name), []).append(at_s)
    return [
        rate(who, name, slower, found.get((who, name), []), counted[name])
        for who in PEERS
        for name in counted
    ]


def first_alarm_s(who: str, day: Day) -> float | None:
    """After how long it is called worse; None: never."""
    for look in range(1, round(AFTER_S / LOOK_EVERY_S) + 1):
        if PEERS[who](day, look * LOOK_EVERY_S):
            return look * LOOK_EVERY_S
    return None


def rate(who: str, world: str, slower: float, times_s: Sequence[float], trials: int) -> Rate:
    """With its bounds."""
    hits = len(times_s)
    after_s = statistics.median(times_s) if times_s else math.nan
    least = 1.0 - _most(trials - hits, trials)
    return Rate(who, world, slower, hits, trials, least, _most(hits, trials), after_s)


def summed(rates: Sequence[Rate], who: str) -> Rate:
    """All worlds of one of them together."""
    mine = [r for r in rates if r.who == who]
    hits, trials = sum(r.hits for r in mine), sum(r.trials for r in mine)
    found = rate(who, "all", mine[0].slower, [0.0] * hits, trials)
    return Rate(who, "all", found.slower, hits, trials, found.least, found.most, math.nan)


def _most(hits: int, trials: int) -> float:
    """The share at which so few hits, or fewer, are as rare as 1 - CONFIDENCE."""
    if hits >= trials:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2.0
        if _chance_of_at_most(hits, trials, middle) > 1.0 - CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _chance_of_at_most(hits: int, trials: int, share: float) -> float:
    if share <= 0.0:
        return 1.0
    chances = (
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(share)
        + (trials - k) * math.log1p(-share)
        for k in range(hits + 1)
    )
    return math.fsum(map(math.exp, chances))


def table_of(title: str, rates: Sequence[Rate]) -> Table:
    """A row for each service: how often it was called worse, and at most (least) in truth."""
    table = Table("service", *(f"{who}" for who in PEERS), title=title)
    for world in dict.fromkeys(r.world for r in rates):
        cells = [_cell(r) for who in PEERS for r in rates if (r.who, r.world) == (who, world)]
        table.add_row(world, *cells)
    return table


def _cell(one: Rate) -> str:
    if one.slower == 1.0:
        return f"{one.hits} of {one.trials} (at most {one.most:.2%})"
    after = "" if math.isnan(one.after_s) else f", {one.after_s:.0f} s"
    return f"{one.hits / one.trials:.0%} (at least {one.least:.0%}){after}"


def main(argv: Sequence[str]) -> int:
    """0 when both promises hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regression")
    parser.add_argument("--days", type=int, default=DAYS, help="service-days without a regression")
    parser.add_argument(
        "--trials", type=int, default=TRIALS, help="slow deploys, of whom it is promised"
    )
    parser.add_argument("--others", type=int, default=OTHERS, help="slow deploys of each other")
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(argv)
    if args.seed < TUNED_BELOW:
        print(f"note: seeds under {TUNED_BELOW} were used for tuning", file=sys.stderr)
    console, worlds = Console(), {**STATIONARY, **SEASONAL}
    false = measure(worlds, args.days, args.seed, 1.0)
    false = [*false, *(summed(false, who) for who in PEERS)]
    console.print(table_of(f"called worse though nothing changed, {args.days} days", false))
    some = round(args.days * UNSETTLED_SHARE)
    unsettled = measure(UNSETTLED, some, args.seed + 2 * args.days, 1.0)
    console.print(table_of(f"the same where nothing is settled, {some} days", unsettled))
    power: list[Rate] = []
    for slower in SLOWER:
        seed = args.seed + args.days
        rates: list[Rate] = []
        for number, (name, world) in enumerate(worlds.items()):
            trials = args.trials if name in PROMISED else args.others
            rates += measure({name: world}, trials, seed + number * args.trials, slower)
        console.print(table_of(f"{slower:g} times as slow, within {AFTER_S:.0f} s", rates))
        power += rates
    own = next(r for r in false if r.who == OURS and r.world == "all")
    promised = [r for r in power if r.who == OURS and r.world in PROMISED]
    keeps = own.hits <= max(FALSE_MOST, own.trials // DAYS) and all(
        r.hits / r.trials >= POWER_LEAST for r in promised
    )
    if args.json:
        parts = {"false": false, "unsettled": unsettled, "power": power}
        told = {**{name: [*map(asdict, part)] for name, part in parts.items()}, "keeps": keeps}
        args.json.write_text(json.dumps(told, indent=1).replace("NaN", "null") + "\n")
    return 0 if keeps else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
