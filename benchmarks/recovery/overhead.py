"""What watching fifty containers costs: Everup's share of a core, the engine's with and without.

On an engine of our own, since the common one does other people's work as well.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.recovery.engines import OwnEngine
from benchmarks.recovery.healers import EVERUP, watch
from benchmarks.recovery.images import SMALL
from benchmarks.recovery.places import Run
from benchmarks.recovery.stacks import Check, Service, Stack
from benchmarks.resting import TICKS_PER_S, use_of

CONTAINERS = 50
WARM_UP_S = 30.0
CHECK = ["--health-cmd", "true", "--health-interval", "30s"]


@dataclass(frozen=True, slots=True)
class Overhead:
    """Shares of one core."""

    containers: int
    seconds: float
    everup: float
    engine_without: float
    engine_with: float

    @property
    def extra(self) -> float:
        """What the engine does more."""
        return self.engine_with - self.engine_without


class Many(Stack):
    """Fifty containers that do nothing, as services of one project."""

    def start(self, service: Service) -> None:
        options = ["--name", self.container(service.name), *self.mark, *self.labels_of(service)]
        options += ["--network", "none", *CHECK]
        self.engine.docker("run", "-d", *options, SMALL, "sleep", "1000000")

    def up(self) -> None:
        with ThreadPoolExecutor(4) as hands:
            list(hands.map(self.start, self.services))


def measure(run: Run, seconds: float) -> Overhead:
    """Without Everup, then with it, on the same containers."""
    own = OwnEngine(run.folder / "many")
    stack = None
    try:
        own.start()
        own.take(SMALL)
        names = (f"service-{number:02d}" for number in range(CONTAINERS))
        many = tuple(Service(name, check=Check("")) for name in names)
        stack = Many(run, own.engine, many, has_policy=True)
        stack.up()
        run.wait(WARM_UP_S)
        without, _ = _shares(run, own.folder, None, seconds)
        watcher = watch(EVERUP, stack)
        try:
            run.wait(WARM_UP_S)
            with_it, ours = _shares(run, own.folder, watcher.pid, seconds)
        finally:
            watcher.close()
        return Overhead(CONTAINERS, seconds, ours, without, with_it)
    finally:
        own.close()


def _shares(run: Run, folder: Path, pid: int | None, seconds: float) -> tuple[float, float]:
    """(the engine's, the process's) over this time."""
    engine = _of_engine(folder)
    began_s, engine_s = time.monotonic(), _spent_s(engine)
    own_s = 0.0 if pid is None else use_of(pid).cpu_s
    run.wait(seconds)
    lasted_s = time.monotonic() - began_s
    mine_s = 0.0 if pid is None else use_of(pid).cpu_s - own_s
    return (_spent_s(engine) - engine_s) / lasted_s, mine_s / lasted_s


def _of_engine(folder: Path) -> list[int]:
    """dockerd, containerd and the shims of this engine."""
    found = []
    for process in psutil.process_iter(["cmdline", "pid"]):
        line = " ".join(process.info["cmdline"] or ())
        if str(folder) in line and any(name in line for name in ("dockerd", "containerd")):
            found.append(int(process.info["pid"]))
    return found


def _spent_s(pids: Sequence[int]) -> float:
    """Of these, and of the children that they have collected."""
    total = 0.0
    for pid in pids:
        try:
            columns = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        total += sum(map(int, columns[11:15])) / TICKS_PER_S
    return total
