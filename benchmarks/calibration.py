"""Does 70 % mean 70 %? Forecasts of strained stacks in simulation, held against what came.

`python -m benchmarks.calibration [--seeds 1000:1004] [--days 3] [--json OUT]`. Each seed is a stack
of twelve services over some days (`strained`), seen every half a minute, through the product's own
parts: the ring, `Foresight` (lines, combination, calibration), `Forecasts`, the fold of the
journal, and `tuning`. Each stack begins with an empty journal, so that its first day is
the prior alone. Nothing is acted upon. A failure is where the level comes to its limit in truth.

Printed are the forecasts that the product keeps and in which something was foretold (those of
nothing are counted beside, since they flatter): calibration error (ECE, ten bins), Brier score with
a bootstrap interval over services, that of the base rate, and the reliability table; in the same
run, at the same moments, the prior without calibration, and yes or no by Prometheus'
`predict_linear` over an hour.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.strained import ROW_S, Service, World, world
from everup.loop.fold import fold_all
from everup.loop.forecasts import Forecasts, Open
from everup.loop.foresight import Foresight
from everup.loop.history_ring import HistoryRing
from everup.loop.tuning import due
from everup.model.accuracy import Failure
from everup.model.disk import Disk
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.kinds import Cause, InstanceState
from everup.model.observation import (
    Instance,
    InstanceObservation,
    Observation,
    ServiceObservation,
)
from everup.model.resources import Resources
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState

SIGNAL_OF = {
    Cause.LEAK: Signal.MEMORY_RATIO,
    Cause.DISK_FILLING: Signal.DISK_RATIO,
    Cause.DESCRIPTOR_LEAK: Signal.DESCRIPTORS_RATIO,
    Cause.CONNECTIONS_FULL: Signal.CONNECTIONS_RATIO,
    Cause.QUEUE_FULL: Signal.QUEUE_RATIO,
}
PEER_WINDOW_S = 3600.0
BOOTSTRAPS = 1000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settled:
    """One forecast whose future has come. `linear`: what predict_linear says then, 0 or 1."""

    seed: int
    service: str
    at_s: float
    said: float
    raw: float
    linear: float
    came: bool


class _Noted(Forecasts):
    """The product's own, that also tells each one."""

    noted: list[tuple[str, Open, bool]]

    def count(self, name: str, one: Open, *, came: bool) -> None:
        self.noted.append((name, one, came))
        super().count(name, one, came=came)


def played(seed: int, days: float, services: int = 12) -> list[Settled]:
    """All forecasts of one stack, those of nothing too."""
    made, settings = world(seed, days, services), Settings()
    stack = Stack("strained", {s.name: ServiceSpec(s.name) for s in made.services})
    foresight, state = Foresight(), StackState()
    forecasts = _Noted(stack, settings)
    forecasts.noted = []
    ring = HistoryRing(
        list(stack.services), slots=settings.history_slots, interval_s=ROW_S, gap_s=3 * ROW_S
    )
    failures = {(s.name, at_s) for s in made.services for at_s in s.failed_s}
    for row, at_s in enumerate(made.times.tolist()):
        ring.append(at_s, _sample(made, row))
        observation = _seen(made, row, at_s)
        predictions = foresight.look(stack, observation, ring, state, settings)
        failed = [n for n in stack.services if (n, at_s) in failures]
        met = [Failure(at_s, name, Cause.CRASH) for name in failed]
        forecasts.settle(observation, state, met, ())
        forecasts.keep(observation, predictions, failed, state)
        entries = forecasts.flush(at_s) + due(state, settings, at_s)
        state = fold_all(state, entries)
    known = {s.name: s for s in made.services}
    return [
        Settled(
            seed, name, one.at_s, one.p, one.raw, linear(made.times, known[name], one.at_s), came
        )
        for name, one, came in forecasts.noted
    ]


def _sample(made: World, row: int) -> NDArray[np.float32]:
    sample = np.full((len(SIGNALS), len(made.services)), np.nan, dtype=np.float32)
    sample[INDEX[Signal.INSTANCES_UP]] = 1.0
    for place, one in enumerate(made.services):
        sample[INDEX[SIGNAL_OF[one.cause]], place] = one.values[row]
    return sample


def _seen(made: World, row: int, at_s: float) -> Observation:
    return Observation(
        at_s,
        {
            s.name: ServiceObservation(s.name, (_instance(s, float(s.values[row]), row, at_s),))
            for s in made.services
        },
    )


def _instance(service: Service, value: float, row: int, at_s: float) -> InstanceObservation:
    disk, queue, resources, memory = None, float("nan"), Resources(), float("nan")
    match service.cause:
        case Cause.LEAK:
            memory = value
        case Cause.DISK_FILLING:
            disk = Disk("/data", device=service.name, size_bytes=1e9, free_bytes=1e9 * (1 - value))
        case Cause.DESCRIPTOR_LEAK:
            resources = Resources(descriptors=1024 * value, descriptors_most=1024.0)
        case Cause.CONNECTIONS_FULL:
            resources = Resources(connections=200 * value, connections_most=200.0)
        case _:
            queue, resources = 128 * value, Resources(queue_most=128.0)
    instance = Instance(
        *(service.name, f"{service.name}-0", f"{service.name}-0#1", InstanceState.RUNNING),
        started_at_s=float(service.begun_s[row]),
        accept_queue=queue,
        disk=disk,
        resources=resources,
    )
    return InstanceObservation(instance, memory_ratio=memory, read_at_s=at_s)


