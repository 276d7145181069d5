"""`90`, `30s`, `15m`, `2h`, `1d` → seconds."""

from __future__ import annotations

import re

from everup.cli.exits import USAGE, Stop

UNITS_S = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
MOST_S = 30 * 86_400.0
_PATTERN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)([smhd]?)")


def seconds(text: str) -> float:
    """The duration.

    Raises:
        Stop: 2 when it is none, not above zero, or above 30 days.
    """
    match = _PATTERN.fullmatch(text.strip().lower())
    value_s = float(match[1]) * UNITS_S[match[2]] if match else 0.0
    if not 0 < value_s <= MOST_S:
        raise Stop(USAGE, f"{text!r} is no duration up to 30 days; write 90s, 15m, 2h or 1d")
    return value_s


def ago(value_s: float | None) -> str:
    """A span as a person says it: `4 s`, `12 min`, `3.5 h`."""
    if value_s is None:
        return "unknown"
    if value_s < 120:
        return f"{value_s:.0f} s"
    return f"{value_s / 60:.0f} min" if value_s < 7200 else f"{value_s / 3600:.1f} h"
