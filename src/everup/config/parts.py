"""The smaller blocks of a service: instances, env, limits, stop, hooks, modes, thresholds.

Each is a reader `Field -> value | None`, called by `service` (and `modes` by `load` too).
"""

from __future__ import annotations

import os.path
import re
import signal
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from everup.config.errors import did_you_mean
from everup.config.probe import hook
from everup.config.reading import (
    Field,
    choice,
    duration,
    maybe,
    number,
    size,
    take,
    text,
    whole,
)
from everup.model.kinds import UNKNOWN, ActionKind, Mode
from everup.model.sizing_words import INSTANCES_MOST
from everup.model.stack import FREEZE_LABEL, HookSpec, Limits, ReleaseSpec, StopSpec

ENV_MOST = 1000
LABELS_MOST = 100
CONFIG_FILES_MOST = 64
NO_FILES = "none"
LABELS = (FREEZE_LABEL,)
ASKED_ONLY = {ActionKind.START, ActionKind.STOP, ActionKind.REJOIN, ActionKind.RESUME}
"""A person asks for these, or they undo something: no mode applies to them."""

_DROPS_ALL = re.compile(r"\bflush(?:all|db)\b", re.IGNORECASE)
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIGNALS = {member.name: member for member in signal.Signals}
_NOT_STOPPING = {"SIGKILL", "SIGSTOP", "SIGCONT", "SIGCHLD"}
_count = whole(0, INSTANCES_MOST)


class WhenStopped(StrEnum):
    """What to do with a service that ended in a way that looks intended."""

    LEAVE = "leave"
    HEAL = "heal"


def instances(field: Field) -> tuple[int, int, int] | None:
    """`2`, or `{count: 2, min: 1, max: 10}`, as (count, least, most)."""
    if field.node.kind != "mapping":
        count = _count(field)
        return None if count is None else (count, min(count, 1), max(count, 1))
    given = field.fields(("count", "min", "max"), "a number, or count, min and max")
    least, most = maybe(given, "min", _count), maybe(given, "max", _count)
    count = take(given, "count", _count, 1 if least is None else max(least, 1))
    least = min(count, 1) if least is None else least
    most = max(count, 1) if most is None else most
    if not least <= count <= most:
        field.wrong(
            f"has min {least}, count {count}, max {most}, which are not in this order",
            "let min ≤ count ≤ max",
        )
        return None
    return count, least, most


def has_bounds(field: Field) -> bool:
    """Did its owner say the least or the most?"""
    return any(entry.key in ("min", "max") for entry in field.node.entries)


def env(field: Field) -> Mapping[str, str] | None:
    """Variables for the service's processes; values are taken as they are written."""
    values = {}
    for name, value in field.entries("names with values").items():
        if not _ENV_NAME.fullmatch(name):
            value.wrong(
                "is not a name for a variable", "use letters, digits and _", has_value=False
            )
        elif value.node.kind != "scalar" or value.node.is_empty:
            value.wrong("has no single value", 'write one, or "" for the empty one')
        elif "\0" in value.raw:
            value.wrong("holds a NUL, which no variable can")
        else:
            values[name] = value.raw
    if len(values) > ENV_MOST:
        field.wrong(f"has more than {ENV_MOST} variables", "read them from a file of your own")
    return values


def limits(field: Field) -> Limits | None:
    """Memory, CPUs and connections of one instance."""
    given = field.fields(("memory", "cpus", "connections"), "memory, cpus and connections")
    return Limits(
        memory_bytes=take(given, "memory", size(2.0**20, 2.0**46), UNKNOWN),
        cpus=take(given, "cpus", number(0.01, 1024.0), UNKNOWN),
        connections=take(given, "connections", number(1.0, 1e6), UNKNOWN),
    )


def stop(field: Field) -> StopSpec | None:
    """The signal that asks for the end, and the time that it may take."""
    given = field.fields(("signal", "grace_s"), "signal and grace_s")
    default = StopSpec()
    return StopSpec(
        signal=take(given, "signal", _signal, default.signal),
        grace_s=take(given, "grace_s", duration(0.0, 3600.0), default.grace_s),
    )


