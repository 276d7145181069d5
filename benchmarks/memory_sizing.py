"""How much memory do limits that follow save, and what do they cost? Made-up services, played.

`python -m benchmarks.memory_sizing [--seeds 0:200] [--days 14] [--workers 1] [--json OUT]`. Each
seed is a service over two weeks (`memory_workloads`), whose declared limit is twice the peak of the
whole trace: a generous owner, who knows the future and is never short. The product's own `Usage`
and `recommend` look once a minute, and a limit that they ask for holds from the next minute on,
so that what leaps within one sample meets the limit of the sample before. A new version is made
from its declaration, with the declared limit. Where use passes the limit the service is killed,
loses what it held, and fills up again over six hours.

Slack is the sum over time of limit − use; printed is its share of the slack of the fixed limit,
and how often each was killed, beside peers in the same run: VPA's formula (the 90th percentile of
daily peaks with a half-life of a day, times 1.15, renewed hourly after the first day; after a death
a fifth or 100 MiB more), and two that know the future: fixed at peak × 1.5 and at the very peak.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory_workloads import DAY, MIB, Workload, of_kind, workload
from everup.auto_scaler.histogram import Histogram
from everup.auto_scaler.vertical import Pace, Sight, Usage, recommend
from everup.model.settings import Settings
from everup.model.stack import Limits

MINUTE_S = 60.0
FIXED, GOAL = 2.0, 0.5
REGAINED_MINUTES = 360.0
UNFORESEEABLE = "weekly_job"


@dataclass(frozen=True, slots=True)
class Played:
    """`ratio`: slack over that of the fixed limit."""

    name: str
    kind: str
    ratio: float
    kills: int
    changes: int
    vpa_ratio: float
    vpa_kills: int
    fixed_15_ratio: float
    oracle_ratio: float


class _Life:
    """What is used in truth, where kills lose what was held."""

    def __init__(self, one: Workload) -> None:
        self.base, self.lost, self.killed_at = one.base, 0.0, 0

    def used(self, minute: int, traced: float) -> float:
        if self.lost == 0.0:
            return traced
        fades = math.exp(-(minute - self.killed_at) / REGAINED_MINUTES)
        return max(min(self.base, traced), traced - self.lost * fades)

    def die(self, minute: int, used: float) -> None:
        self.lost, self.killed_at = max(0.0, used - self.base), minute


def ours(one: Workload, settings: Settings) -> tuple[float, int, int]:
    """Slack in byte-minutes, kills, changed limits."""
    declared = FIXED * one.peak
    usage, life, limits = Usage(Pace.of(settings)), _Life(one), Limits(memory_bytes=declared)
    limit, slack, kills, changes, before = declared, 0.0, 0, 0, 0
    for minute, (traced, version) in enumerate(
        zip(one.used.tolist(), one.version.tolist(), strict=True)
    ):
        if version != before:
            limit, before = declared, version
        used, deaths = life.used(minute, traced), 0
        if used > limit:
            life.die(minute, used)
            used, deaths = min(one.base, traced), 1
        at_s = minute * MINUTE_S
        usage.observe(
            Sight(at_s, used, memory_limit_bytes=limit, out_of_memory=deaths, version=str(version))
        )
        slack += limit - used
        kills += deaths
        advice = recommend(usage, at_s, limits)
        changes += advice.memory_sign != 0
        limit = advice.memory_limit_bytes
    return slack, kills, changes


def vpa(one: Workload, settings: Settings) -> tuple[float, int]:
    """The plain formula, slack in byte-minutes and kills."""
    half_life_s = Pace.of(settings).half_life_s
    peaks, life = Histogram(MIB, half_life_s), _Life(one)
    limit, slack, kills, peak = FIXED * one.peak, 0.0, 0, 0.0
    for minute, traced in enumerate(one.used.tolist()):
        at_s = minute // DAY * DAY * MINUTE_S
        if minute % DAY == 0:
            peak = 0.0
        used = life.used(minute, traced)
        sample = used
        if used > limit:
            kills += 1
            life.die(minute, used)
            used = min(one.base, traced)
            sample = max(1.2 * limit, limit + 100 * MIB)
        slack += limit - used
        if sample > peak:
            if peak:
                peaks.replace(peak, sample, 1.0, at_s)
            else:
                peaks.add(sample, 1.0, at_s)
            peak = sample
        if minute >= DAY and (minute % 60 == 0 or sample != used):
            limit = 1.15 * peaks.percentile(0.9)
            if sample != used:
                limit = max(limit, sample)
    return slack, kills


def play(one: Workload, settings: Settings) -> Played:
    """One service under each rule."""
    fixed = float(np.sum(FIXED * one.peak - one.used))
    slack, kills, changes = ours(one, settings)
    theirs, their_kills = vpa(one, settings)
    return Played(
        one.name,
        one.kind,
        slack / fixed,
        kills,
        changes,
        theirs / fixed,
        their_kills,
        float(np.sum(1.5 * one.peak - one.used)) / fixed,
        float(np.sum(one.peak - one.used)) / fixed,
    )


def played(seed: int, days: int) -> Played:
    """One of the ten kinds."""
    return play(workload(seed, days), Settings())


def unforeseeable(seed: int, days: int) -> Played:
    """A leap that comes for the first time after limits have shrunk."""
    return play(of_kind(UNFORESEEABLE, seed, days), Settings())


def figures(found: Sequence[Played]) -> dict[str, Any]:
    """Means and counts of some services."""
    ratios = np.array([one.ratio for one in found])
    return {
        "count": len(found),
        "ratio": float(ratios.mean()),
        "median": float(np.median(ratios)),
        "most": float(ratios.max()),
        "at_most_half": int((ratios <= GOAL).sum()),
        "kills": sum(one.kills for one in found),
        "killed": sum(one.kills > 0 for one in found),
        "changes": float(np.mean([one.changes for one in found])),
        "vpa_ratio": float(np.mean([one.vpa_ratio for one in found])),
        "vpa_kills": sum(one.vpa_kills for one in found),
        "fixed_15_ratio": float(np.mean([one.fixed_15_ratio for one in found])),
        "oracle_ratio": float(np.mean([one.oracle_ratio for one in found])),
    }


def run(seeds: Sequence[int], days: int, workers: int) -> dict[str, Any]:
    """All seeds, and a tenth as many of what cannot be foreseen."""
    begun_s = time.monotonic()
    others = seeds[:: max(1, min(10, len(seeds)))]
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(played, seeds, repeat(days), chunksize=4))
            beyond = list(pool.map(unforeseeable, others, repeat(days)))
    else:
        found = [played(seed, days) for seed in seeds]
        beyond = [unforeseeable(seed, days) for seed in others]
    kinds = sorted({one.kind for one in found})
    return {
        "seeds": [seeds[0], seeds[-1]],
        "days": days,
        "took_s": time.monotonic() - begun_s,
        "all": figures(found),
        "kinds": {kind: figures([one for one in found if one.kind == kind]) for kind in kinds},
        UNFORESEEABLE: figures(beyond),
        "services": [asdict(one) for one in found],
    }


def told(name: str, one: dict[str, Any]) -> str:
    """A row of the table."""
    return (
        f"{name:12} {one['count']:4d}  {one['ratio']:.2f} {one['median']:.2f} {one['most']:.2f} "
        f"{one['at_most_half']:5d}  {one['kills']:4d}  {one['changes']:6.1f}    "
        f"{one['vpa_ratio']:.2f} {one['vpa_kills']:5d}  {one['fixed_15_ratio']:.2f}  "
        f"{one['oracle_ratio']:.2f}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, and write the JSON. 1: the goal was missed, or anything was killed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_sizing", description=__doc__)
    parser.add_argument("--seeds", default="0:200", help="FROM:TO, the last one left out; or TO")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    first, _, last = chosen.seeds.rpartition(":")
    found = run(range(int(first or 0), int(last)), chosen.days, chosen.workers)
    print("slack over that of a fixed limit at peak × 2, which is never short")
    print("                        ours                                  VPA formula  ×1.5  peak")
    print("             count  mean med  most  ≤½    kills  changes  mean kills")
    for kind, one in found["kinds"].items():
        print(told(kind, one))
    print(told("all", found["all"]))
    print("what nothing can foresee, for comparison:")
    print(told(UNFORESEEABLE, found[UNFORESEEABLE]))
    print(f"{found['took_s']:.0f} s")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return int(found["all"]["kills"] > 0 or found["all"]["ratio"] > GOAL)


if __name__ == "__main__":
    sys.exit(main())
