"""The generator in C: built where it is missing, begun, and its notes read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.scaling_live.figures import Asked
from benchmarks.scaling_live.profile import Profile

SOURCE = Path(__file__).with_name("load.c")
BUILT_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0
"""After the last request was due: no answer is waited for longer than half of it."""


class NoLoad(Exception):
    """The generator cannot be built, or did not ask as it should; the text says why."""


def built(folder: Path) -> Path:
    """The program, made in this folder.

    Raises:
        NoLoad: there is no C compiler, or it complains.
    """
    program = folder / "load"
    if shutil.which("gcc") is None:
        raise NoLoad("no gcc: `scripts/engine tools` installs it")
    words = ["gcc", "-O2", "-Wall", "-Wextra", "-o", str(program), str(SOURCE), "-lm"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=BUILT_WITHIN_S)
    if done.returncode:
        raise NoLoad(done.stderr)
    return program


class Load:
    """One generator that asks one side."""

    def __init__(self, program: Path, port: int, profile: Profile, begins_s: float, out: Path):
        """`begins_s`: on the monotonic clock. All sides are asked with one seed, so that the same
        is asked of each at the same moment."""
        self._out, self._profile = out, profile
        points = [f"{at_s:.3f}:{rate:.3f}" for at_s, rate in profile.points()]
        words = [str(program), "127.0.0.1", str(port), f"{begins_s:.6f}", "1", str(out), *points]
        self._process = subprocess.Popen(words)

    def result(self) -> list[Asked]:
        """All that was asked, by the moment at which it was due. Waits for the last answer.

        Raises:
            NoLoad: it ended badly.
        """
        code = self._process.wait(self._profile.total_s + ENDS_WITHIN_S)
        if code:
            raise NoLoad(f"the generator ended with {code}")
        return read(self._out)

    def end(self) -> None:
        """At once, where it still asks."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


@contextmanager
def asking(
    program: Path, ports: dict[str, int], profile: Profile, begins_s: float, folder: Path
) -> Iterator[dict[str, Load]]:
    """One generator for each side, from `begins_s` on; all have ended afterwards."""
    loads: dict[str, Load] = {}
    try:
        for name, port in ports.items():
            loads[name] = Load(program, port, profile, begins_s, folder / f"{name}.asked")
        yield loads
    finally:
        for load in loads.values():
            load.end()


def read(notes: Path) -> list[Asked]:
    """What the generator wrote."""
    found: list[Asked] = []
    for line in notes.read_text(encoding="ascii").splitlines():
        due_s, took_us, status, late_us = line.split()
        found.append(Asked(float(due_s), float(took_us) / 1e6, int(status), float(late_us) / 1e6))
    return sorted(found, key=lambda one: one.due_s)
