"""One control for one healer: whoever does something has done something wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.recovery.cells import READY_WITHIN_S, Engines, standing
from benchmarks.recovery.controls import Control
from benchmarks.recovery.counting import acts_of, unexpected
from benchmarks.recovery.engines import EngineError
from benchmarks.recovery.everup_log import Told
from benchmarks.recovery.healers import Healer, Watcher, watch
from benchmarks.recovery.places import Run
from benchmarks.recovery.stacks import Stack
from benchmarks.recovery.watching import Events


@dataclass(frozen=True, slots=True)
class Kept:
    """`wrong`: acts that neither the owner nor the control caused; `by_service` says on whom."""

    healer: str
    control: str
    run: int
    wrong: int = 0
    by_service: Mapping[str, int] = field(default_factory=dict)
    intended: tuple[str, ...] = ()  # what Everup wrote down that it would do
    note: str = ""


def keep(
    run: Run, engines: Engines, healer: Healer, control: Control, number: int
) -> tuple[Kept, list[Told]]:
    """The row. An engine that says no makes a row with a note."""
    try:
        with standing(run, engines, healer, control.services) as stack:
            return _kept(run, healer, control, number, stack)
    except (EngineError, OSError) as error:
        return Kept(healer.name, control.name, number, note=str(error)[:300]), []


def _kept(
    run: Run, healer: Healer, control: Control, number: int, stack: Stack
) -> tuple[Kept, list[Told]]:
    watcher, events = Watcher(), None
    try:
        _wait_until(run, stack, stack.has_begun if control.at_once else stack.is_ready)
        since_s = time.time()
        events = Events(stack.engine, stack.name)
        watcher = watch(healer, stack, is_apart=control.is_apart)
        if not control.at_once:
            run.wait(control.watches_s)
            since_s = time.time()
        control.do(run, stack, watcher)
        run.wait(control.after_s - (time.time() - since_s if control.at_once else 0.0))
        rows = events.stop()
        entries = watcher.told()
    finally:
        watcher.close()
        if events is not None:
            events.stop()
    touched = unexpected(acts_of(rows, since_s), control.expected)
    intended = tuple(e.text for e in entries if e.event == "Intended")
    return (
        Kept(healer.name, control.name, number, sum(touched.values()), touched, intended),
        entries,
    )


def _wait_until(run: Run, stack: Stack, is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not is_so():
        if time.monotonic() > deadline_s:
            raise EngineError(f"{stack.name} did not get ready")
        run.wait(0.5)
