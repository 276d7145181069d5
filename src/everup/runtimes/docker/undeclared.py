"""What was declared of a container's limits where it has others by our hand, also for good.

The engine has no way to take a limit away from what runs: whoever had none keeps all of the machine
as a limit, until somebody makes the container anew. That is noted with what it had before, so that
it is never taken for declared, and can be said. Called by `limits`, by who finds a project, and by
who takes an Everup away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from everup.model.kinds import UNKNOWN
from everup.model.stack import Limits
from everup.runtimes.docker.containers import NANOSECONDS, Container, section
from everup.runtimes.docker.store import Store

ROOM, LEFT = "limits", "limits-left"
"""Rooms: what is to be given back, and what could not be taken away."""

MEMORY, CPUS = "Memory", "NanoCpus"
_WORDS = {MEMORY: "memory", CPUS: "processors"}


def has(container: Container, names: Iterable[str]) -> dict[str, int]:
    """What the engine says of these limits; 0: none."""
    host = section(container.document, "HostConfig")
    return {name: int(host.get(name) or 0) for name in names}


def before(store: Store, container: Container) -> dict[str, int]:
    """What it had before we changed it, of those limits that are still ours."""
    left = store.get(LEFT, container.id) or {}
    held = store.get(ROOM, container.id) or {}
    ours = section(left, "now")
    now = has(container, ours)
    found = {name: int(section(left, "before").get(name) or 0) for name in ours}
    still = {name: value for name, value in found.items() if now[name] == ours[name]}
    return still | {name: int(value) for name, value in section(held, "before").items()}


def keep(store: Store, container: Container, known: Mapping[str, Any]) -> Sequence[str]:
    """Note the limits that it keeps though none was declared, and say so."""
    now = has(container, known)
    left = {name: value for name, value in now.items() if value and not known[name]}
    if not left:
        return ()
    note = {
        "service": container.service,
        "name": container.name,
        "before": dict.fromkeys(left, 0),
        "now": left,
    }
    store.put(LEFT, container.id, note)
    return (_sentence(note),)


def hand_on(store: Store, old: Container, new: str, name: str) -> None:
    """Who is made like one whose limits we changed has them by our hand as well: they are given
    back with its own, and are no other version."""
    for room in (ROOM, LEFT):
        if held := store.get(room, old.id):
            store.put(room, new, {**held, "name": name})


def forget_all_but(store: Store, containers: Collection[str]) -> None:
    """Of what is gone nothing is left."""
    for name in store.all(LEFT):
        if name not in containers:
            store.remove(LEFT, name)


def stay(store: Store, containers: Collection[str]) -> Sequence[str]:
    """Sentences on limits that stay, or will when the rest is given back, of these containers."""
    notes = {**store.all(LEFT), **store.all(ROOM)}
    return [
        _sentence(note)
        for name, note in notes.items()
        if name in containers and any(not v for v in section(note, "before").values())
    ]


def declared(store: Store, container: str, seen: Limits, machine: Limits) -> Limits:
    """What its owner declared, where `seen` is what the engine says. All of the machine limits
    nothing; what we noted is truer than what is there."""
    memory, cpus = seen.memory_bytes, seen.cpus
    memory = UNKNOWN if memory >= machine.memory_bytes else memory
    cpus = UNKNOWN if cpus >= machine.cpus else cpus
    noted = section(store.get(ROOM, container) or {}, "before")
    if MEMORY in noted:
        memory = float(noted[MEMORY]) or UNKNOWN
    if CPUS in noted:
        cpus = float(noted[CPUS]) / NANOSECONDS or UNKNOWN
    return Limits(memory, cpus, seen.connections)


def _sentence(note: Mapping[str, Any]) -> str:
    known = section(note, "before")
    words = " and ".join(word for name, word in _WORDS.items() if known.get(name) == 0)
    return (
        f"{note.get('service')}: {note.get('name')} had no limit of {words}, and keeps all that "
        "the machine has as one, since the engine takes none away from what runs; the next "
        f"recreate ends it: docker compose up -d --force-recreate {note.get('service')}"
    )
