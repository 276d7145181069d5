"""The evidence of one action: who asked, what was seen before and after, what the service wrote.

Flows in: an action's story as the API gives it. Flows out: rows for a table. What was noted before
the service was touched stands under "before", with its age; repeats are told once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.text import Text

from everup.cli.show import COLOURS, clean
from everup.cli.words import plainly, proof, span
from everup.model.evidence import ENDED, KEPT, ROUTED

LOG_LINES_SHOWN = 5
PROBES_SHOWN = 3
SEEN_SHOWN = 6
NOTE_LENGTH_MOST = 300
PROBE, LOG = "probe ", "log "
OURS = (ENDED, KEPT, ROUTED)

Row = tuple[Text, Text | str]


def evidence(action: Mapping[str, Any]) -> list[Row]:
    """One row a line; a name stands only where it is new."""
    by = "Everup itself" if action["by"] == "everup" else clean(action["by"])
    notes = [str(note) for note in action["during"]]
    rows: list[tuple[str, Text | str]] = [
        ("by", f"{by}, because: {plainly(action['reason'])}"),
        ("before", sighting(action["before"], notes)),
    ]
    rows += [("seen just before", note) for note in _seen(notes)]
    rows += [("it had written", note) for note in _written(notes)]
    rows += [("router", clean(n.removeprefix(ROUTED))) for n in notes if n.startswith(ROUTED)]
    rows += [("ended", plainly(n.removeprefix(ENDED))) for n in notes if n.startswith(ENDED)]
    rows += [("kept aside", clean(n.removeprefix(KEPT))) for n in notes if n.startswith(KEPT)]
    rows.append(("after", sighting(action["after"])))
    rows.append(("result", _result(action)))
    told: list[Row] = []
    for name, value in rows:
        is_new = not told or name != rows[len(told) - 1][0]
        told.append((Text(name if is_new else "", "dim"), value))
    return told


def _result(action: Mapping[str, Any]) -> Text:
    result = Text(clean(action["state"]), COLOURS.get(action["state"], ""))
    if action["ended_at_s"] is not None:
        result.append(f" after {span(action['ended_at_s'] - action['intended_at_s'])}")
    said = action["verdict"] or action["error"]
    if said:
        result.append(f": {proof(said)}", "")
    return result


def sighting(seen: Mapping[str, Any] | None, notes: Sequence[str] = ()) -> str:
    """How it was; an answer of what is down by now is from before its death."""
    if seen is None:
        return "nothing was seen yet"
    score = "unknown" if seen["score"] is None else f"{seen['score']:.2f}"
    text = f"{seen['condition']}, score {score}"
    if not seen["probe"]:
        return text
    text += f"; last probe of {seen['probe']}"
    if seen["condition"] == "down" and ": pass" in seen["probe"]:
        ages = [note.split(": ")[1] for note in notes if _is_dated(note)]
        age = ages[-1].removesuffix(" ago") + " earlier, " if ages else ""
        text += f" ({age}before it died)"
    return text


def _is_dated(note: str) -> bool:
    parts = note.split(": ")
    return note.startswith(PROBE) and len(parts) > 2 and parts[1].endswith(" ago")


def _seen(notes: Sequence[str]) -> list[str]:
    """The last answers of its probe, and what was seen of its process."""
    probes = [note.removeprefix(PROBE) for note in notes if note.startswith(PROBE)]
    if not any(note.startswith((PROBE, LOG)) for note in notes):
        return []  # by an older version, which kept log lines only
    seen = [n for n in notes if not n.startswith((PROBE, LOG, *OURS))]
    return [*_last(probes, PROBES_SHOWN), *_first(seen, SEEN_SHOWN)]


def _written(notes: Sequence[str]) -> list[str]:
    """The last lines that the service wrote before it was touched."""
    written = [note.removeprefix(LOG) for note in notes if note.startswith(LOG)]
    if not any(note.startswith((PROBE, LOG)) for note in notes):
        written = [note for note in notes if not note.startswith(OURS)]
    return _last(written, LOG_LINES_SHOWN) or ["nothing"]


def _last(lines: Sequence[str], most: int) -> list[str]:
    told = _once(lines)
    left = len(told) - most
    return [f"… {left} lines before; all with --json", *told[-most:]] if left > 0 else told


def _first(lines: Sequence[str], most: int) -> list[str]:
    told = _once(lines)
    left = len(told) - most
    return [*told[:most], f"… {left} more lines; all with --json"] if left > 0 else told


def _once(lines: Sequence[str]) -> list[str]:
    """Lines that follow each other and are the same become one."""
    found = []
    for line, same in groupby(clean(line)[:NOTE_LENGTH_MOST] for line in lines):
        count = len(list(same))
        found.append(f"{line} ({count} times)" if count > 1 else line)
    return found
