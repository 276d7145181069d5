"""`python -m benchmarks.footprint [--seconds 60] [--json OUT]`: what watching costs at rest.

The real `everup up --mode auto` at true pace beside the reference stack of twelve services, all of
them well; and in the same run a Python process that imports the same and sleeps. CPU is the share
of one core, with every child (probe commands, canaries) but the services themselves.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.resting import Use, branch_of, use_of
from everup.demo.client import Client, NoAnswer
from everup.demo.faults import listeners
from everup.demo.lab import Lab

CPU_MOST_RATIO = 0.01
MEMORY_MOST_BYTES = 150e6
WELL_WITHIN_S = 120.0
WARM_UP_S = 30.0
WINDOW_S = 10.0
PEER = """
import time
import everup.api, everup.app, everup.cli.up, everup.cli.verbs, everup.runtimes.processes
import uvicorn.lifespan.off, uvicorn.loops.asyncio, uvicorn.protocols.http.h11_impl
time.sleep(1e9)
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """One process over the whole run. `cpu_ratio` is the mean, `cpu_median_ratio` that of the
    windows; memory is the most that was seen."""

    who: str
    cpu_ratio: float
    cpu_median_ratio: float
    rss_bytes: int
    pss_bytes: int


def footprint_of(who: str, uses: Sequence[Use], window_s: Sequence[float]) -> Footprint:
    """What lies between the readings, which stand at the ends of the windows."""
    spent_s = [after.cpu_s - before.cpu_s for before, after in itertools.pairwise(uses)]
    shares = [spent / window for spent, window in zip(spent_s, window_s, strict=True)]
    return Footprint(
        who,
        sum(spent_s) / sum(window_s),
        statistics.median(shares),
        max(use.rss_bytes for use in uses),
        max(use.pss_bytes for use in uses),
    )


def measure(seconds: float, warm_up_s: float) -> list[Footprint]:
    """Starts everything, waits until all is well, measures, leaves nothing behind."""
    lab = Lab(1.0)
    peer = subprocess.Popen([sys.executable, "-c", PEER])
    try:
        lab.prepare()
        lab.start()
        _wait_until_well(lab)
        time.sleep(warm_up_s)
        return _watched(lab, peer.pid, seconds)
    finally:
        peer.kill()
        peer.wait()
        for left in lab.close():
            print(left, file=sys.stderr)


def _watched(lab: Lab, peer: int, seconds: float) -> list[Footprint]:
    ports = {int(section["port"]) for section in lab.services.values()}
    branches = (branch_of(lab.pid, pid) for pid in listeners(ports))
    services = frozenset(pid for pid in branches if pid is not None)
    if len(services) != len(lab.services):
        raise SystemExit(f"{len(services)} of {len(lab.services)} services are found by their port")
    before = _actions(lab)
    times_s, ours, theirs = [time.monotonic()], [use_of(lab.pid, services)], [use_of(peer)]
    for _ in range(max(1, round(seconds / WINDOW_S))):
        time.sleep(min(WINDOW_S, seconds))
        times_s.append(time.monotonic())
        ours.append(use_of(lab.pid, services))
        theirs.append(use_of(peer))
    if _actions(lab) != before:
        raise SystemExit("there was no rest: Everup acted meanwhile; measure again")
    window_s = [after - before for before, after in itertools.pairwise(times_s)]
    return [footprint_of("everup", ours, window_s), footprint_of("peer", theirs, window_s)]


def _actions(lab: Lab) -> int:
    client = Client(lab.port)
    try:
        return len(client.actions())
    finally:
        client.close()


def _wait_until_well(lab: Lab) -> None:
    deadline_s = time.monotonic() + WELL_WITHIN_S
    client = Client(lab.port)
    while time.monotonic() < deadline_s:
        if lab.has_died():
            break
        try:
            found = client.conditions()
        except NoAnswer:
            found = {}
        if len(found) == len(lab.services) and set(found.values()) == {"healthy"}:
            client.close()
            return
        time.sleep(1.0)
    raise SystemExit(f"the stack is not well within {WELL_WITHIN_S:g} s:\n{lab.last_words()}")


def table_of(found: Sequence[Footprint]) -> Table:
    """Both, and the ratio of their memory; the sleeper uses no CPU to compare with."""
    table = Table("process", "CPU %", "median %", "RSS MB", "PSS MB", title="at rest, 12 services")
    for one in found:
        table.add_row(
            one.who,
            f"{one.cpu_ratio:.2%}",
            f"{one.cpu_median_ratio:.2%}",
            f"{one.rss_bytes / 1e6:.1f}",
            f"{one.pss_bytes / 1e6:.1f}",
        )
    ours, peer = found
    share = f"{ours.cpu_ratio / peer.cpu_ratio:.1f}" if peer.cpu_ratio else "no CPU to divide by"
    table.add_row(
        "ratio",
        share,
        "",
        f"{ours.rss_bytes / peer.rss_bytes:.2f}",
        f"{ours.pss_bytes / peer.pss_bytes:.2f}",
    )
    table.add_row(
        "bound", f"{CPU_MOST_RATIO:.2%}", "", f"{MEMORY_MOST_BYTES / 1e6:.0f}", "", style="dim"
    )
    return table


def holds(ours: Footprint) -> bool:
    """Is it inside of the bounds?"""
    return ours.cpu_ratio < CPU_MOST_RATIO and ours.rss_bytes < MEMORY_MOST_BYTES


def main(arguments: list[str] | None = None) -> int:
    """1 when the footprint is over its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to measure")
    parser.add_argument("--warm-up", type=float, default=WARM_UP_S, help="seconds before that")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    chosen = parser.parse_args(arguments)
    found = measure(chosen.seconds, chosen.warm_up)
    Console().print(table_of(found))
    if chosen.json is not None:
        content = {"seconds": chosen.seconds, "processes": [asdict(one) for one in found]}
        chosen.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0 if holds(found[0]) else 1


if __name__ == "__main__":
    sys.exit(main())
