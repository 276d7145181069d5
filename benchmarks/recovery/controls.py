"""What looks sick and is not: in each of these any action is wrong.

Each control says how its stack looks, what its owner does, for how long everybody is watched, and
which starts and ends were the owner's own. Those that hurt a whole machine or engine at once stand
in `shared_controls`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from benchmarks.recovery.counting import Acts
from benchmarks.recovery.faults import FRONT, WATCHES_S, tell
from benchmarks.recovery.healers import Healer, Watcher
from benchmarks.recovery.images import GOOD
from benchmarks.recovery.places import Run
from benchmarks.recovery.stacks import Check, Service, Stack

REPLAYS_S, LOADS_S, MIGRATES_S = 90.0, 90.0, 120.0
QUIET_S = 45.0
STAYS_AWAY_S = 25.0
HELD_UP_S = 100.0  # more than three ticks

Do = Callable[[Run, Stack, Watcher], None]
Engine = Literal["common", "own"]


@dataclass(frozen=True, slots=True)
class Control:
    """`expected`: what the owner does himself. `after_s`: for how long nobody may do anything
    after `do` has returned. `at_once`: the healers begin while the stack starts."""

    name: str
    services: tuple[Service, ...]
    do: Do
    expected: Mapping[str, Acts] = field(default_factory=dict)
    after_s: float = QUIET_S
    at_once: bool = False
    watches_s: float = WATCHES_S
    only_programs: bool = False  # healers that are no program of their own cannot be hit by it
    is_apart: bool = False


def nothing(_run: Run, _stack: Stack, _watcher: Watcher) -> None:
    """The stack does it by itself."""


def _recovering(name: str, speaks: str, check: str, lasts_s: float) -> Control:
    """A service that works through its start, behind the healthcheck that its owners usually
    write: one without a start period."""
    environment = {"SPEAKS": speaks, "RECOVER_S": f"{lasts_s:g}"}
    service = Service("db", environment, check=Check(check))
    return Control(name, (service,), nothing, after_s=lasts_s + 15.0, at_once=True)


def _pause(_run: Run, stack: Stack, _watcher: Watcher) -> None:
    stack.pause("web")


def _stop(_run: Run, stack: Stack, _watcher: Watcher) -> None:
    stack.stop("backend")


def _roll(run: Run, stack: Stack, _watcher: Watcher) -> None:
    """Both services are made anew, one after the other, each slow to come."""
    for name in ("backend", "web"):
        stack.replace(name, GOOD)
        run.wait(3.0)


def _back_up(run: Run, stack: Stack, _watcher: Watcher) -> None:
    stack.stop("backend")
    run.wait(STAYS_AWAY_S)
    stack.resume("backend")


def _collect(_run: Run, stack: Stack, _watcher: Watcher) -> None:
    tell(stack, "/collect")


def _lose_dns(_run: Run, _stack: Stack, watcher: Watcher) -> None:
    """The healer's own names resolve no more, in its own view of the file system."""
    if watcher.pid is None:
        return
    enter = ["nsenter", "-t", str(watcher.pid), "--mount"]
    for file in ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"):
        command = [*enter, "mount", "--bind", "/dev/null", file]
        subprocess.run(command, capture_output=True, check=True, timeout=10)


def _hold_up(run: Run, stack: Stack, watcher: Watcher) -> None:
    """The healer alone is stopped, while the service has a short trouble that ends before."""
    if watcher.process is None:
        return
    watcher.process.send_signal(19)
    try:
        run.wait(HELD_UP_S / 2)
        tell(stack, "/collect")
        run.wait(HELD_UP_S / 2)
    finally:
        watcher.process.send_signal(18)


ONE_SHOT = Service("migrate", {"END_S": "8"}, check=Check(""), policy="no")
ROLLED = {"web": Acts(1, 1), "backend": Acts(1, 1)}
SLOW = {"RECOVER_S": "12"}
PAIR = (Service("backend", SLOW), Service("web", SLOW, needs=("backend",)))
TWO = (Service("backend"), FRONT)

CONTROLS = (
    _recovering("WAL replay 90 s", "postgres", "postgres", REPLAYS_S),
    _recovering("redis loading 90 s", "redis", "redis", LOADS_S),
    _recovering("migration 120 s", "migration", "/health", MIGRATES_S),
    _recovering("model load 90 s", "http", "/health", LOADS_S),
    Control("docker pause", (Service("web"),), _pause, {"web": Acts(others=1)}),
    Control("docker stop", TWO, _stop, {"backend": Acts(ends=1)}),
    Control("one-shot exits 0", (ONE_SHOT, Service("web")), nothing, at_once=True),
    Control("compose up rolling", PAIR, _roll, ROLLED),
    Control("backup stops its target", TWO, _back_up, {"backend": Acts(1, 1)}, after_s=20.0),
    Control("6-s collection pause", (Service("web"),), _collect, after_s=25.0),
    Control("own DNS lost", TWO, _lose_dns, after_s=QUIET_S, only_programs=True, is_apart=True),
    Control("healer held up 100 s", TWO, _hold_up, after_s=20.0, only_programs=True),
)


def applies(control: Control, healer: Healer) -> bool:
    """Can this healer be hit by it at all?"""
    return bool(healer.program) or not control.only_programs
