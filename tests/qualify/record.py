"""What was done for one state of the code, in `.qualify/`, written whole after each chunk.

Flows in: results of chunks. Flows out: JSON with the commit, figures per part, start and end, and
every failure with class, seed and the line that repeats it. Another commit, or a changed file,
begins another record; the old ones stay.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.qualify.chunks import ROOT, Chunk
from tests.simulation.regressions import FILE as REGRESSIONS

FOLDER = ROOT / ".qualify"
FAILURES_MOST = 1000
GIT_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that did not hold."""

    part: str
    name: str  # class of a run, or the file of a test
    seed: int | None
    hours: float
    found: list[str]
    repeat: str


@dataclass(slots=True)
class Record:
    """One state of the code. `done`: key of each chunk → its part, seconds, failures, figures."""

    commit: str
    changes: str = ""  # "" for a clean commit, else a hash of what differs from it
    started_at: str = ""
    ended_at: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    failures_not_kept: int = 0

    def add(self, chunk: Chunk, took_s: float, figures: dict[str, int], new: list[Failure]) -> None:
        """A chunk is over."""
        self.done[chunk.key] = {
            "part": chunk.part,
            "count": chunk.count,
            "took_s": round(took_s, 1),
            "failed": len(new),
            "figures": figures,
        }
        room = FAILURES_MOST - len(self.failures)
        self.failures += new[:room]
        self.failures_not_kept += len(new[room:])

    def parts(self) -> dict[str, dict[str, Any]]:
        """Wanted, done, failed, seconds and figures of each part."""
        found: dict[str, dict[str, Any]] = {
            part: {"wanted": count, "done": 0, "failed": 0, "took_s": 0.0, "figures": {}}
            for part, count in self.wanted.items()
        }
        for chunk in self.done.values():
            part = found.setdefault(
                chunk["part"], {"wanted": 0, "done": 0, "failed": 0, "took_s": 0.0, "figures": {}}
            )
            part["done"] += chunk["count"]
            part["failed"] += chunk["failed"]
            part["took_s"] = round(part["took_s"] + chunk["took_s"], 1)
            for name, value in chunk["figures"].items():
                part["figures"][name] = part["figures"].get(name, 0) + value
        return found

    @property
    def is_complete(self) -> bool:
        """Every part was done in full, whether it held or not."""
        return all(part["done"] >= part["wanted"] for part in self.parts().values())

    @property
    def has_passed(self) -> bool:
        """Complete, and nothing failed."""
        return self.is_complete and not self.failures and not self.failures_not_kept

    def path(self, folder: Path = FOLDER) -> Path:
        """Where it is kept."""
        changed = f"+{self.changes}" if self.changes else ""
        return folder / f"{self.commit[:12]}{changed}.json"

    def save(self, folder: Path = FOLDER) -> None:
        """Whole or not at all."""
        folder.mkdir(exist_ok=True)
        content = asdict(self)
        chunks = content.pop("done")
        summary = {
            "is_complete": self.is_complete,
            "has_passed": self.has_passed,
            "parts": self.parts(),
        }
        fresh = self.path(folder).with_suffix(".new")
        fresh.write_text(json.dumps({**content, **summary, "done": chunks}, indent=1) + "\n")
        fresh.replace(self.path(folder))


def current(folder: Path = FOLDER) -> Record:
    """The record of the code as it is now: what was done so far, or a fresh one."""
    commit, changes = state_of_code()
    record = Record(commit, changes)
    if record.path(folder).is_file():
        return load(record.path(folder))
    record.started_at = now()
    cores = os.cpu_count()
    record.machine = {"python": platform.python_version(), "cores": cores}
    return record


def load(path: Path) -> Record:
    """A record from its file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for derived in ("parts", "is_complete", "has_passed"):
        content.pop(derived)
    failures = [Failure(**failure) for failure in content.pop("failures")]
    return Record(**content, failures=failures)


def state_of_code() -> tuple[str, str]:
    """The commit, and a hash of what differs from it. Suggested regressions do not count."""
    skipped = f":(exclude){REGRESSIONS.relative_to(ROOT)}"
    changed = _git("diff", "HEAD", "--", ".", skipped)
    digest = hashlib.sha256(changed.encode()).hexdigest()[:8] if changed else ""
    return _git("rev-parse", "HEAD").strip(), digest


def now() -> str:
    """This moment, for people and scripts."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=GIT_MOST_S
    )
    return done.stdout
