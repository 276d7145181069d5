"""How fast and how large the detector is: `python -m benchmarks.detector_speed --json OUT`.

One step of many services with ten signals each, all streams full, with a trained model and without.
1 when a step takes a second or more, or a signal takes 4 KB or more.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.timing import timed
from everup.predictive_monitor.anomaly import Detector, ServiceModel
from everup.predictive_monitor.anomaly.services import feature_names
from everup.training.anomaly import fit

SIGNALS = tuple(f"signal_{n}" for n in range(10))
STEP_S = 30.0
MOST_S, MOST_BYTES = 1.0, 4096.0
TRAINING_ROWS = 5000


@dataclass(frozen=True)
class Speed:
    """Milliseconds of one step; bytes kept per service and signal."""

    services: int
    has_model: bool
    least_ms: float
    median_ms: float
    most_ms: float
    bytes_per_signal: float


def measure(services: int, model: ServiceModel | None) -> Speed:
    """Every stream is full: values of the past, heights of scores, hours of the day."""
    rng = np.random.default_rng(0)
    detector = Detector(services, SIGNALS)
    detector.streams.past[:] = rng.normal(50, 5, detector.streams.past.shape)
    detector.streams.tails.counts[:] = rng.integers(0, 50, detector.streams.tails.counts.shape)
    detector.streams.daily.seen[:] = 100.0
    detector.streams.life.seen[:] = 1000.0
    detector.together.tails.counts[:] = 10
    shape = (services, len(SIGNALS))
    rows = [rng.normal(50, 5, shape).astype(np.float32) for _ in range(8)]
    at_s = 0.0
    turn = 0

    def step() -> None:
        nonlocal at_s, turn
        at_s, turn = at_s + STEP_S, (turn + 1) % len(rows)
        detector.step(np.full(services, at_s), rows[turn], model)

    taken = timed(step)
    kept = sum(array.nbytes for array in detector.arrays().values())
    return Speed(
        services,
        model is not None,
        1e3 * taken.least_s,
        1e3 * taken.median_s,
        1e3 * taken.most_s,
        kept / (services * len(SIGNALS)),
    )


def trained() -> ServiceModel:
    """A model of noise: it costs what any model costs."""
    names = feature_names(SIGNALS)
    return fit(np.random.default_rng(1).normal(0, 1, (TRAINING_ROWS, len(names))), names)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.detector_speed", description=__doc__
    )
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args(arguments)
    found = [measure(chosen.services, model) for model in (None, trained())]
    table = Table("services", "model", "least ms", "median ms", "most ms", "bytes per signal")
    for one in found:
        table.add_row(
            str(one.services),
            "yes" if one.has_model else "no",
            *(f"{ms:.0f}" for ms in (one.least_ms, one.median_ms, one.most_ms)),
            f"{one.bytes_per_signal:.0f}",
        )
    Console().print(table)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")
    is_quick = all(one.median_ms < 1e3 * MOST_S for one in found)
    return 0 if is_quick and all(one.bytes_per_signal < MOST_BYTES for one in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
