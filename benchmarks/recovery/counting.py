"""What the engine's events say that somebody did to containers, and which of it was wrong. Pure.

Flows in: rows of the engine's event stream. Flows out: acts for each service, what of it the owner
or the fault had caused taken off. One intervention is one act, however many events it makes: a
restart ends and starts, and counts once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

SIGNALS = ("die", "oom", "health_status: unhealthy")
TOUCHES = frozenset({"kill", "stop", "restart", "start", "create", "rename", "update", "unpause"})
OTHERS = frozenset({"update", "pause", "unpause"})


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a container."""

    at_s: float
    action: str
    service: str
    container: str
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Acts:
    """What was done to one service."""

    starts: int = 0
    ends: int = 0
    others: int = 0

    @property
    def count(self) -> int:
        """Interventions: a start after an end belongs to it."""
        return max(self.starts, self.ends) + self.others

    def beyond(self, expected: Acts) -> Acts:
        """Without what was to be expected."""
        return Acts(
            max(0, self.starts - expected.starts),
            max(0, self.ends - expected.ends),
            max(0, self.others - expected.others),
        )


def acts_of(rows: Iterable[Row], since_s: float) -> dict[str, Acts]:
    """For each service. An end counts when somebody asked the engine for it: a death that follows
    a kill of the same container. A death by itself is nobody's act, and what was only created has
    changed nothing yet."""
    starts: dict[str, int] = defaultdict(int)
    ends: dict[str, int] = defaultdict(int)
    others: dict[str, int] = defaultdict(int)
    asked: set[str] = set()
    for row in sorted(rows, key=lambda row: row.at_s):
        if row.at_s < since_s:
            continue
        if row.action == "kill":
            asked.add(row.container)
        elif row.action == "die" and row.container in asked:
            asked.discard(row.container)
            ends[row.service] += 1
        elif row.action == "start":
            starts[row.service] += 1
        elif row.action in OTHERS:
            others[row.service] += 1
    names = {*starts, *ends, *others}
    return {name: Acts(starts[name], ends[name], others[name]) for name in sorted(names)}


def unexpected(acts: Mapping[str, Acts], expected: Mapping[str, Acts]) -> dict[str, int]:
    """How often each service was touched without need; those that were not are left out."""
    beyond = {name: found.beyond(expected.get(name, Acts())).count for name, found in acts.items()}
    return {name: count for name, count in beyond.items() if count}


def wrong_in_fault(acts: Mapping[str, Acts], roots: frozenset[str]) -> tuple[int, int]:
    """(acts on victims, acts on the root after the first): once is enough, or does not help."""
    victims = sum(found.count for name, found in acts.items() if name not in roots)
    again = sum(max(0, found.count - 1) for name, found in acts.items() if name in roots)
    return victims, again


@dataclass(frozen=True, slots=True)
class Reaction:
    """When the engine first said that something is wrong, and when somebody first did something."""

    signal: str = ""
    signal_s: float | None = None
    action_s: float | None = None

    @property
    def lag_s(self) -> float | None:
        """None when nothing was done, or before the engine had said a word."""
        if self.signal_s is None or self.action_s is None or self.action_s < self.signal_s:
            return None
        return self.action_s - self.signal_s


def reaction(rows: Sequence[Row], began_s: float, settled_s: float) -> Reaction:
    """Seconds from `began_s`. What happens before `settled_s` is the fault's own doing."""
    later = sorted((row for row in rows if row.at_s >= settled_s), key=lambda row: row.at_s)
    action_s = next((r.at_s - began_s for r in later if r.action in TOUCHES), None)
    sign = next((r for r in later if r.action in SIGNALS), None)
    return Reaction(
        "" if sign is None else sign.action.removeprefix("health_status: "),
        None if sign is None else sign.at_s - began_s,
        action_s,
    )
