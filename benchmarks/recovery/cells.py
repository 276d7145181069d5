"""One cell: a stack, a healer that has watched it, a fault, and what the end user saw."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from benchmarks.recovery.counting import acts_of, reaction, wrong_in_fault
from benchmarks.recovery.engines import Engine, EngineError
from benchmarks.recovery.everup_log import Told, first_s, unproven
from benchmarks.recovery.faults import Fault
from benchmarks.recovery.healers import Healer, Watcher, watch
from benchmarks.recovery.places import Run
from benchmarks.recovery.stacks import Service, Stack
from benchmarks.recovery.swarm_stacks import SwarmStack
from benchmarks.recovery.watching import Events, User

CAP_S = 60.0
READY_WITHIN_S = 150.0
AFTERWARDS_S = 8.0  # whoever acts twice does so soon after it is well again
NO_OUTAGE_S = 25.0
PROVEN_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """`result`: recovered, never, no outage, error. Times are from the fault; None: it never came.

    `lag_s` is from the engine's first word (die, oom, unhealthy) to the first act that the engine
    tells of, which for a start is its end; `intent_lag_s` to Everup's note that it begins."""

    healer: str
    fault: str
    run: int
    result: str
    recovered_s: float | None = None
    down_s: float | None = None
    signal: str = ""
    signal_s: float | None = None
    action_s: float | None = None
    lag_s: float | None = None
    escalated_s: float | None = None
    asked: int = 0
    failed: int = 0
    acts: int = 0
    on_victims: int = 0
    again: int = 0
    note: str = ""
    intent_lag_s: float | None = None


@dataclass(frozen=True, slots=True)
class Engines:
    """Where cells run: Swarm has an engine of its own."""

    common: Engine
    swarm: Engine | None = None

    def of(self, healer: Healer) -> Engine:
        """The healer's.

        Raises:
            EngineError: there is none in Swarm mode.
        """
        if not healer.is_swarm:
            return self.common
        if self.swarm is None:
            raise EngineError("no engine in Swarm mode")
        return self.swarm


@contextmanager
def standing(
    run: Run, engines: Engines, healer: Healer, services: tuple[Service, ...]
) -> Iterator[Stack]:
    """The stack, up, and gone at the end whatever happened."""
    kind = SwarmStack if healer.is_swarm else Stack
    stack = kind(run, engines.of(healer), services, has_policy=healer.has_policy)
    try:
        stack.up()
        yield stack
    finally:
        stack.down()


def wait_until_ready(run: Run, stack: Stack, user: User) -> None:
    """The user is served and nobody is unwell.

    Raises:
        EngineError: not in time.
    """
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not (user.answers.good_since_s is not None and stack.is_ready()):
        if time.monotonic() > deadline_s:
            raise EngineError("the stack did not get ready")
        run.wait(0.5)


def measure(
    run: Run, engines: Engines, healer: Healer, fault: Fault, number: int
) -> tuple[Recovery, list[Told]]:
    """The row, and what Everup wrote down meanwhile. An engine that says no makes a row too."""
    try:
        with standing(run, engines, healer, fault.services) as stack:
            return _watched(run, healer, fault, number, stack)
    except (EngineError, OSError) as error:
        return Recovery(healer.name, fault.name, number, "error", note=str(error)[:300]), []


def _watched(
    run: Run, healer: Healer, fault: Fault, number: int, stack: Stack
) -> tuple[Recovery, list[Told]]:
    user, watcher, events = User(stack.engine, stack.port), Watcher(), None
    try:
        wait_until_ready(run, stack, user)
        watcher = watch(healer, stack)
        events = Events(stack.engine, stack.name)
        run.wait(fault.watches_s)
        user.begin_anew()
        began_s = time.time()
        settled_s = fault.hurt(stack)
        recovered_s = _until_recovered(run, user, began_s)
        answers = user.answers
        down_s = answers.down_at_s
        asked, failed = answers.asked, answers.failed
        run.wait(AFTERWARDS_S if recovered_s is not None else 0)
        _wait_for_proof(run, watcher)
        rows = events.stop()
        entries = watcher.told()
    finally:
        user.stop()
        watcher.close()
        if events is not None:
            events.stop()
    acts = acts_of(rows, settled_s)
    victims, again = wrong_in_fault(acts, frozenset({fault.root}))
    seen = reaction(rows, began_s, settled_s)
    result = "no outage" if down_s is None else "never" if recovered_s is None else "recovered"
    return (
        Recovery(
            healer.name,
            fault.name,
            number,
            result,
            recovered_s,
            None if down_s is None else down_s - began_s,
            seen.signal,
            seen.signal_s,
            seen.action_s,
            seen.lag_s,
            first_s(entries, "IncidentEscalated", began_s),
            asked,
            failed,
            sum(found.count for found in acts.values()),
            victims,
            again,
            intent_lag_s=replace(seen, action_s=first_s(entries, "Intended", began_s)).lag_s,
        ),
        entries,
    )


def _wait_for_proof(run: Run, watcher: Watcher) -> None:
    """Everup verifies what it did; whether that passed belongs to the figures."""
    deadline_s = time.monotonic() + PROVEN_WITHIN_S
    while unproven(watcher.told()) and time.monotonic() < deadline_s:
        run.wait(1.0)


def _until_recovered(run: Run, user: User, began_s: float) -> float | None:
    """When the first good answer came of those that lasted; None at the cap."""
    while time.time() - began_s < CAP_S:
        answers = user.answers
        if answers.has_recovered() and answers.good_since_s is not None:
            return answers.good_since_s - began_s
        if answers.down_at_s is None and time.time() - began_s > NO_OUTAGE_S:
            return None
        run.wait(0.1)
    return None
