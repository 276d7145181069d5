"""Reading the engine's JSON without trusting it: every getter answers with a plain value.

What is missing, null or of another type is the empty value of its kind. Called by `reading`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

TEXT_MOST = 64 * 1024
ITEMS_MOST = 2000
"""Longer texts are cut and longer lists end here: no container that people run comes near."""

_NOTHING: Mapping[str, object] = MappingProxyType({})


def mapping(document: object, *path: str) -> Mapping[str, object]:
    """The object at this path; empty when there is none."""
    found = _at(document, path)
    return found if isinstance(found, Mapping) else _NOTHING


def items(document: object, *path: str) -> Sequence[object]:
    """The list at this path; empty when there is none."""
    found = _at(document, path)
    return found[:ITEMS_MOST] if isinstance(found, list | tuple) else ()


def text(document: object, *path: str) -> str:
    """The text at this path; "" when there is none."""
    found = _at(document, path)
    return found[:TEXT_MOST] if isinstance(found, str) else ""


def texts(document: object, *path: str) -> tuple[str, ...]:
    """The texts of the list at this path; other things in it are left out."""
    return tuple(item[:TEXT_MOST] for item in items(document, *path) if isinstance(item, str))


def pairs(document: object, *path: str) -> dict[str, str]:
    """The object at this path as texts by name; other values are left out."""
    found = list(mapping(document, *path).items())[:ITEMS_MOST]
    return {str(name): value[:TEXT_MOST] for name, value in found if isinstance(value, str)}


def number(document: object, *path: str) -> float:
    """The finite number at this path; 0 when there is none, which is how the engine says so too."""
    found = _at(document, path)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return 0.0
    try:
        value = float(found)
    except OverflowError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def is_true(document: object, *path: str) -> bool:
    """Does `true` stand at this path?"""
    return _at(document, path) is True


def _at(document: object, path: Sequence[str]) -> object:
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document
