"""Does chunks, as many at once as there are cores, until all are done or somebody says stop.

Flows in: chunks. Flows out: for each one its seconds, figures and failures, to a callback on the
caller's thread. Children have a group of their own, so that stopping leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from everup.simulation.mixes import mix_of
from everup.simulation.runner import HOURS
from tests.qualify.chunks import ROOT, Chunk
from tests.qualify.record import Failure

OUTPUT_TAIL = 40
LOOK_EVERY_S = 0.5
CLEANS_UP_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a chunk came to."""

    chunk: Chunk
    took_s: float
    figures: dict[str, int]
    failures: list[Failure]


@dataclass(slots=True)
class Workers:
    """`stop` ends what is under way; what is not whole then was never done."""

    at_once: int = field(default_factory=lambda: os.cpu_count() or 1)
    is_stopping: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """From a signal handler, or another thread."""
        self.is_stopping.set()

    def work(self, chunks: Iterable[Chunk], tell: Callable[[Done], None]) -> None:
        """Returns when all are done, or when stopped."""
        todo = iter(chunks)
        running: set[Future[Done | None]] = set()
        with ThreadPoolExecutor(self.at_once) as pool:
            while True:
                while len(running) < self.at_once and not self.is_stopping.is_set():
                    chunk = next(todo, None)
                    if chunk is None:
                        break
                    running.add(pool.submit(self._one, chunk))
                if not running:
                    return
                over, running = wait(running, return_when=FIRST_COMPLETED)
                for future in over:
                    done = future.result()
                    if done is not None:
                        tell(done)

    def _one(self, chunk: Chunk) -> Done | None:
        began_s = time.monotonic()
        with subprocess.Popen(
            chunk.command,
            cwd=ROOT,
            env={**os.environ, "EVERUP_COUNTS": "full"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as child:
            output, is_late = self._follow(child, began_s + chunk.most_s)
        if self.is_stopping.is_set() and child.returncode != 0:
            return None
        took_s = time.monotonic() - began_s
        code = None if is_late else child.returncode
        return Done(chunk, took_s, *(understood(chunk, output, code)))

    def _follow(self, child: subprocess.Popen[str], until_s: float) -> tuple[str, bool]:
        """What it said, and whether it had to be ended for taking too long."""
        while True:
            try:
                return child.communicate(timeout=LOOK_EVERY_S)[0], False
            except subprocess.TimeoutExpired:
                is_late = time.monotonic() > until_s
                if is_late or self.is_stopping.is_set():
                    return _ended(child), is_late


def _ended(child: subprocess.Popen[str]) -> str:
    """Ask first: tests have services to stop, which have sessions of their own."""
    os.killpg(child.pid, signal.SIGINT)
    try:
        return child.communicate(timeout=CLEANS_UP_WITHIN_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return child.communicate()[0]


def understood(chunk: Chunk, output: str, code: int | None) -> tuple[dict[str, int], list[Failure]]:
    """Figures and failures from what a chunk said; `code` None: it took too long."""
    if chunk.file:
        return _of_tests(chunk, output, code)
    figures: dict[str, int] = {}
    failures = []
    seed = chunk.first
    for text in output.splitlines():
        if not text.startswith('{"class"'):
            continue
        said = json.loads(text)
        seed = said["seed"] + 1
        for name, value in said["figures"].items():
            figures[name] = figures.get(name, 0) + value
        if said["found"]:
            failures.append(_failure(chunk, said["seed"], said["class"], said["found"]))
    if code != 0:
        tail = output.splitlines()[-1:] or ["it said nothing"]
        found = ["it did not end in time" if code is None else f"it ended with {code}: {tail[0]}"]
        if seed + 1 < chunk.first + chunk.count:
            found.append(f"the seeds behind it, up to {chunk.key}, were not played")
        failures.append(_failure(chunk, seed, mix_of(seed), found))
    return figures, failures


def _failure(chunk: Chunk, seed: int, mix: str, found: list[str]) -> Failure:
    hours = "" if chunk.hours == HOURS else f" --hours {chunk.hours:g}"
    repeat = f"python -m everup.simulation --class {mix} --seed {seed}{hours} --trace"
    return Failure(chunk.part, mix, seed, chunk.hours, found, repeat)


def _of_tests(chunk: Chunk, output: str, code: int | None) -> tuple[dict[str, int], list[Failure]]:
    figures = {"files_passed": int(code == 0)}
    if code == 0:
        return figures, []
    tail = "\n".join(output.splitlines()[-OUTPUT_TAIL:])
    found = [f"it did not end in time\n{tail}" if code is None else tail]
    repeat = f"EVERUP_COUNTS=full .venv/bin/python -m pytest {chunk.file}"
    return figures, [Failure(chunk.part, chunk.file, None, 0.0, found, repeat)]
