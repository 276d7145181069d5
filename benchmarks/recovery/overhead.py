"""What watching fifty containers costs: Everup's share of a core, the engine's with and without.

On an engine of our own, since the common one does other people's work as well. Everup runs as a
process of the host; as a container that has the engine's socket alone; and as one that also sees
the host's control groups and processes, so that it need not ask the engine for what each uses.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.recovery.engines import Engine, EngineError, OwnEngine
from benchmarks.recovery.healers import EVERUP, ROOT, UP_WITHIN_S, watch
from benchmarks.recovery.images import BASE, SMALL
from benchmarks.recovery.places import PREFIX, Run
from benchmarks.recovery.stacks import Check, Service, Stack
from benchmarks.resting import TICKS_PER_S, use_of

CONTAINERS = 50
WARM_UP_S = 90.0  # what is kept to go back to is made once, in the first minute
COOL_DOWN_S = 15.0
CHECK = ["--health-cmd", "true", "--health-interval", "30s"]


MOUNTS = ("/proc:/host/proc:ro", "/sys/fs/cgroup:/host/sys/fs/cgroup:ro")
BUILT_WITHIN_S = 600.0
FORMS = ("process", "container", "container that sees the host")


@dataclass(frozen=True, slots=True)
class Cost:
    """Shares of one core, of Everup and of the engine beside it."""

    everup: float
    engine: float


@dataclass(frozen=True, slots=True)
class Overhead:
    """Shares of one core. `engine_without`: before the first form and after each one."""

    containers: int
    seconds: float
    engine_without: tuple[float, ...]
    forms: dict[str, Cost]

    def more(self, form: str) -> float:
        """The engine's beyond what it did without Everup just before and after: it drifts."""
        at = list(self.forms).index(form)
        beside = self.engine_without[at : at + 2]
        return self.forms[form].engine - sum(beside) / len(beside)


def overhead_of(document: dict[str, Any]) -> Overhead:
    """As it was written to JSON."""
    forms = {form: Cost(**cost) for form, cost in document["forms"].items()}
    without = tuple(document["engine_without"])
    return Overhead(document["containers"], document["seconds"], without, forms)


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
    """Without Everup, then with it in each form, then without, on the same containers."""
    own = OwnEngine(run.folder / "many")
    try:
        own.start()
        image = _image(run)
        own.take(SMALL, image)
        Engine().tried("rmi", image)
        names = (f"service-{number:02d}" for number in range(CONTAINERS))
        many = tuple(Service(name, check=Check("")) for name in names)
        stack = Many(run, own.engine, many, has_policy=True)
        stack.up()
        run.wait(WARM_UP_S)

        def alone() -> float:
            run.wait(COOL_DOWN_S)
            return _shares(run, own.folder, None, seconds)[0]

        forms, without = dict[str, Cost](), [alone()]
        watcher = watch(EVERUP, stack)
        try:
            forms[FORMS[0]] = _cost(run, own.folder, watcher.pid, seconds)
        finally:
            watcher.close()
        without.append(alone())
        for form, mounts in ((FORMS[1], ()), (FORMS[2], MOUNTS)):
            container = _contained(stack, image, mounts)
            pid = int(own.engine.docker("inspect", "-f", "{{.State.Pid}}", container))
            forms[form] = _cost(run, own.folder, pid, seconds)
            own.engine.docker("rm", "-fv", container)
            without.append(alone())
        return Overhead(CONTAINERS, seconds, tuple(without), forms)
    finally:
        own.close()


def _image(run: Run) -> str:
    """Everup's own image, built on the common engine."""
    tag = f"{PREFIX}/{run.name()}:everup"
    environment = {**os.environ, "BASE_IMAGE": BASE}
    done = subprocess.run(
        ["scripts/image", tag],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=BUILT_WITHIN_S,
    )
    if done.returncode:
        raise EngineError(f"Everup's image: {done.stderr[-800:]}")
    return tag


def _contained(stack: Stack, image: str, mounts: Sequence[str]) -> str:
    """Everup in a container of the same engine, once it looks; its id."""
    engine = stack.engine
    socket = f"{engine.address.removeprefix('unix://')}:/var/run/docker.sock:ro"
    options = [part for mount in (socket, *mounts) for part in ("-v", mount)]
    where = ["-e", f"EVERUP_PROJECT={stack.name}", "--network", "none"]
    container = engine.docker("run", "-d", *stack.mark, *options, *where, image)
    deadline_s = time.monotonic() + UP_WITHIN_S
    ask = ("exec", container, "curl", "-fsS", "http://localhost:8010/health")
    while not engine.tried(*ask):
        if time.monotonic() > deadline_s:
            raise EngineError(f"everup: {engine.tried('logs', container)[-800:]}")
        time.sleep(0.5)
    return container


def _cost(run: Run, folder: Path, pid: int | None, seconds: float) -> Cost:
    run.wait(WARM_UP_S)
    engine, ours = _shares(run, folder, pid, seconds)
    return Cost(ours, engine)


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