def linear(times: Floats, service: Service, at_s: float) -> float:
    """`predict_linear(x[1h], 900) >= 1`, as Prometheus works it out: all of the hour, whatever
    began in it."""
    window = (times > at_s - PEER_WINDOW_S) & (times <= at_s)
    if np.count_nonzero(window) < 2:
        return 0.0
    slope, start = np.polyfit(times[window] - at_s, service.values[window], 1)
    return float(start + slope * Settings().prediction_horizon_s >= 1.0)


def ece(said: Floats, came: Floats) -> float:
    """Mean distance of said from came over the tenths, weighed by how many."""
    tenth = np.minimum(9, (said * 10 + 1e-9).astype(int))
    total = 0.0
    for bin_ in range(10):
        inside = tenth == bin_
        if inside.any():
            total += inside.sum() * abs(said[inside].mean() - came[inside].mean())
    return float(total / len(said))


def table(said: Floats, came: Floats) -> list[dict[str, float]]:
    """The reliability table."""
    tenth = np.minimum(9, (said * 10 + 1e-9).astype(int))
    return [
        {
            "from": bin_ / 10,
            "count": int((tenth == bin_).sum()),
            "said": float(said[tenth == bin_].mean()),
            "came": float(came[tenth == bin_].mean()),
        }
        for bin_ in range(10)
        if (tenth == bin_).any()
    ]


def figures(known: Sequence[Settled], seed: int = 0) -> dict[str, Any]:
    """Everything that is printed, of these forecasts."""
    came = np.array([float(k.came) for k in known])
    rate = float(came.mean())
    found: dict[str, Any] = {
        "settled": len(known),
        "base_rate": rate,
        "brier_of_base": rate * (1.0 - rate),
    }
    blocks = np.unique([f"{k.seed} {k.service}" for k in known], return_inverse=True)[1]
    for name in ("said", "raw", "linear"):
        said = np.array([getattr(k, name) for k in known])
        squared = (said - came) ** 2
        low, high = interval(squared, blocks, seed)
        found[name] = {
            "ece": ece(said, came),
            "brier": float(squared.mean()),
            "brier_low": low,
            "brier_high": high,
            "precision": _share(came[said >= 0.7]),
            "acted": int((said >= 0.7).sum()),
            "reliability": table(said, came),
        }
    return found


def interval(squared: Floats, blocks: NDArray[np.intp], seed: int) -> tuple[float, float]:
    """95 % of the mean, by drawing whole services: forecasts of one go together."""
    random = np.random.default_rng(seed)
    many = int(blocks.max()) + 1
    sums, counts = np.bincount(blocks, squared, many), np.bincount(blocks, minlength=many)
    drawn = random.integers(0, many, (BOOTSTRAPS, many))
    means = sums[drawn].sum(axis=1) / np.maximum(1, counts[drawn].sum(axis=1))
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _share(came: Floats) -> float | None:
    return float(came.mean()) if len(came) else None


def run(seeds: Sequence[int], days: float, services: int, workers: int) -> dict[str, Any]:
    """All seeds, and their figures."""
    begun_s = time.monotonic()
    if workers > 1:
        with ProcessPoolExecutor(workers) as pool:
            parts = list(pool.map(played, seeds, repeat(days), repeat(services)))
    else:
        parts = [played(seed, days, services) for seed in seeds]
    everything = [one for part in parts for one in part]
    foretold = [one for one in everything if one.raw > 0.0]
    late = [one for one in foretold if one.at_s >= min(f.at_s for f in foretold) + 86_400.0]
    return {
        "seeds": [seeds[0], seeds[-1]],
        "days": days,
        "services": services,
        "took_s": time.monotonic() - begun_s,
        "foretold": figures(foretold),
        "after_the_first_day": figures(late) if late else None,
        "with_those_of_nothing": figures(everything),
    }


def told(name: str, found: dict[str, Any]) -> None:
    """One part on the terminal."""
    print(f"\n{name}: {found['settled']} settled, {found['base_rate']:.1%} came")
    print(f"  base rate alone: Brier {found['brier_of_base']:.4f}")
    for key, words in (
        ("said", "as shipped"),
        ("raw", "prior, not calibrated"),
        ("linear", "predict_linear, yes or no"),
    ):
        one = found[key]
        precision = "–" if one["precision"] is None else f"{one['precision']:.0%}"
        print(
            f"  {words:26} ECE {one['ece']:.3f}  Brier {one['brier']:.4f} "
            f"({one['brier_low']:.4f} to {one['brier_high']:.4f})  "
            f"70 % and more: {one['acted']}, came {precision}"
        )
    for point in found["said"]["reliability"]:
        print(
            f"    {point['from']:.1f}  {point['count']:6d}  said {point['said']:.2f}  "
            f"came {point['came']:.2f}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print, and write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--seeds", default="1000:1004", help="FROM:TO, the last one left out")
    parser.add_argument("--days", type=float, default=3.0)
    parser.add_argument("--services", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args(arguments)
    first, last = (int(part) for part in chosen.seeds.split(":"))
    found = run(range(first, last), chosen.days, chosen.services, chosen.workers)
    for name in ("foretold", "after_the_first_day", "with_those_of_nothing"):
        if found[name]:
            told(name.replace("_", " "), found[name])
    print(f"\n{found['took_s']:.0f} s")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
