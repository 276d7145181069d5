"""What retraining costs whoever serves: `python -m benchmarks.retraining --json OUT`.

A week of samples of twelve services lies on disk, as history keeps it. The real worker trains on
it, fed by the real `ProcessTrainer` through `DiskHistory`, while a ticker in the same event
loop wakes ten times a second: its largest delay is what a tick would have waited. The peer is the
same work in a thread of the same process, as if there were no worker. 1 when training takes longer
than a minute or delays a tick by more than a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from everup.history import DiskHistory
from everup.loop.models import pieces_of
from everup.model.history import SIGNALS
from everup.model.kinds import Cause
from everup.model.learned import Craft, Failure, Trained, TrainingOrder
from everup.training import ProcessTrainer
from everup.training import folder as place

STEP_S, DAY_S = 30.0, 86_400.0
START_S = 1_700_000_100.0
TICK_S = 0.1
TRAINING_MOST_S, DELAY_MOST_S = 60.0, 1.0
REST_S = 5.0
BLOCK_SAMPLES = 240


@dataclass(frozen=True)
class Found:
    """Seconds of the training, and by how much the ticker woke late: at worst, and in the median.
    `ticks`: how many there were."""

    who: str
    took_s: float
    delay_most_s: float
    delay_median_s: float
    ticks: int
    rows: int


def order_of(services: int, days: float) -> TrainingOrder:
    """With some failures, so that the whole exam is sat."""
    names = tuple(f"service-{n:02d}" for n in range(services))
    to_s = START_S + days * DAY_S
    failures = tuple(
        Failure(names[n % services], Cause.CRASH, at_s, at_s + 120.0)
        for n, at_s in enumerate(np.linspace(START_S + DAY_S, to_s - 3600.0, 24))
    )
    return TrainingOrder(
        Craft.ANOMALY, "bench", names, START_S, to_s, STEP_S, 900.0, failures, None, 500_000, 600.0
    )


async def written(history: DiskHistory, services: int, days: float) -> None:
    """Noise with a daily wave, every signal known; at the pace that the disk takes it."""
    rng = np.random.default_rng(0)
    for number in range(int(days * DAY_S / STEP_S)):
        at_s = START_S + number * STEP_S
        wave = 10.0 * np.sin(2.0 * np.pi * at_s / DAY_S)
        sample = 50.0 + wave + rng.normal(0, 3, (len(SIGNALS), services))
        history.append(at_s, sample.astype(np.float32))
        if number % BLOCK_SAMPLES == 0:
            await history.read("service-00", at_s, at_s)  # what waits is on disk now


class Ticker:
    """Wakes every TICK_S and notes how late."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            wanted_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.late_s.append(loop.time() - wanted_s)


async def watched(who: str, work: Callable[[], Awaitable[int]]) -> Found:
    """Do it with the ticker beside it."""
    ticker = Ticker()
    ticking = asyncio.create_task(ticker.run())
    began_s = time.perf_counter()
    rows = await work()
    took_s = time.perf_counter() - began_s
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    late = np.array(ticker.late_s or [0.0])
    return Found(who, took_s, float(late.max()), float(np.median(late)), len(late), rows)


async def measure(services: int, days: float) -> list[Found]:
    """The ticker alone, beside the worker, beside a thread."""
    folder = Path(tempfile.mkdtemp(prefix="everup-retraining-"))
    order = order_of(services, days)
    history = DiskHistory(
        folder / "history", "bench", order.services, days=days + 2, total_bytes=2**31
    )

    async def worker() -> int:
        return (await ProcessTrainer(folder).train(order, pieces_of(history, order))).rows

    async def thread() -> int:
        within = folder / "within"
        within.mkdir()
        async for one in pieces_of(history, order):
            index = order.services.index(one.service)
            await asyncio.to_thread(place.put_past, within, index, one)
        return (await asyncio.to_thread(_trained, order, within)).rows

    async def rest() -> int:
        await asyncio.sleep(REST_S)
        return 0

    try:
        await written(history, services, days)
        ways = {"at rest": rest, "worker": worker, "thread": thread}
        return [await watched(who, work) for who, work in ways.items()]
    finally:
        await history.close()
        await asyncio.to_thread(shutil.rmtree, folder, True)


def _trained(order: TrainingOrder, folder: Path) -> Trained:
    from everup.training.crafts import learn
    from everup.training.work import Cores

    return learn(order, place.Pasts(folder, order.services), Cores())


def table_of(found: list[Found]) -> Table:
    table = Table("who trains", "seconds", "latest tick, ms", "median tick, ms", "ticks", "rows")
    for one in found:
        table.add_row(
            one.who,
            f"{one.took_s:.1f}",
            f"{1e3 * one.delay_most_s:.0f}",
            f"{1e3 * one.delay_median_s:.1f}",
            str(one.ticks),
            str(one.rows),
        )
    return table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retraining", description=__doc__)
    parser.add_argument("--services", type=int, default=12)
    parser.add_argument("--days", type=float, default=7.0)
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    found = asyncio.run(measure(chosen.services, chosen.days))
    console = Console()
    console.print(f"load of this machine before it began: {load:.1f} on {os.cpu_count()} cores")
    console.print(table_of(found))
    if chosen.json is not None:
        content = {"load_before": load, "cores": os.cpu_count(), "ways": list(map(asdict, found))}
        chosen.json.write_text(json.dumps(content, indent=1) + "\n")
    (worker,) = (one for one in found if one.who == "worker")
    is_good = worker.took_s < TRAINING_MOST_S and worker.delay_most_s < DELAY_MOST_S
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
