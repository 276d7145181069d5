"""One run: the same load for each side at the same time, one sight a second, the rule where it is
asked for. Flows in: the stage, the profile, who is scaled by the rule. Flows out: a Played.
"""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.scaling_live.figures import Asked, Figures, Sight, figures
from benchmarks.scaling_live.load import asking, built
from benchmarks.scaling_live.profile import Profile
from benchmarks.scaling_live.rule import SYNC_S, WINDOW_S, Fleet, Rule
from benchmarks.scaling_live.sides import sides
from benchmarks.scaling_live.stage import OURS, PEER, Side, Stage

EVERY_S = 1.0
LEAD_S = 1.0
SETTLED_WITHIN_S = 60.0
"""Until the latest scaling has ended, when nobody asks any more."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Of the whole machine in one second: share of its processors that worked, and share of time
    in which somebody waited for one."""

    at_s: float
    cpu_ratio: float
    pressure_ratio: float


@dataclass(slots=True)
class Watched:
    """What was seen of one side."""

    sights: list[Sight] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    changes: tuple[int, int] = (0, 0)
    orders: list[tuple[float, int]] = field(default_factory=list)
    put_off: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Played:
    """A whole run, by side."""

    stage: Stage
    profile: Profile
    target_s: float
    watched: Mapping[str, Watched]
    busy: Sequence[Busy]

    @property
    def figures(self) -> dict[str, Figures]:
        """Of each side."""
        needed = self.profile.needed(self.stage.size.capacity_rps)
        return {
            name: figures(one.asked, one.sights, needed, self.target_s, one.changes)
            for name, one in self.watched.items()
        }


class Ruled:
    """The rule for one side: what it has seen of the load, and when it is asked again."""

    def __init__(self, side: Side, stage: Stage) -> None:
        self._side, self._size, self._pace = side, stage.size, stage.way.time_scale
        self._rule = Rule(stage.size.least, stage.size.most, self._pace)
        self._asked: deque[tuple[float, int]] = deque()
        self._due_s, self._wanted = 0.0, 0

    def see(self, at_s: float, asked: int, ready: int) -> int:
        """Look, and scale where it is time; how many are wanted, 0 before the first sync. What was
        put off since the latest sync is asked for again."""
        self._asked.append((at_s, asked))
        while self._asked[0][0] < at_s - WINDOW_S * self._pace:
            self._asked.popleft()
        since_s, before = self._asked[0]
        if at_s < WINDOW_S * self._pace:
            return 0
        if at_s >= self._due_s:
            self._due_s = at_s + SYNC_S * self._pace
            rps = (asked - before) / (at_s - since_s)
            fleet = Fleet(self._side.count, ready, rps, self._size.capacity_rps)
            self._wanted = self._rule.wanted(at_s, fleet)
        if self._wanted != self._side.count:
            self._side.scale(self._wanted)
        return self._wanted


def play(
    stage: Stage,
    profile: Profile,
    target_s: float,
    names: Sequence[str] = (OURS, PEER),
    *,
    by_rule: bool = True,
) -> Played:
    """From beginning to end. `by_rule`: the plain rule scales whoever does not scale by itself;
    else nobody is scaled. Leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="everup-load-") as folder:
        program = built(Path(folder))
        with sides(stage, names) as found:
            rules = {n: Ruled(s, stage) for n, s in found.items() if by_rule}
            if stage.way.scales:
                rules.pop(OURS, None)
            begins_s = time.monotonic() + LEAD_S
            ports = {name: side.port for name, side in found.items()}
            with asking(program, ports, profile, begins_s, Path(folder)) as loads:
                watched, busy = _watch(found, rules, profile, begins_s)
                for name, load in loads.items():
                    watched[name].asked = load.result()
            for name, side in found.items():
                _await_idle(side)
                out, back = side.changes
                watched[name].changes = (out, back)
                watched[name].put_off = dict(side.put_off)
    return Played(stage, profile, target_s, watched, busy)


def _watch(
    found: Mapping[str, Side], rules: Mapping[str, Ruled], profile: Profile, begins_s: float
) -> tuple[dict[str, Watched], list[Busy]]:
    watched = {name: Watched() for name in found}
    before = {name: side.haproxy.see().asked for name, side in found.items()}
    busy: list[Busy] = []
    psutil.cpu_percent()
    for step in range(1, int(profile.total_s / EVERY_S) + 1):
        time.sleep(max(0.0, begins_s + step * EVERY_S - time.monotonic()))
        for name, side in found.items():
            seen, runs = side.haproxy.see(), side.runs()
            at_s = seen.at_s - begins_s
            rps = (seen.asked - before[name]) / EVERY_S
            before[name] = seen.asked
            one = watched[name]
            one.sights.append(Sight(at_s, seen.taking, runs, rps, seen.sessions))
            if name not in rules:
                continue
            wanted = rules[name].see(at_s, seen.asked, seen.taking)
            if wanted and (not one.orders or one.orders[-1][1] != wanted):
                one.orders.append((at_s, wanted))
        at_s = time.monotonic() - begins_s
        busy.append(Busy(at_s, psutil.cpu_percent() / 100.0, _pressure()))
    return watched, busy


def _pressure() -> float:
    """NaN where the kernel does not say."""
    try:
        some = Path("/proc/pressure/cpu").read_text(encoding="ascii").splitlines()[0]
    except OSError:
        return float("nan")
    return float(dict(word.split("=") for word in some.split()[1:])["avg10"]) / 100.0


def _await_idle(side: Side) -> None:
    deadline_s = time.monotonic() + SETTLED_WITHIN_S
    while not side.is_idle() and time.monotonic() < deadline_s:
        time.sleep(0.2)
