"""A seeded mix of incidents on twelve services that need each other, one after the other.

The owner's healthchecks are those of a careful Compose file, 30 s and three tries, with every time
divided by five so that a run ends today: 6 s here, and Everup at `--time-scale 0.2`. What nobody
has healed after five such minutes is repaired by hand, and counts as never. Everup gets as long
again to tell a person, before it is repaired.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.recovery.cells import NO_OUTAGE_S, Engines, standing, wait_until_ready
from benchmarks.recovery.counting import acts_of
from benchmarks.recovery.everup_log import Told, first_s, messages
from benchmarks.recovery.faults import halt
from benchmarks.recovery.healers import Healer, Watcher, watch
from benchmarks.recovery.places import Run
from benchmarks.recovery.stacks import GOOD_CONFIG, Check, Service, Stack
from benchmarks.recovery.watching import Events, User

SCALE = 0.2
CAP_S = 300.0 * SCALE
CHECK = Check("/health", every_s=30.0 * SCALE)
BETWEEN_S = 5.0
ASK_EVERY_S = 1.0  # each question goes through all twelve
NEEDS: dict[str, tuple[str, ...]] = {
    "postgres": (),
    "redis": (),
    "qdrant": (),
    "ollama": (),
    "coordination-service": ("redis", "postgres"),
    "hybrid-memory-service": ("qdrant",),
    "learning-service": ("postgres",),
    "perception-service": ("ollama",),
    "reasoning-service": ("ollama",),
    "worker": ("redis",),
    "api": ("postgres", "redis", "qdrant", "ollama"),
    "web": (
        *("api", "worker", "coordination-service", "hybrid-memory-service"),
        *("learning-service", "perception-service", "reasoning-service"),
    ),
}
CONFIGURED = "learning-service"
KINDS = ("crash", "crash", "hang", "hang", "oom", "tmpfull", "ends with 0", "config")


@dataclass(frozen=True, slots=True)
class Incident:
    """What is done to whom."""

    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class Lived:
    """An incident as it went; seconds of this run, five times as many of the owner's."""

    healer: str
    kind: str
    target: str
    recovered_s: float | None
    escalated_s: float | None
    asked: int
    failed: int
    acts: int
    on_others: int
    messages: int


def incidents(seed: int, count: int) -> Iterator[Incident]:
    """The same for every healer."""
    chance = random.Random(f"mix/{seed}")
    for _ in range(count):
        kind = chance.choice(KINDS)
        target = CONFIGURED if kind == "config" else chance.choice(list(NEEDS))
        yield Incident(kind, target)


def services() -> tuple[Service, ...]:
    """The twelve."""
    return tuple(
        Service(
            name,
            check=CHECK,
            needs=needs,
            memory="128m",
            data="tmpfs",
            has_config=name == CONFIGURED,
        )
        for name, needs in NEEDS.items()
    )


def live(
    run: Run, engines: Engines, healer: Healer, seed: int, count: int
) -> tuple[list[Lived], list[Told]]:
    """All incidents, for one healer."""
    lived: list[Lived] = []
    with standing(run, engines, healer, services()) as stack:
        user, watcher, events = User(stack.engine, stack.port, ASK_EVERY_S), Watcher(), None
        try:
            wait_until_ready(run, stack, user)
            watcher = watch(healer, stack, time_scale=SCALE)
            events = Events(stack.engine, stack.name)
            run.wait(20.0)
            for incident in incidents(seed, count):
                lived.append(_one(run, stack, healer, incident, user, watcher, events))
                run.wait(BETWEEN_S)
            return lived, watcher.told()
        finally:
            user.stop()
            watcher.close()
            if events is not None:
                events.stop()


def _one(
    run: Run,
    stack: Stack,
    healer: Healer,
    incident: Incident,
    user: User,
    watcher: Watcher,
    events: Events,
) -> Lived:
    user.begin_anew()
    began_s = time.time()
    hurt(stack, incident)
    recovered_s = None
    while time.time() - began_s < CAP_S and recovered_s is None:
        run.wait(0.5)
        if user.answers.has_recovered() and user.answers.good_since_s and stack.is_ready():
            recovered_s = user.answers.good_since_s - began_s
        elif time.time() - began_s > NO_OUTAGE_S and _was_not_felt(user, stack):
            recovered_s = 0.0
    asked, failed = user.answers.asked, user.answers.failed
    while recovered_s is None and watcher.state is not None and time.time() - began_s < 2 * CAP_S:
        if first_s(watcher.told(), "IncidentEscalated", began_s) is not None:
            break
        run.wait(0.5)
    acts = acts_of(list(events.rows), began_s)
    entries = [e for e in watcher.told() if e.at_s >= began_s]
    if recovered_s is None:
        repair(stack, incident)
        user.begin_anew()
        wait_until_ready(run, stack, user)
    on_others = sum(found.count for name, found in acts.items() if name != incident.target)
    return Lived(
        healer.name,
        incident.kind,
        incident.target,
        recovered_s,
        first_s(entries, "IncidentEscalated", began_s),
        asked,
        failed,
        sum(found.count for found in acts.values()),
        on_others,
        messages(entries),
    )


def _was_not_felt(user: User, stack: Stack) -> bool:
    """It was over before the end user asked again."""
    return user.answers.down_at_s is None and stack.is_ready()


def hurt(stack: Stack, incident: Incident) -> None:
    """Do it."""
    match incident.kind:
        case "crash":
            os.kill(stack.pid(incident.target), signal.SIGKILL)
        case "hang":
            halt(stack, incident.target)
        case "config":
            stack.write_config("{ this is not JSON")
        case "oom":
            _ask_itself(stack, incident.target, "/leak")
        case "tmpfull":
            _ask_itself(stack, incident.target, "/fill")
        case _:
            _ask_itself(stack, incident.target, "/end")


def _ask_itself(stack: Stack, service: str, path: str) -> None:
    script = f"import urllib.request as u; u.urlopen('http://127.0.0.1:8000{path}')"
    stack.engine.tried("exec", stack.container(service), "python3", "-c", script)


def repair(stack: Stack, incident: Incident) -> None:
    """By hand, as its owner would after five minutes."""
    stack.write_config(GOOD_CONFIG)
    stack.engine.tried("kill", stack.container(incident.target))
    stack.engine.tried("start", stack.container(incident.target))
