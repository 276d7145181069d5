"""Who asked a container to end: visible in the engine's events alone, so it is kept.

Flows in: the engine's events. Flows out: for each life of a container that somebody else asked to
end, how, from the moment of asking on. `docker stop` and `docker kill` are somebody's wish, and so
is what Compose does; a signal that asks for something else (STOP, HUP, USR1) is none, and the wish
of one that lives on is over after a while. Kept in the state folder, since the end may be looked at
after a restart of Everup.

What waits for its policy's next try has no process that could be sent a signal: that somebody
stopped it, the engine says with `stop` alone, as it does at the end of every `docker stop`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from everup.model.errors import TryAgain
from everup.runtimes.docker.containers import Container, happened_at_s
from everup.runtimes.docker.store import Store

ROOM = "asked"
LATE_S = 60.0
"""Who ends this long after the grace, in whatever way, did not end because of the signal."""

LASTS_S = 300.0
"""Who lives on for so long was not asked to end. The engine does not say which grace somebody gave
with `--time`, so that this is much longer than most."""

ENDS = frozenset({"SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT"})
ORDERLY = frozenset({0, 130, 137, 143})
REAL_TIME_FIRST, REAL_TIME_LAST = 34, 64  # SIGRTMIN and SIGRTMAX, as the engine counts them

Known = Callable[[str], Container | None]


class Ours(Protocol):
    """Which signals and stops are calls of our own; each is taken once."""

    def sent(self, container: str, signal: str) -> bool:
        """Is this signal ours?"""

    def stopped(self, container: str) -> bool:
        """Is this stop ours?"""


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody asked this life to end, last at this time. `has_stopped`: the engine says that it
    ended by being stopped."""

    identity: str
    how: str
    at_s: float
    has_stopped: bool = False


class Asked:
    """Remembers by life."""

    def __init__(self, store: Store, *, known: Known, ours: Ours) -> None:
        self._store, self._known, self._ours = store, known, ours
        self._how: dict[str, Ask] = {}
        self._count = 0
        self._counts: dict[str, int] = {}

    def open(self) -> None:
        """What was seen before is read back."""
        self._how = {name: _ask(value) for name, value in self._store.all(ROOM).items()}

    def heard(self, event: Mapping[str, Any]) -> None:
        """Take an event in, before the container that it is about is read anew."""
        action = event.get("Action")
        actor = event.get("Actor")
        attributes = actor.get("Attributes") if isinstance(actor, Mapping) else None
        if action not in ("kill", "stop") or not isinstance(actor, Mapping):
            return
        container = self._known(str(actor.get("ID") or ""))
        if container is None or not isinstance(attributes, Mapping):
            return
        name = signal_name(str(attributes.get("signal") or ""))
        is_stop = action == "stop"
        if self._ours.stopped(container.id) if is_stop else self._ours.sent(container.id, name):
            return
        at_s = happened_at_s(event, 0.0)
        how = "docker stop" if is_stop else _how(name, container)
        if not how or at_s < container.started_at_s:
            return  # it asks for something else, or asked the life before this one
        before = self._of(container)
        if before is not None and not at_s - before.at_s > _lasts_s(container):
            how = before.how  # the kill that ends a stop's grace is part of the stop
        self._keep(container, Ask(container.identity, how, at_s, is_stop))

    def how(self, container: Container, now_s: float) -> str:
        """How somebody asked this life of it to end, which may live still; "" when nobody did."""
        ask = self._of(container)
        if ask is None:
            return ""
        if container.is_running:
            return "" if now_s - ask.at_s > _lasts_s(container) else ask.how
        took_s = container.finished_at_s - ask.at_s
        if ask.has_stopped or not took_s > container.grace_s + LATE_S:
            return ask.how
        is_orderly = container.exit_code in ORDERLY and not container.is_out_of_memory
        return ask.how if is_orderly and not took_s > _lasts_s(container) else ""

    def mark(self) -> int:
        """How many asked so far, for `since`."""
        return self._count

    def since(self, container: str, mark: int) -> bool:
        """Did somebody ask it to end after this mark?"""
        return self._counts.get(container, 0) > mark

    def _of(self, container: Container) -> Ask | None:
        """By its time as well: it may have been heard before this life was read."""
        ask = self._how.get(container.id)
        if ask is None or ask.identity == container.identity:
            return ask
        return ask if ask.at_s >= container.started_at_s else None

    def _keep(self, container: Container, ask: Ask) -> None:
        self._count += 1
        self._how[container.id], self._counts[container.id] = ask, self._count
        try:
            self._store.put(ROOM, container.id, asdict(ask))
        except TryAgain:
            return  # a full disk costs the next life a question

    def forget_all_but(self, containers: frozenset[str]) -> None:
        """What is gone ends no more."""
        for gone in self._how.keys() - containers:
            del self._how[gone]
            self._counts.pop(gone, None)
            self._store.remove(ROOM, gone)


def _how(name: str, container: Container) -> str:
    """How a signal asks to end; "" where it asks for something else."""
    if name == "SIGKILL":
        return "docker kill"
    is_end = name in ENDS or name == signal_name(container.signal_of_end)
    return "docker stop" if is_end else ""


def _lasts_s(container: Container) -> float:
    return max(container.grace_s + LATE_S, LASTS_S)


def _ask(value: Mapping[str, Any]) -> Ask:
    at_s = value.get("at_s")
    asked_s = float(at_s) if isinstance(at_s, int | float) else 0.0
    has_stopped = value.get("has_stopped") is True
    return Ask(str(value.get("identity")), str(value.get("how")), asked_s, has_stopped)


def signal_name(text: str) -> str:
    """`SIGTERM` for 15, TERM, SIGTERM; `SIGRTMIN+3` for 37; what is no signal as it is."""
    try:
        return signal.Signals(int(text)).name
    except ValueError:
        upper = text.upper()
    if upper.isdecimal() and REAL_TIME_FIRST < int(upper) < REAL_TIME_LAST:
        return f"SIGRTMIN+{int(upper) - REAL_TIME_FIRST}"
    return upper if upper.startswith("SIG") else f"SIG{upper}"
