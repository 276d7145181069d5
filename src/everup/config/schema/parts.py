"""Building blocks: what one kind of value looks like to a validator, as `reading` reads it.

Everup takes a scalar as it was written, so `port: "9101"` and `LEVEL: on` are what they look like;
an editor sees them typed by YAML. Each block therefore allows every type whose text Everup reads.
Keywords of JSON Schema bind only values of their own type: bounds numbers, patterns texts,
properties blocks. So one flat block describes a short form and its long form, and errors stay
precise.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any

Part = dict[str, Any]

SCALARS = ("string", "number", "boolean")
_NUMBER = r"\+?([0-9][0-9_]*(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DURATION = r"([0-9]+(\.[0-9]+)?([mM][sS]|[sSmMhHdD]) *)+"
_SIZE = r"[0-9]+(\.[0-9]+)?\s*([kKmMgGtT][iI]?)?[bB]?"


def described(part: Part, text: str, *examples: Any, default: Any = None) -> Part:
    """The block of one field, with what a person needs to know of it."""
    known: Part = {"description": text, **part}
    if default is not None:
        known["default"] = default
    if examples:
        known["examples"] = list(examples)
    return known


def text(pattern: str = r"\S") -> Part:
    """Any text that matches; numbers and truths count as the text they are written in."""
    return {"type": list(SCALARS), "pattern": pattern}


def name(pattern: str, length_most: int) -> Part:
    """A name of a stack or service."""
    return {
        "type": ["string", "integer", "boolean"],
        "pattern": f"^{pattern}$",
        "maxLength": length_most,
        "minimum": 0,
    }


def flag() -> Part:
    """true or false, in the spellings of YAML and the shell."""
    words = "|".join(any_case(word) for word in ("true", "false", "yes", "no", "on", "off"))
    return {
        "type": ["boolean", "string", "integer"],
        "pattern": f"^({words}|[01])$",
        "minimum": 0,
        "maximum": 1,
    }


def whole(low: int, high: int) -> Part:
    """A whole number."""
    return {
        "type": ["integer", "string"],
        "minimum": low,
        "maximum": high,
        "pattern": r"^\s*[+-]?[0-9][0-9_]*\s*$",
    }


def number(low: float, high: float) -> Part:
    """A number."""
    return {
        "type": ["number", "string"],
        "minimum": low,
        "maximum": high,
        "pattern": rf"^\s*{_NUMBER}\s*$",
    }


def duration(low_s: float, high_s: float) -> Part:
    """Seconds, or a text like 1h30m."""
    return {
        "type": ["number", "string"],
        "minimum": low_s,
        "maximum": high_s,
        "pattern": rf"^\s*({_NUMBER}|{_DURATION})\s*$",
    }


def size(low_bytes: float, high_bytes: float) -> Part:
    """Bytes, or a text like 512MiB."""
    return {
        "type": ["number", "string"],
        "minimum": low_bytes,
        "maximum": high_bytes,
        "pattern": rf"^\s*({_SIZE})\s*$",
    }


def choice(kind: type[StrEnum]) -> Part:
    """One word of a closed vocabulary."""
    return {"type": "string", "enum": [member.value for member in kind]}


def command(pattern: str = r"\S") -> Part:
    """A list of words, or one line."""
    return {
        "type": [*SCALARS, "array"],
        "pattern": pattern,
        "items": {"type": list(SCALARS)},
        "minItems": 1,
    }


def some(item: Part, *, most: int | None = None) -> Part:
    """A list, or a single one of its items. The item must be a scalar."""
    part = {**item, "type": [*_types(item), "array"], "items": item, "minItems": 1}
    return part if most is None else {**part, "maxItems": most}


def block(properties: Mapping[str, Part], *, required: Sequence[str] = ()) -> Part:
    """Fields with fixed names and no others."""
    part: Part = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return {**part, "required": list(required)} if required else part


def either(short: Part, long: Part) -> Part:
    """A short form or a long one, of different types."""
    return {**short, **long, "type": [*_types(short), *_types(long)]}


def one_of(names: Collection[str]) -> Part:
    """For a block: exactly one of these fields."""
    return {
        "if": {"type": "object"},
        "then": {"oneOf": [{"required": [name]} for name in names]},
    }


def any_case(word: str) -> str:
    """A pattern for the word in capitals, small letters or both: JSON Schema has no flags."""
    return "".join(f"[{c.upper()}{c.lower()}]" if c.isalpha() else re.escape(c) for c in word)


def _types(part: Part) -> list[str]:
    kind = part["type"]
    return [kind] if isinstance(kind, str) else list(kind)
