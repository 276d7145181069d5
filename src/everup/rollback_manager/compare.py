"""What differs between two captured configurations, for a person to read. Pure.

Flows in: what was kept and what runs. Flows out: a line for each difference. Values of the
environment are never shown: they may be secrets. Of files see `compare_files`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from everup.model.runtime import Captured
from everup.rollback_manager.compare_files import file_differences

LINES_MOST = 40
CHARS_MOST = 120
DEEP_MOST = 12
HIDDEN = frozenset({"env", "Env"})
NOTHING: tuple[object, ...] = (None, "", 0, False, [], {}, ())


def differences(kept: Captured, now: Captured) -> Sequence[str]:
    """What going back would change, now → then."""
    lines = []
    if kept.title and kept.title != now.title:
        lines.append(f"runs from: {now.title or 'unknown'} → {kept.title}")
    lines += _differ("", now.content, kept.content, 0)
    lines += file_differences(kept.files, now.files)
    if len(lines) > LINES_MOST:
        more = len(lines) - LINES_MOST
        lines = [*lines[:LINES_MOST], f"and {more} more"]
    return lines


def _differ(path: str, now: object, then: object, depth: int) -> Iterator[str]:
    if now == then or (now in NOTHING and then in NOTHING):
        return
    if isinstance(now, Mapping) and isinstance(then, Mapping) and depth < DEEP_MOST:
        for name in sorted({*now, *then}, key=str):
            if path == "" and name == "image" and "image" in now and "image" in then:
                continue  # the title says it, with its content address
            below = f"{path}.{name}" if path else str(name)
            if path.rpartition(".")[2] in HIDDEN:
                yield from _hidden(below, now, then, str(name))
            else:
                yield from _differ(below, now.get(name), then.get(name), depth + 1)
        return
    yield f"{path}: {_shown(now)} → {_shown(then)}"


def _hidden(
    path: str, now: Mapping[str, object], then: Mapping[str, object], name: str
) -> Iterator[str]:
    if now.get(name) == then.get(name):
        return
    if name not in now:
        yield f"{path}: comes back"
    elif name not in then:
        yield f"{path}: goes away"
    else:
        yield f"{path}: another value"


def _shown(value: object) -> str:
    if value in NOTHING:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= CHARS_MOST else f"{text[:CHARS_MOST]}…"
