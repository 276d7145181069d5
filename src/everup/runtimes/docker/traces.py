"""What an Everup left on an engine and in its store, and the ways to take it away.

Flows in: an open engine, a project, the store of a state folder. Flows out: `Traces`, and what came
of taking them away, as sentences. Containers that were moved aside, networks and limits are the
runtime's own to give back (`release`); here is the rest. What somebody else made is not touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from everup.model.errors import EverupError
from everup.runtimes.docker import asides, isolation, undeclared
from everup.runtimes.docker.containers import ASIDE, MADE, OWN, PROJECT, SERVICE, TRY, section
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.images import Images
from everup.runtimes.docker.store import PINNED, WATCHED, Store

STOP_S = 10
YES = "true"
_HELD = {
    asides.ROOM: "the container that was replaced is aside",
    isolation.ROOM: "it is off its networks",
    undeclared.ROOM: "its limits are changed",
}


@dataclass(frozen=True, slots=True)
class Traces:
    """By name. `copies`: containers beyond what was declared, with their ids; `stray`: moved aside
    by an Everup whose notes are gone; `pinned`: names that we gave to images; `own`: Everup's own
    containers, which somebody else started; `limited`: sentences on limits that nobody declared
    and that the engine cannot take away."""

    copies: Mapping[str, str] = field(default_factory=dict)
    stray: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    limited: tuple[str, ...] = ()


def store_of(state_dir: Path) -> Store:
    """The runtime's own notes in a state folder."""
    return Store(state_dir / "docker")


def project_of(store: Store) -> str:
    """The project whose notes these are; "" where they do not say."""
    return next(iter(store.all(WATCHED)), "")


def held(store: Store) -> Mapping[str, Sequence[str]]:
    """Service → what is held of it, in words."""
    found: dict[str, list[str]] = {}
    for room, words in _HELD.items():
        for value in store.all(room).values():
            said = found.setdefault(str(value.get("service")), [])
            said += [words] if words not in said else []
    return found


def are_aside(store: Store) -> bool:
    """Is any container moved aside still?"""
    return bool(store.all(asides.ROOM))


async def find(engine: Engine, project: str, store: Store) -> Traces:
    """Look for all of it.

    Raises:
        TryAgain, GiveUp: the engine does not answer.
    """
    lines = await engine.call("GET", "containers/json", params={"all": True})
    known = {str(v.get(of)) for v in store.all(asides.ROOM).values() for of in ("old", "new")}
    copies: dict[str, str] = {}
    stray: list[str] = []
    own: list[str] = []
    for line in lines:
        labels, name = line.get("Labels") or {}, _name(line)
        if labels.get(PROJECT) != project:
            continue
        if str(labels.get(OWN, "")).lower() == YES:
            own += [] if name.startswith(TRY) else [name]
        elif name.startswith(ASIDE):
            stray += [] if str(line["Id"]) in known else [name]
        elif labels.get(MADE) == YES and _has_another(line, lines):
            copies[name] = str(line["Id"])
    limited = undeclared.stay(store, {str(line["Id"]) for line in lines} - set(copies.values()))
    return Traces(copies, tuple(stray), tuple(store.all(PINNED)), tuple(own), tuple(limited))


async def take_away(engine: Engine, traces: Traces, store: Store) -> tuple[list[str], list[str]]:
    """What was taken away, and what stays with the reason."""
    gone: list[str] = []
    stays: list[str] = []
    for name, container in traces.copies.items():
        try:
            path = f"containers/{container}"
            params = {"t": STOP_S}
            await engine.call("POST", f"{path}/stop", params=params, deadline_s=STOP_S * 3.0)
            await engine.call("DELETE", path, params={"v": False, "force": False})
            gone.append(f"the copy {name} is removed")
        except Gone:
            continue
        except EverupError as error:
            stays.append(f"the copy {name}: {error}; docker rm -f {name}")
    for reference in traces.pinned:
        try:
            stays += await _unpin(engine, reference, store, gone)
        except EverupError as error:
            stays.append(f"the image name {reference}: {error}; docker rmi {reference}")
    return gone, stays


async def _unpin(engine: Engine, reference: str, store: Store, gone: list[str]) -> Sequence[str]:
    """The name goes; never the image, as it would where the name is its only one."""
    pinned = str((store.get(PINNED, reference) or {}).get("image"))
    try:
        image: Mapping[str, Any] = await engine.get(f"images/{reference}/json")
    except Gone:
        store.remove(PINNED, reference)
        return ()
    if image.get("Id") != pinned:
        store.remove(PINNED, reference)
        return (f"the image name {reference}: somebody else gave it to another image",)
    await Images(engine).unpin(reference)
    store.remove(PINNED, reference)
    gone.append(f"the image name {reference} is removed; the image stays")
    return ()


def _has_another(line: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> bool:
    """Would its service still have a container that runs and that we did not make?"""
    labels = section(line, "Labels")
    return any(
        other.get("State") == "running"
        and section(other, "Labels").get(SERVICE) == labels.get(SERVICE)
        and section(other, "Labels").get(PROJECT) == labels.get(PROJECT)
        and section(other, "Labels").get(MADE) != YES
        for other in lines
    )


def _name(line: Mapping[str, Any]) -> str:
    return next((str(name).lstrip("/") for name in line.get("Names") or ()), "")
