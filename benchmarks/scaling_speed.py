"""`python -m benchmarks.scaling_speed --json OUT`: how long a step of many services takes.

Each step is followed and decided by the product's own `ServiceScaler`, for services of which enough
is known that the forecast decides; beside it the plain rule alone on the same demand. Also how much
memory one service takes when it is new, warm, and after days. All services are at the same step, as
after a start of Everup, so that what is done now and then falls on the same step for all of them:
the slowest step is printed too.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.scaling.traces import STEP_S, Floats, made
from everup.auto_scaler.rules import ANY_OTHER, Rule
from everup.auto_scaler.scaler import Allowed, ServiceScaler, StepSight, Unit
from everup.auto_scaler.shadow import PlainRule
from everup.model.axis import Axis
from everup.model.settings import Settings
from everup.model.sizing import ScalingSpec
from everup.model.stack import Limits

MIB = 1024.0 * 1024.0
SETTINGS = Settings()
RULE = Rule(ANY_OTHER.cpu, ANY_OTHER.memory, 1, 100, Axis.BOTH, "usual")
MAY = Allowed(Axis.COUNT, 1, 100, Limits(512 * MIB, 2.0))
SPEC = ScalingSpec(latency_target_s=0.2)
CAPACITY = 25.0
BEGINS_S = 1_750_000_000.0


class Service:
    """One service that has what the scaler wanted last, at once."""

    def __init__(self, demand: Floats) -> None:
        self.scaler = ServiceScaler(SPEC, RULE, SETTINGS, BEGINS_S)
        self.plain = PlainRule(4)
        self._demand, self._instances, self._at = demand, 4, 0

    def step(self, *, is_deciding: bool = True) -> None:
        """One more step followed, and decided."""
        sight = self._sight()
        self._at += 1
        self.scaler.follow(sight, MAY)
        if is_deciding:
            self._instances = self.scaler.think(sight, MAY).plan.wanted
        else:
            self._instances = max(1, round(sight.demand / CAPACITY / 0.7))

    def plain_step(self) -> None:
        """The same by the plain rule alone."""
        demand = float(self._demand[self._at % len(self._demand)])
        self.plain.follow(demand, CAPACITY, 1, 100)

    @property
    def is_by_forecast(self) -> bool:
        """Does the forecast decide?"""
        return self.scaler.planner.is_warm

    def _sight(self) -> StepSight:
        demand = float(self._demand[self._at % len(self._demand)])
        busy = min(0.95, demand / (CAPACITY * self._instances))
        return StepSight(
            at_s=BEGINS_S + self._at * STEP_S,
            instances=self._instances,
            ready=self._instances,
            demand=demand,
            unit=Unit.REQUESTS,
            latency_s=0.02 / (1.0 - busy),
            errors_ratio=0.0,
            waiting=0.0,
            cpu_cores=busy * 2.0,
            cpus=2.0,
            memory_ratio=0.4 + 0.2 * busy,
            memory_bytes=(0.4 + 0.2 * busy) * 512 * MIB,
            memory_limit_bytes=512 * MIB,
            version="1",
            starts_s=50.0,
        )


def warm(demand: Floats, steps: int) -> Service:
    """A service that has lived through so many steps."""
    made_one = Service(demand)
    for step in range(steps):
        made_one.step(is_deciding=step % 20 == 0)
    return made_one


def many(count: int, steps: int, kinds: int = 10) -> list[Service]:
    """Each with a memory of its own; so many different demands."""
    demands = [demand for seed in range(kinds // 5) for demand in made(seed, days=2).values()]
    kept = [warm(demand, steps) for demand in demands]
    return [copy.deepcopy(kept[place % len(kept)]) for place in range(count)]


def timed(step: Callable[[Service], None], services: list[Service], times: int) -> list[float]:
    """Seconds of each step of them all."""
    found = []
    for _ in range(times):
        begins_s = time.perf_counter()
        for one in services:
            step(one)
        found.append(time.perf_counter() - begins_s)
    return found


def bytes_of(steps: int, demand: Floats, services: int = 3) -> float:
    """Of one service after so many steps."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [warm(demand, steps) for _ in range(services)]
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / len(kept)


def main(words: list[str]) -> int:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(prog="benchmarks.scaling_speed", description=__doc__)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--warm", type=int, default=700, help="steps that each has lived through")
    parser.add_argument("--times", type=int, default=21, help="steps that are timed")
    parser.add_argument("--days", type=float, default=0.5, help="of the oldest service, for memory")
    parser.add_argument("--json", type=Path, help="where the figures go")
    args = parser.parse_args(words)
    services = many(args.services, args.warm)
    used_s = time.process_time()
    ours = timed(Service.step, services, args.times)
    used_s = (time.process_time() - used_s) / args.times
    plain = timed(Service.plain_step, services, args.times)
    ages = {"new": 1, "warm": args.warm, f"{args.days:g} days": int(args.days * 86_400 / STEP_S)}
    demand = made(0, days=2)["made_daily"]
    found = {
        "services": args.services,
        "by_forecast": sum(one.is_by_forecast for one in services),
        "everup_s": {"median": statistics.median(ours), "most": max(ours), "all": ours},
        "everup_processor_s": used_s,
        "plain_rule_s": {"median": statistics.median(plain), "most": max(plain)},
        "bytes_of_a_service": {age: round(bytes_of(steps, demand)) for age, steps in ages.items()},
    }
    Console(width=100).print(_table(found))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _table(found: dict[str, Any]) -> Table:
    table = Table("what", "median", "most", title=f"One step of {found['services']} services")
    for name, key in (("everup", "everup_s"), ("the plain rule alone", "plain_rule_s")):
        times = found[key]
        table.add_row(name, f"{times['median'] * 1e3:.0f} ms", f"{times['most'] * 1e3:.0f} ms")
    table.add_row("everup, of a processor", f"{found['everup_processor_s'] * 1e3:.0f} ms", "")
    for age, size in found["bytes_of_a_service"].items():
        table.add_row(f"memory of one, {age}", f"{size / 1024:.0f} KiB", "")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
