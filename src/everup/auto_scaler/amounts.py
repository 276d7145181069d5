"""Amounts as a person reads them. Pure text."""

from __future__ import annotations

import math

from everup.model.kinds import is_known

WHOLE_FROM = 100.0
PER_SECOND, CORES = "/s", " cores"


def amount(value: float, per: str = "") -> str:
    """`42/s`, `1280/s`, `0.35 cores`; `?`: nobody knows."""
    if not is_known(value):
        return "?"
    if math.isinf(value):
        return "no end"
    said = f"{value:.0f}" if abs(value) >= WHOLE_FROM else f"{value:.3g}"
    return f"{said}{per}"


def share(value: float) -> str:
    """Of a chance: `12 %`, `0.4 %`, `under 0.1 %`."""
    if not is_known(value):
        return "?"
    if 0.0 < value < 0.001:
        return "under 0.1 %"
    return f"{100.0 * value:.0f} %" if value >= 0.1 or not value else f"{100.0 * value:.1f} %"


def several(count: int, of: str = "instance") -> str:
    """`1 instance`, `3 instances`."""
    return f"{count} {of}" if count == 1 else f"{count} {of}s"
