"""One container as the engine describes it, parsed once at the edge.

Flows in: the engine's `inspect` document. Flows out: a frozen `Container`. Never raises: what is
missing or odd is unknown. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from everup.model.kinds import UNKNOWN, InstanceState, is_known

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONE_OFF = "com.docker.compose.oneoff"
OWN = "everup.own"
MADE = "everup.made"  # on containers that Everup created beyond what was declared
ASIDE = "everup-aside-"  # how the name of a container begins that was moved out of the way

TRY = "everup-try-"  # how the names begin of what a rehearsal makes
REHEARSAL = "everup.internal.try"  # on all that a rehearsal makes: who made it, see rehearsal/marks

NO_TIME = "0001-01-01"
SIGNALLED = 128  # an exit code above it is a signal, by the convention of shells and the engine
SIGNAL_MOST = 64
NANOSECONDS = 1_000_000_000
CPU_PERIOD_US = 100_000  # the kernel's own, where none was set

_TIME = re.compile(r"(.*?\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class OwnersCheck:
    """What the engine says of the owner's healthcheck. `answers`: the latest ones, oldest first."""

    status: str  # starting, healthy, unhealthy
    failing_streak: int
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One run of the healthcheck."""

    began_s: float
    ended_s: float
    code: int
    output: str


@dataclass(frozen=True, slots=True)
class Container:
    """`document` is the whole of what the engine said."""

    id: str
    name: str
    service: str
    number: int
    state: InstanceState
    was_ever_started: bool
    pid: int
    started: str  # as the engine writes it: equal only for the same life
    started_at_s: float
    finished_at_s: float
    exit_code: int
    is_out_of_memory: bool
    error: str
    policy: str
    check: OwnersCheck | None
    document: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """Changes with every start."""
        return f"{self.id[:12]}@{self.started}"

    @property
    def is_running(self) -> bool:
        """Has it a process? A paused one has."""
        return self.state in (InstanceState.RUNNING, InstanceState.PAUSED)

    @property
    def is_tty(self) -> bool:
        """Does it write to a terminal, so that its streams are one?"""
        return bool(section(self.document, "Config").get("Tty"))

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels."""
        return labels_of(self.document)

    @property
    def signal_of_end(self) -> str:
        """The signal that asks it to end."""
        return str(section(self.document, "Config").get("StopSignal") or "SIGTERM")

    @property
    def grace_s(self) -> float:
        """How long it may take to end, as its owner declared or the engine's default."""
        declared = section(self.document, "Config").get("StopTimeout")
        return float(declared) if isinstance(declared, int) else 10.0

    @property
    def memory_limit_bytes(self) -> float:
        """NaN: there is none."""
        limit = section(self.document, "HostConfig").get("Memory")
        return float(limit) if isinstance(limit, int) and limit > 0 else UNKNOWN


def cpus_of(document: Mapping[str, Any]) -> float:
    """How much of the processors it may use; NaN: as much as there is."""
    host = section(document, "HostConfig")
    nano, quota = _whole(host.get("NanoCpus"), 0), _whole(host.get("CpuQuota"), 0)
    if nano > 0:
        return nano / NANOSECONDS
    period = _whole(host.get("CpuPeriod"), 0) or CPU_PERIOD_US
    return quota / period if quota > 0 else UNKNOWN


def parse(document: Mapping[str, Any]) -> Container:
    """The container of this document."""
    state = section(document, "State")
    labels = labels_of(document)
    started = str(state.get("StartedAt") or "")
    was_started = not started.startswith(NO_TIME) and started != ""
    return Container(
        id=str(document.get("Id") or ""),
        name=str(document.get("Name") or "").lstrip("/"),
        service=labels.get(SERVICE, ""),
        number=_whole(labels.get(NUMBER), 1),
        state=_state(state),
        was_ever_started=was_started or bool(state.get("Error")),
        pid=_whole(state.get("Pid"), 0),
        started=started,
        started_at_s=seconds(started),
        finished_at_s=seconds(str(state.get("FinishedAt") or "")),
        exit_code=_whole(state.get("ExitCode"), 0),
        is_out_of_memory=state.get("OOMKilled") is True,
        error=str(state.get("Error") or ""),
        policy=str(section(section(document, "HostConfig"), "RestartPolicy").get("Name") or "no"),
        check=_check(state, seconds(started)),
        document=document,
    )


def code_of(exit_code: int) -> int:
    """An exit code as the model says it: below zero for a signal."""
    if SIGNALLED < exit_code <= SIGNALLED + SIGNAL_MOST:
        return SIGNALLED - exit_code
    return exit_code


def seconds(text: str) -> float:
    """The engine's time as seconds since the epoch; NaN for never."""
    found = _TIME.match(text)
    if found is None or text.startswith(NO_TIME):
        return UNKNOWN
    whole, part, zone = found.groups()
    try:
        moment = datetime.fromisoformat(whole + (zone if zone != "Z" else "+00:00"))
    except ValueError:
        return UNKNOWN
    return moment.astimezone(UTC).timestamp() + float(part or 0.0)


def happened_at_s(event: Mapping[str, Any], else_s: float) -> float:
    """When an event of the engine's happened, as seconds since the epoch."""
    stamp = event.get("timeNano")
    return stamp / NANOSECONDS if isinstance(stamp, int) else else_s


def labels_of(document: Mapping[str, Any]) -> Mapping[str, str]:
    """The labels of a container's document."""
    return {str(k): str(v) for k, v in section(section(document, "Config"), "Labels").items()}


def section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of a document; empty where it is missing or no mapping."""
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}


def _state(state: Mapping[str, Any]) -> InstanceState:
    if state.get("Restarting"):
        return InstanceState.RESTARTING
    if state.get("Paused"):
        return InstanceState.PAUSED
    return InstanceState.RUNNING if state.get("Running") else InstanceState.EXITED


def _check(state: Mapping[str, Any], started_at_s: float) -> OwnersCheck | None:
    """Of this life: the engine keeps the answers of the ones before."""
    health = section(state, "Health")
    status = str(health.get("Status") or "none")
    if status == "none":
        return None
    log = health.get("Log")
    answers = tuple(map(_answer, log)) if isinstance(log, Sequence) else ()
    answers = tuple(answer for answer in answers if not answer.began_s < started_at_s)
    return OwnersCheck(status, _whole(health.get("FailingStreak"), 0), answers)


def _answer(entry: Mapping[str, Any]) -> Answer:
    ended = seconds(str(entry.get("End") or ""))
    began = seconds(str(entry.get("Start") or ""))
    code = _whole(entry.get("ExitCode"), 0)
    return Answer(began, ended if is_known(ended) else began, code, str(entry.get("Output") or ""))


def _whole(value: object, otherwise: int) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]
    except (TypeError, ValueError):
        return otherwise
