"""What Everup wrote down while it watched a stack, from the log lines in its state folder.

Flows in: `logs/everup.log`, a JSON line for each entry of the journal. Flows out: entries, and what
follows from them: escalations, actions with their verified outcome, messages. `told` reads; the
rest is pure.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LOG = Path("logs") / "everup.log"
REPORTED = {  # what the users' report names
    "graceful_restart": 0.95,
    "container_restart": 0.90,
    "cache_clear": 0.98,
    "emergency_rollback": 0.85,
}


@dataclass(frozen=True, slots=True)
class Told:
    """One entry."""

    at_s: float
    event: str
    service: str
    kind: str
    action: str
    has_passed: bool
    text: str


def told(state: Path) -> list[Told]:
    """Oldest first; a torn last line is left out."""
    found = []
    file = state / LOG
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else ():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if "at_s" in said:
            found.append(
                Told(
                    float(said["at_s"]),
                    str(said["event"]),
                    str(said.get("service", "")),
                    str(said.get("kind", "")),
                    str(said.get("action_id", "")),
                    bool(said.get("has_passed", False)),
                    str(said.get("text", "")),
                )
            )
    return found


def first_s(entries: Iterable[Told], event: str, since_s: float) -> float | None:
    """Seconds from `since_s` to the first entry of this kind."""
    return next((e.at_s - since_s for e in entries if e.event == event and e.at_s >= since_s), None)


def messages(entries: Iterable[Told]) -> int:
    """What a notifier with its defaults would have been told: a person is needed, Everup is blind,
    each once, and that it is over."""
    return sum(e.event in {"IncidentEscalated", "PersonAnswered"} for e in entries)


def unproven(entries: Iterable[Told]) -> set[str]:
    """Actions that were begun and of which it is not said yet whether they helped."""
    found = list(entries)
    begun = {e.action for e in found if e.event == "Intended"}
    return begun - {e.action for e in found if e.event == "Verified"}


@dataclass(frozen=True, slots=True)
class Achieved:
    """Verified actions of one kind. `done` are those whose verification has ended."""

    kind: str
    passed: int
    done: int
    reported: float | None


def achieved(runs: Iterable[Iterable[Told]]) -> list[Achieved]:
    """Over several logs, each with ids of its own."""
    passed: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for entries in runs:
        kinds: dict[str, str] = {}
        for entry in entries:
            if entry.event == "Intended":
                kinds[entry.action] = entry.kind
            elif entry.event == "Verified" and entry.action in kinds:
                done[kinds[entry.action]] += 1
                passed[kinds[entry.action]] += entry.has_passed
    names = sorted({*done, *REPORTED})
    return [Achieved(name, passed[name], done[name], REPORTED.get(name)) for name in names]


def added(*sums: Iterable[Achieved]) -> list[Achieved]:
    """Several of them in one."""
    found: dict[str, Achieved] = {}
    for one in (one for many in sums for one in many):
        before = found.get(one.kind, Achieved(one.kind, 0, 0, one.reported))
        passed, done = before.passed + one.passed, before.done + one.done
        found[one.kind] = Achieved(one.kind, passed, done, one.reported)
    return [found[kind] for kind in sorted(found)]
