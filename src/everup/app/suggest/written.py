"""A `Suggestion` → the text of a Compose file that is laid over the owner's. Pure.

Called by `everup suggest`. What is active is YAML; what a person has to finish stands behind MARK,
at the place where it belongs. PyYAML's own writer quotes every text, so that no name breaks the
file, and a `$` is doubled, as Compose wants it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import yaml

from everup.app.suggest.advice import Advice, Suggestion

MARK = "#? "
WIDTH = 98
WIDEST = 1 << 20
STEP = "  "
ORDER = ("healthcheck", "depends_on", "stop_grace_period", "mem_limit")
NOTHING_ACTIVE = "nothing is sure here: this only lets Compose take the file as it is"
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*|[0-9]+[smhgk]")


def compose_yaml(suggestion: Suggestion) -> str:
    """The whole file."""
    lines = [*_head(suggestion), "services:"]
    by_service = {name: list(some) for name, some in groupby(suggestion.advice, _service)}
    has_active = any(one.is_active for one in suggestion.advice)
    for number, (name, some) in enumerate(by_service.items()):
        is_first = number == 0 and not has_active
        lines += _of_service(name, some, is_kept=is_first)
    return "\n".join(lines) + "\n"


def scalar(value: str | int) -> str:
    """One value or key, quoted where it is not a plain word that every YAML reads as a text."""
    if isinstance(value, int):
        return str(value)
    text = value.encode("utf-8", "replace").decode("utf-8")
    written: str = yaml.safe_dump(text, allow_unicode=True, width=WIDEST)
    if _PLAIN.fullmatch(text) and written.partition("\n")[0] == text:
        return text
    written = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=WIDEST)
    return written.rstrip("\n")


def _service(one: Advice) -> str:
    return one.service


def _head(suggestion: Suggestion) -> list[str]:
    where = suggestion.folder or "their folder"
    said = [
        f"Suggested by `everup suggest` for the Compose project {suggestion.project}.",
        f"{suggestion.coverage}.",
        f"Read it, then lay it over your own files, in {where}; they stay as they are:",
    ]
    after = [
        "That makes the containers anew whose settings it changes. Lines behind #? do nothing: "
        "finish or check them, and take the mark away. docker-compose 1.27 and newer reads it too.",
        *suggestion.notes,
    ]
    return [*_comment(said, ""), *_verbatim(suggestion.usage), *_comment(after, "")]


def _of_service(name: str, some: Sequence[Advice], *, is_kept: bool) -> list[str]:
    is_active = is_kept or any(one.is_active for one in some)
    lines = [STEP + ("" if is_active else MARK) + f"{scalar(name)}:"]
    if is_kept:
        lines += [*_comment([NOTHING_ACTIVE], STEP * 2), f"{STEP * 2}labels: {{}}"]
    for _, group in groupby(sorted(some, key=_place), _place):
        entries = list(group)
        if under := entries[0].under:
            mark = "" if any(one.is_active for one in entries) else MARK
            lines.append(f"{STEP * 2}{mark}{scalar(under)}:")
        for one in entries:
            indent = STEP * (3 if under else 2)
            lines += [*_comment([one.why], indent), *_entry(one, indent)]
    return lines


def _place(one: Advice) -> int:
    return ORDER.index(one.under or one.key)


def _entry(one: Advice, indent: str) -> list[str]:
    mark = indent + ("" if one.is_active else MARK)
    if not isinstance(one.value, Mapping):
        return [f"{mark}{scalar(one.key)}: {_value(one.value)}"]
    inner = [f"{mark}{STEP}{scalar(key)}: {_value(value)}" for key, value in one.value.items()]
    return [f"{mark}{scalar(one.key)}:", *inner]


def _value(value: str | int | Sequence[str]) -> str:
    if isinstance(value, int):
        return scalar(value)
    if isinstance(value, str):
        return scalar(value.replace("$", "$$"))
    return "[" + ", ".join(_value(item) for item in value) + "]"


def _comment(texts: Iterable[str], indent: str) -> list[str]:
    """Wrapped, and without what would end a line or the comment."""
    lines = []
    for text in texts:
        clean = "".join(c if c.isprintable() else " " for c in text)
        lines += textwrap.wrap(
            clean,
            WIDTH,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}# ",
            break_on_hyphens=False,
        )
    return lines


def _verbatim(text: str) -> list[str]:
    return ["#   " + "".join(c if c.isprintable() else " " for c in text)]
