"""Durations, sizes and times of day as people write them. Pure; called by `reading`.

Each function returns plain numbers in the unit of its name and raises ValueError with a sentence
that says what would be right.
"""

from __future__ import annotations

import math
import re

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)(b?)", re.IGNORECASE)
_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

_TIME_OF_DAY = re.compile(r"(\d{1,2}):(\d{2})")


def duration_s(text: str) -> float:
    """`30`, `30s`, `500ms`, `5m`, `1h30m` as seconds.

    Raises:
        ValueError: anything else, and numbers that are not finite.
    """
    text = text.strip().lower()
    number = _number(text)
    if number is not None:
        return number
    parts = list(_DURATION_PART.finditer(text))
    if not parts or "".join(part.group(0) for part in parts) != text.replace(" ", ""):
        raise ValueError("is not a duration; write seconds as a number, or 500ms, 30s, 5m, 1h30m")
    return sum(float(part.group(1)) * _SECONDS[part.group(2)] for part in parts)


def size_bytes(text: str) -> float:
    """`536870912`, `512MiB`, `512m`, `1.5 GB` as bytes.

    A unit with `B` and no `i` (`MB`) counts in thousands; `MiB`, `Mi` and the bare `m` of Compose
    count in 1024s.

    Raises:
        ValueError: anything else.
    """
    text = text.strip()
    match = _SIZE.fullmatch(text)
    if match is None or (match.group(3) and not match.group(2)):
        raise ValueError("is not a size; write bytes as a number, or 512MiB, 1.5GiB, 500MB")
    number, unit, binary, byte = match.groups()
    base = 1000 if byte and unit and not binary else 1024
    return float(number) * float(base ** _POWER[unit.lower()])


def minute_of_day(text: str) -> int:
    """`02:30` as minutes since midnight; `24:00` is the end of the day.

    Raises:
        ValueError: anything else.
    """
    match = _TIME_OF_DAY.fullmatch(text.strip())
    if match is not None:
        minute = int(match.group(1)) * 60 + int(match.group(2))
        if int(match.group(2)) < 60 and minute <= 24 * 60:
            return minute
    raise ValueError('is not a time of day; write it as "02:00", with quotes')


def _number(text: str) -> float | None:
    """A finite number of seconds, not below zero; None when the text is no number at all."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value) or value < 0:
        raise ValueError("is not a duration; it must be finite and not below zero")
    return value
