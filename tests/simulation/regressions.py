"""Runs that once broke a promise, from regressions.toml beside this file.

Read by the tests of the simulation; added to, never rewritten, by `make qualify` and `make soak`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from everup.simulation.mixes import MIXES
from everup.simulation.runner import HOURS

FILE = Path(__file__).with_name("regressions.toml")
FIELDS = {"class", "seed", "hours", "found"}
FOUND_LENGTH_MOST = 200


@dataclass(frozen=True, slots=True)
class Case:
    """One run and what it found; two are the same when they repeat the same run."""

    mix: str
    seed: int
    hours: float = HOURS
    found: str = ""

    @property
    def key(self) -> tuple[str, int, float]:
        """What repeats it."""
        return self.mix, self.seed, self.hours

    def __str__(self) -> str:
        longer = "" if self.hours == HOURS else f"-{self.hours:g}h"
        return f"{self.mix}-{self.seed}{longer}"


def cases(file: Path = FILE) -> tuple[Case, ...]:
    """All of them, in the order of the file.

    Raises:
        ValueError: a case that says something else than a run and what it found, or stands twice.
    """
    found: dict[tuple[str, int, float], Case] = {}
    for entry in tomllib.loads(file.read_text(encoding="utf-8")).get("case", []):
        if not {"class", "seed", "found"} <= set(entry) <= FIELDS:
            raise ValueError(f"{file.name}: a case has class, seed and found: {entry}")
        case = Case(
            str(entry["class"]),
            int(entry["seed"]),
            float(entry.get("hours", HOURS)),
            str(entry["found"]),
        )
        if case.mix not in MIXES:
            raise ValueError(f"{file.name}: {case.mix!r} is no class; there are {', '.join(MIXES)}")
        if case.key in found:
            raise ValueError(f"{file.name}: {case} stands twice")
        found[case.key] = case
    return tuple(found.values())


def suggest(new: Iterable[Case], file: Path = FILE) -> tuple[Case, ...]:
    """Add those that are not there yet to the end of the file; returns what was added."""
    known = {case.key for case in cases(file)}
    added = tuple({case.key: case for case in new if case.key not in known}.values())
    with file.open("a", encoding="utf-8") as stream:
        for case in added:
            stream.write(_written(case))
    return added


def _written(case: Case) -> str:
    hours = "" if case.hours == HOURS else f"hours = {case.hours:g}\n"
    found = json.dumps(case.found[:FOUND_LENGTH_MOST], ensure_ascii=False)
    return f'\n[[case]]\nclass = "{case.mix}"\nseed = {case.seed}\n{hours}found = {found}\n'
