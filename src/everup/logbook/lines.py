"""A journal entry as the fields of one log line. Pure, and the same for every kind of entry.

What a person or a search asks for comes out flat: ids, service, and one readable sentence. What is
nested (evidence, sightings) stays in the journal.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from everup.model.entries import Entry, Intended

TEXT_MOST = 2000
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SENTENCE_FIELDS = (
    *("service", "scope", "kind", "cause", "purpose", "outcome", "answer", "check"),
    *("fault", "reason", "case", "error", "by"),
)
TAKEN = frozenset({"event", "text", "time", "level", "stack"})
WARNS = frozenset({"IncidentEscalated", "MonitorFaultSeen", "IncidentOpened"})
"""Entries that are worth a line of level warning."""


def level_of(entry: Entry) -> str:
    """`warning` for what somebody should see, `info` for the rest."""
    name = type(entry).__name__
    is_bad = (
        getattr(entry, "has_passed", True) is False or getattr(entry, "outcome", "") == "failed"
    )
    return "warning" if name in WARNS or is_bad else "info"


def fields_of(entry: Entry) -> dict[str, object]:
    """Event, sentence, time, and every flat field; unknown numbers and empty texts are left out."""
    name, flat = type(entry).__name__, _flat(entry)
    return {"event": name, "text": _sentence(name, flat)} | {
        key: value for key, value in flat.items() if key not in TAKEN
    }


def _flat(entry: Entry) -> dict[str, object]:
    found: dict[str, object] = {}
    for field in dataclasses.fields(entry):
        value = _plain(getattr(entry, field.name))
        if value is not None:
            found[field.name] = value
    if isinstance(entry, Intended):
        found["service"], found["kind"] = entry.step.target, str(entry.step.kind)
    return found


def _plain(value: object) -> object:
    """The value where it fits on a line; None where it says nothing or is nested."""
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0.0 else None
    if isinstance(value, str):
        return _short(str(value)) or None
    if isinstance(value, tuple) and value and all(isinstance(item, str) for item in value):
        return _short(", ".join(value))
    return None


def _sentence(name: str, flat: Mapping[str, object]) -> str:
    """`incident escalated redis: crash_loop, nothing helped`."""
    words = _WORDS.sub(" ", name).lower()
    said = [str(flat[key]) for key in _SENTENCE_FIELDS if key in flat]
    if not said:
        return words
    about, rest = said[0], ", ".join(said[1:])
    return _short(f"{words} {about}" + (f": {rest}" if rest else ""))


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MOST else text[: TEXT_MOST - 1] + "…"
