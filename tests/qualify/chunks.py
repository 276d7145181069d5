"""What is to be done, cut into chunks that are done whole or not at all.

Flows in: the full counts of tests/counts.toml. Flows out: chunks with a key that names them for
ever, the command that does one, and how long it may take. Called by `__main__`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from everup.simulation.runner import HOURS

ROOT = Path(__file__).resolve().parents[2]
PROMISES = "test_promises.py"
"""Its counts are played seed by seed."""
COUNTS = ROOT / "tests" / "counts.toml"
SEEDS_IN_A_CHUNK = 20
DAY_HOURS = 24.0
FIRST_DAY_SEED = 1_000_001  # other seeds than those of the short runs
RUN_MOST_S = 300.0
DAY_MOST_S = 3600.0
FILE_MOST_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Seeds `first` to `first + count - 1` of a simulation, or one file of counted tests."""

    part: str
    first: int = 0
    count: int = 1
    hours: float = HOURS
    file: str = ""

    @property
    def key(self) -> str:
        """Its name in the record."""
        last = self.first + self.count - 1
        return f"{self.part}:{self.file}" if self.file else f"{self.part}:{self.first}-{last}"

    @property
    def command(self) -> list[str]:
        """What does it, politely."""
        python = [sys.executable, "-m"]
        if self.file:
            return [*python, "pytest", "-q", "--color=no", "-p", "no:cacheprovider", self.file]
        numbers = [str(self.first), str(self.count), f"{self.hours:g}"]
        return ["nice", "-n", "10", *python, "tests.qualify.play", *numbers]

    @property
    def most_s(self) -> float:
        """Longer is a failure."""
        if self.file:
            return FILE_MOST_S
        return self.count * (RUN_MOST_S if self.hours == HOURS else DAY_MOST_S)


def full_counts() -> dict[str, int]:
    """The column that qualifies a commit."""
    counts: dict[str, int] = tomllib.loads(COUNTS.read_text(encoding="utf-8"))["full"]
    return counts


def all_chunks(counts: dict[str, int]) -> list[Chunk]:
    """Tests on real processes first, then days, which take longest, then runs."""
    tests = [Chunk("tests", file=name) for name in counted_files()]
    days = [
        Chunk("simulation_days", FIRST_DAY_SEED + number, 1, DAY_HOURS)
        for number in range(counts["simulation_days"])
    ]
    return [*tests, *days, *seeds("simulation_runs", 1, counts["simulation_runs"])]


def seeds(part: str, first: int, count: int) -> list[Chunk]:
    """This many seeds from `first` on."""
    last = first + count
    return [
        Chunk(part, start, min(SEEDS_IN_A_CHUNK, last - start))
        for start in range(first, last, SEEDS_IN_A_CHUNK)
    ]


def counted_files() -> list[str]:
    """Test files that repeat themselves by count, but for those that are played seed by seed."""
    uses = re.compile(r"^(from tests\.counts import|import tests\.counts)", re.MULTILINE)
    return [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if path.name != PROMISES and uses.search(path.read_text(encoding="utf-8"))
    ]
