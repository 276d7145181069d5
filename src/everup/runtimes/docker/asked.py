"""Who asked a container to end: visible in the engine's events alone, so it is kept.

Flows in: the engine's events. Flows out: for each life of a container that somebody else asked to
end, how. `docker stop` and `docker kill` are somebody's wish, and so is what Compose does; a signal
that asks for something else (STOP, HUP, USR1) is none. Kept in the state folder, since the end may
be looked at after a restart of Everup.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from everup.model.errors import TryAgain
from everup.runtimes.docker.containers import NANOSECONDS, Container
from everup.runtimes.docker.store import Store

ROOM = "asked"
LATE_S = 60.0
"""Who ends this long after the grace did not end because of the signal."""

ENDS = frozenset({"SIGTERM", "SIGKILL", "SIGINT", "SIGQUIT"})

Known = Callable[[str], Container | None]
IsOurs = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody asked this life to end, at this time."""

    identity: str
    how: str
    at_s: float


class Asked:
    """Remembers by life."""

    def __init__(self, store: Store, *, known: Known, is_ours: IsOurs) -> None:
        self._store, self._known, self._is_ours = store, known, is_ours
        self._how: dict[str, Ask] = {}

    def open(self) -> None:
        """What was seen before is read back."""
        self._how = {name: _ask(value) for name, value in self._store.all(ROOM).items()}

    def heard(self, event: Mapping[str, Any]) -> None:
        """Take an event in, before the container that it is about is read anew."""
        if event.get("Action") != "kill":
            return
        actor = event.get("Actor")
        attributes = actor.get("Attributes") if isinstance(actor, Mapping) else None
        if not isinstance(actor, Mapping) or not isinstance(attributes, Mapping):
            return
        container = self._known(str(actor.get("ID") or ""))
        if container is None or self._is_ours(container.id):
            return
        name = signal_name(str(attributes.get("signal") or ""))
        if name == "SIGKILL":
            how = "docker kill"
        elif name in ENDS or name == signal_name(container.signal_of_end):
            how = "docker stop"
        else:
            return
        if self.how(container):
            return  # the kill that ends a stop's grace
        at_s = float(event.get("timeNano") or 0) / NANOSECONDS
        self._how[container.id] = Ask(container.identity, how, at_s)
        try:
            self._store.put(ROOM, container.id, asdict(self._how[container.id]))
        except TryAgain:
            return  # a full disk costs the next life a question

    def how(self, container: Container) -> str:
        """How somebody asked this life of it to end; "" when nobody did."""
        ask = self._how.get(container.id)
        if ask is None or ask.identity != container.identity:
            return ""
        took_s = container.finished_at_s - ask.at_s
        return "" if took_s > container.grace_s + LATE_S else ask.how

    def forget_all_but(self, containers: frozenset[str]) -> None:
        """What is gone ends no more."""
        for gone in self._how.keys() - containers:
            del self._how[gone]
            self._store.remove(ROOM, gone)


def _ask(value: Mapping[str, Any]) -> Ask:
    at_s = value.get("at_s")
    asked_s = float(at_s) if isinstance(at_s, int | float) else 0.0
    return Ask(str(value.get("identity")), str(value.get("how")), asked_s)


def signal_name(text: str) -> str:
    """`SIGTERM` for 15, TERM, SIGTERM; what is no signal as it is."""
    try:
        return signal.Signals(int(text)).name
    except ValueError:
        upper = text.upper()
        return upper if upper.startswith("SIG") else f"SIG{upper}"
