"""Readers: a place in the file (or a variable, or a flag) → a typed value, or a problem noted.

A reader is a function `Field -> value | None`. None always means that a problem was added, never
that something is absent: what is absent has no Field. Used by every file that knows a part of the
schema; knows nothing of the schema itself.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from everup.config import units
from everup.config.errors import Problems, did_you_mean, show
from everup.config.yaml_tree import Node

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Reader = Callable[["Field"], T | None]

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True, slots=True)
class Field:
    """One value with its address. `source` is a file, or the name of a variable or flag."""

    node: Node
    path: str
    source: str
    problems: Problems

    @property
    def where(self) -> str:
        """`everup.yaml:12`, or the variable or flag."""
        return f"{self.source}:{self.node.line}" if self.node.line else self.source

    @property
    def raw(self) -> str:
        """The scalar as it was written."""
        return self.node.raw

    def wrong(self, message: str, fix: str = "", *, has_value: bool = True) -> None:
        """Note a problem here."""
        value = self.raw if has_value and self.node.kind == "scalar" and self.raw else None
        self.problems.add(self.where, self.path, message, value=value, fix=fix)

    def child(self, name: str, node: Node) -> Field:
        """The value `name` inside of this one."""
        return Field(node, f"{self.path}.{name}" if self.path else name, self.source, self.problems)

    def is_a(self, kind: str, what: str) -> bool:
        """Is this a mapping, list or scalar? Otherwise a problem that says `what` is."""
        if self.node.is_empty:
            self.wrong("is empty", f"write {what}, or remove the line")
        elif self.node.kind != kind:
            self.wrong(f"is a {_spoken(self.node.kind)}, not {what}", f"write {what}")
        else:
            return True
        return False

    def entries(self, what: str) -> dict[str, Field]:
        """The values of a mapping whose keys are free."""
        if not self.is_a("mapping", what):
            return {}
        return {entry.key: self.child(entry.key, entry.node) for entry in self.node.entries}

    def fields(self, known: Collection[str], what: str) -> dict[str, Field]:
        """The values of a mapping whose keys are fixed; unknown ones are problems."""
        found = self.entries(what)
        for entry in self.node.entries:
            if entry.key not in known and entry.key in found:
                child = found.pop(entry.key)
                where = f"{self.source}:{entry.line}" if entry.line else self.source
                self.problems.add(
                    where, child.path, "is not a field here", fix=did_you_mean(entry.key, known)
                )
        return found

    def items(self, what: str) -> list[Field]:
        """The values of a list; a single scalar counts as a list of one."""
        if self.node.kind == "scalar" and not self.node.is_empty:
            return [self]
        if not self.is_a("list", what):
            return []
        return [
            Field(node, f"{self.path}[{index}]", self.source, self.problems)
            for index, node in enumerate(self.node.items)
        ]


def plain(text: str, name: str, source: str, problems: Problems) -> Field:
    """A Field for a value that does not come from a file."""
    return Field(Node("scalar", 0, text.strip(), is_quoted=True), name, source, problems)


def take(given: Mapping[str, Field], name: str, reader: Reader[T], default: T) -> T:
    """The value of `name`, or the default where it is absent or wrong."""
    field = given.get(name)
    if field is None:
        return default
    value = reader(field)
    return default if value is None else value


def maybe(given: Mapping[str, Field], name: str, reader: Reader[T]) -> T | None:
    """The value of `name`, or None where it is absent or wrong."""
    field = given.get(name)
    return None if field is None else reader(field)


def text(field: Field) -> str | None:
    """Any text but the empty one."""
    if not field.is_a("scalar", "text"):
        return None
    if not field.raw.strip():
        field.wrong("is empty", "write something, or remove the line")
        return None
    return field.raw


def flag(field: Field) -> bool | None:
    """true or false, in YAML's and the shell's spellings."""
    if not field.is_a("scalar", "true or false"):
        return None
    word = field.raw.lower()
    if word not in _TRUE | _FALSE:
        field.wrong("is neither true nor false", "write true or false")
        return None
    return word in _TRUE


def whole(low: int, high: int) -> Reader[int]:
    """A whole number from low to high."""

    def read(field: Field) -> int | None:
        what = f"a whole number from {low} to {high}"
        if not field.is_a("scalar", what):
            return None
        try:
            value = int(field.raw)
        except ValueError:
            field.wrong("is not a whole number", f"write {what}")
            return None
        if not low <= value <= high:
            field.wrong("is out of range", f"write {what}")
            return None
        return value

    return read


def number(low: float, high: float) -> Reader[float]:
    """A number from low to high."""

    def read(field: Field) -> float | None:
        what = f"a number from {low:g} to {high:g}"
        return _ranged(field, float, low, high, "is not a number", what)

    return read


def duration(low_s: float, high_s: float) -> Reader[float]:
    """Seconds, as a number or as `30s`, `5m`, `1h30m`."""

    def read(field: Field) -> float | None:
        what = f"a duration from {spoken_s(low_s)} to {spoken_s(high_s)}"
        return _ranged(field, units.duration_s, low_s, high_s, "", what)

    return read


def size(low_bytes: float, high_bytes: float) -> Reader[float]:
    """Bytes, as a number or as `512MiB`."""

    def read(field: Field) -> float | None:
        what = f"a size from {low_bytes / 2**20:g}MiB to {high_bytes / 2**40:g}TiB"
        return _ranged(field, units.size_bytes, low_bytes, high_bytes, "", what)

    return read


def choice(kind: type[E]) -> Reader[E]:
    """One of the values of an enum."""

    def read(field: Field) -> E | None:
        words = [member.value for member in kind]
        if not field.is_a("scalar", f"one of {', '.join(words)}"):
            return None
        try:
            return kind(field.raw)
        except ValueError:
            field.wrong("is not known", did_you_mean(field.raw, words))
            return None

    return read


def words(field: Field) -> tuple[str, ...] | None:
    """A command: a list of its parts, or one line that is split as a shell would."""
    if field.node.kind == "list":
        items = field.items("the parts of a command")
        if not items:
            field.wrong("is empty", "write a command")
        parts = [item.raw for item in items if item.is_a("scalar", "one part of a command")]
        return tuple(parts) if parts and parts[0] else None
    line = text(field)
    if line is None:
        return None
    try:
        return tuple(shlex.split(line)) or None
    except ValueError as error:
        field.wrong(f"cannot be split into words: {error}", "close the quote, or write a list")
        return None


def spoken_s(seconds: float) -> str:
    """A duration as short text: `90` → `90s`, `3600` → `1h`."""
    for unit, length in (("d", 86400.0), ("h", 3600.0), ("m", 60.0)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def quoted(field: Field) -> str:
    """The value as it may be shown inside of a sentence."""
    return show(field.raw, field.path)


def _ranged(
    field: Field,
    parse: Callable[[str], float],
    low: float,
    high: float,
    not_one: str,
    what: str,
) -> float | None:
    if not field.is_a("scalar", what):
        return None
    try:
        value = parse(field.raw)
    except ValueError as error:
        field.wrong(not_one or str(error), f"write {what}" if not_one else "")
        return None
    if not math.isfinite(value) or not low <= value <= high:
        field.wrong("is out of range", f"write {what}")
        return None
    return value


def _spoken(kind: str) -> str:
    return {"mapping": "block of fields", "list": "list", "scalar": "single value"}[kind]