def releases(field: Field, folder: Path) -> ReleaseSpec | None:
    """`releases`, or `{directory: releases, current: releases/now}`; paths relative to the file."""
    if field.node.kind == "scalar":
        directory, current = text(field), "current"
    else:
        given = field.fields(("directory", "current"), "a folder, or directory and current")
        directory = maybe(given, "directory", text)
        current = take(given, "current", text, "current")
        if "directory" not in given:
            field.wrong("names no directory", "write the folder in which the releases lie")
    if directory is None:
        return None
    root = os.path.normpath(folder / directory)
    return ReleaseSpec(root, os.path.normpath(os.path.join(root, current)))


def config_files(field: Field, folder: Path) -> tuple[str, ...] | None:
    """A list of files and small folders, or `none`; paths relative to the file."""
    names = [field.raw] if field.node.kind == "scalar" else []
    if field.node.kind == "list":
        items = field.items("paths")
        names = [item.raw for item in items if item.is_a("scalar", "one path")]
    if names == [NO_FILES]:
        return ()
    if not names or not all(name.strip() for name in names):
        field.wrong("names no file", f"write a list of paths, or {NO_FILES}")
        return None
    if len(names) > CONFIG_FILES_MOST:
        field.wrong(f"names more than {CONFIG_FILES_MOST} files", "name their folder")
        return None
    return tuple(dict.fromkeys(os.path.normpath(folder / name) for name in names))


def hooks(field: Field) -> Mapping[str, HookSpec] | None:
    """An owner's own ways of doing something, by name."""
    found = {name: hook(item) for name, item in field.entries("hooks by name").items()}
    for name, spec in found.items():
        if name != "cache_clear" and spec is not None and spec.recipe is not None:
            field.wrong(f"{name} has a recipe, and recipes clear caches", has_value=False)
    clearing = found.get("cache_clear")
    for word in clearing.command if clearing is not None else ():
        if _DROPS_ALL.search(word):
            field.wrong(
                f"cache_clear would run {_DROPS_ALL.findall(word)[0].upper()}, which drops what is"
                " no cache too",
                "UNLINK the keys of a named prefix, or use MEMORY PURGE",
                has_value=False,
            )
    return {name: spec for name, spec in found.items() if spec is not None}


def modes(field: Field) -> Mapping[ActionKind, Mode] | None:
    """A mode for each action kind that is named."""
    known = {kind.value: kind for kind in ActionKind if kind not in ASKED_ONLY}
    given = field.fields(known, "action kinds with a mode")
    found = {known[name]: choice(Mode)(item) for name, item in given.items()}
    return {kind: mode for kind, mode in found.items() if mode is not None}


def labels(field: Field) -> Mapping[str, str] | None:
    """The owner's labels; those that begin with everup. are ours, and are checked."""
    found = {}
    for name, value in field.entries("labels with values").items():
        if value.node.kind != "scalar":
            value.wrong("has no single value", "write one text")
        elif name.startswith("everup.") and name not in LABELS:
            value.wrong(f"{name} is not a label of ours", did_you_mean(name, LABELS))
        else:
            found[name] = value.raw
    if len(found) > LABELS_MOST:
        field.wrong(f"has more than {LABELS_MOST} labels", "keep the ones that matter")
    return found


def health_score(field: Field) -> float | None:
    """`thresholds:` of one service, which knows only the health score."""
    given = field.fields(("health_score",), "health_score")
    return maybe(given, "health_score", number(0.0, 1.0))


def _signal(field: Field) -> str | None:
    name = field.raw.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    if field.node.kind != "scalar" or name not in _SIGNALS:
        stopping = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH")
        field.wrong("is not a signal", did_you_mean(name, stopping))
        return None
    if name in _NOT_STOPPING:
        field.wrong(f"{name} does not ask a process to end", "write SIGTERM, SIGINT or SIGQUIT")
        return None
    return name
