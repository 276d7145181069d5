"""What is written down of containers that were moved aside, and who is hidden for it.

Flows in: one replacement's stages. Flows out: the notes, also those of an earlier life, and the
containers as the instances that they are. Acts on nothing; `replace` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from secrets import token_hex
from typing import Any

from everup.runtimes.docker.borrowed import successor
from everup.runtimes.docker.containers import ASIDE, Container
from everup.runtimes.docker.store import Store

ROOM = "aside"
MOVED = "moved"
AWAITED = "awaited"
"""Rooms: replacements that are not over; whom we replaced by whom; names of ours under which the
engine may still make a container for a call whose answer never came."""

STAYS = "stays aside"
SAID_MOST = 20


@dataclass(frozen=True, slots=True)
class Aside:
    """One replacement that is not over. Written before each stage."""

    service: str
    name: str
    old: str
    was_running: bool
    new: str = ""
    is_started: bool = False
    is_kept: bool = False  # in quarantine, for a person
    until_s: float = 0.0  # the end of a quarantine
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    made_as: str = ""  # the name that the new one is made under: nobody else knows it
    is_back: bool = False  # the old one is as it was, but somebody else's has its name


class Asides:
    """The notes of one state folder."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._untold: list[str] = []

    def asides(self) -> Sequence[Aside]:
        """What is not over."""
        return [_aside(value) for value in self._store.all(ROOM).values()]

    def moved(self) -> Mapping[str, str]:
        """Ids of containers that we replaced → those of their successors."""
        return {old: str(value.get("new")) for old, value in self._store.all(MOVED).items()}

    def forget_all_but(self, containers: frozenset[str]) -> None:
        """Successors that are gone lend nothing any more."""
        moved = self.moved()
        for old, new in moved.items():
            if new not in containers and new not in moved:
                self._store.remove(MOVED, old)

    def keeps(self, service: str) -> bool:
        """Is one of this service in quarantine?"""
        return any(aside.is_kept and aside.service == service for aside in self.asides())

    def seen(self, containers: Sequence[Container]) -> Sequence[Container]:
        """The containers as the instances that they are: while a replacement is not through, the
        old one under its own name; from then on the new one alone. Where somebody else of the
        stack took the name meanwhile, that one."""
        names: dict[str, str] = {}
        hidden: set[str] = set()
        bearers = {container.name: container.id for container in containers}
        for aside in self.asides():
            if aside.is_started:
                hidden.add(aside.old)
                continue
            hidden.add(aside.new)
            if bearers.get(aside.name, aside.old) in (aside.old, aside.new):
                names[aside.old] = aside.name
        shown = [c for c in containers if c.id not in hidden]
        named = [replace(c, name=names[c.id]) if c.id in names else c for c in shown]
        return [c for c in named if not c.name.startswith(ASIDE)]

    def _now(self, aside: Aside) -> Aside | None:
        """What is noted of it by now; None: it is over."""
        return next((a for a in self.asides() if a.old == aside.old), None)

    def _newest(self, aside: Aside) -> str:
        """Who has its place now: what replaced it may have been replaced itself."""
        return successor(aside.new, self.moved())

    def _note(self, aside: Aside) -> None:
        if self._store.get(ROOM, aside.name) is not None:  # as an earlier version called its notes
            self._store.remove(ROOM, aside.name)
        self._store.put(ROOM, aside.old, asdict(aside))

    def _note_started(self, aside: Aside) -> Aside:
        self._store.put(MOVED, aside.old, {"new": aside.new})
        started = replace(aside, is_started=True)
        self._note(started)
        return started

    def _drop(self, aside: Aside) -> None:
        self._store.remove(ROOM, aside.old)
        self._store.remove(ROOM, aside.name)

    def _tell_later(self, text: str) -> None:
        """Whoever gives back next says it, once."""
        if text in self._untold:
            return
        self._untold = [*self._untold, text][-SAID_MOST:]

    def _told(self, service: str | None = None) -> list[str]:
        said = [text for text in self._untold if _is_of(service, text)]
        self._untold = [text for text in self._untold if not _is_of(service, text)]
        return said


def _is_of(service: str | None, text: str) -> bool:
    return service is None or text.startswith(f"{service}: ")


def name_aside(name: str) -> str:
    """One that nobody else has or guesses: whoever bears it is ours."""
    return f"{ASIDE}{name}-{token_hex(3)}"


def _aside(value: Mapping[str, Any]) -> Aside:
    known = {name: value[name] for name in Aside.__dataclass_fields__ if name in value}
    return Aside(**known)
