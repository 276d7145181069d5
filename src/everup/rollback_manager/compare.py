"""What differs between two captured configurations, for a person to read. Pure.

Flows in: what was kept and what runs. Flows out: a line for each difference. Values of the
environment are never shown: they may be secrets. Of files see `file_diff`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from everup.model.runtime import Captured
from everup.model.version import is_comparable
from everup.rollback_manager.file_diff import BACK as FILES_BACK
from everup.rollback_manager.file_diff import file_differences

LINES_MOST = 40
CHARS_MOST = 120
DEEP_MOST = 12
HIDDEN = frozenset({"env", "Env"})
NOISE = ("config.Labels.com.docker.compose.", "host.ContainerIDFile")
"""What a deploy tool writes down for itself; it says nothing of what runs."""

NOTHING: tuple[object, ...] = (None, "", 0, False, [], {}, ())


@dataclass(frozen=True, slots=True)
class Words:
    """How a value that is not shown differs."""

    new: str
    gone: str
    other: str = "another value"


BACK = Words("comes back", "goes away")
SINCE = Words("is new", "is gone")


def differences(kept: Captured, now: Captured) -> Sequence[str]:
    """What going back would change, now → then."""
    lines = []
    if kept.title and is_other_title(kept, now):
        lines.append(f"runs from: {now.title or 'unknown'} → {kept.title}")
    for path, text in of_content(now.content, kept.content, BACK):
        if not path.startswith(NOISE):
            lines.append(f"{path}: {text}")
    for line in file_differences(now.files, kept.files, FILES_BACK):
        lines.append(line if line.startswith("  ") else f"file {line}")
    return bounded(lines)


def is_other_title(one: Captured, other: Captured) -> bool:
    """Is it called otherwise, and otherwise made? A title may hold a sum, which is another one with
    another key."""
    if is_comparable(one.version, other.version) or one.content != other.content:
        return one.title != other.title
    return one.image != other.image


def of_content(
    first: Mapping[str, object], second: Mapping[str, object], words: Words
) -> Iterator[tuple[str, str]]:
    """(Path, how it differs) of each part of two contents."""
    yield from _differ("", first, second, 0, words)


def bounded(lines: Sequence[str], most: int = LINES_MOST) -> list[str]:
    """As many as one reads."""
    if len(lines) <= most:
        return list(lines)
    return [*lines[:most], f"and {len(lines) - most} more"]


def _differ(
    path: str, first: object, second: object, depth: int, words: Words
) -> Iterator[tuple[str, str]]:
    if first == second or (first in NOTHING and second in NOTHING):
        return
    if isinstance(first, Mapping) and isinstance(second, Mapping) and depth < DEEP_MOST:
        for name in sorted({*first, *second}, key=str):
            if path == "" and name == "image" and "image" in first and "image" in second:
                continue  # the title says it, with its content address
            if path == "" and name == "instances":
                continue  # how many there are goes back by a step of its own, and is said there
            below = f"{path}.{name}" if path else str(name)
            if path.rpartition(".")[2] in HIDDEN:
                yield from _hidden(below, first, second, str(name), words)
            else:
                yield from _differ(below, first.get(name), second.get(name), depth + 1, words)
        return
    if path.rpartition(".")[2] in HIDDEN:
        yield path, words.other
        return
    yield path, f"{_shown(first)} → {_shown(second)}"


def _hidden(
    path: str,
    first: Mapping[str, object],
    second: Mapping[str, object],
    name: str,
    words: Words,
) -> Iterator[tuple[str, str]]:
    if first.get(name) == second.get(name):
        return
    if name not in first:
        yield path, words.new
    elif name not in second:
        yield path, words.gone
    else:
        yield path, words.other


def _shown(value: object) -> str:
    if value in NOTHING:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= CHARS_MOST else f"{text[:CHARS_MOST]}…"
