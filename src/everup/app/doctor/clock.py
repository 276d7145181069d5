"""The engine's clock against ours. Pure.

The engine tells its time somewhere between our asking and its answer, so only what lies outside of
that span is known to be a difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from everup.app.doctor.findings import Finding, ok, weak

CHECK = "clock"
APART_MOST_S = 2.0
_FRACTION = re.compile(r"\.(\d{1,6})\d*")


def judge_clock(info: Mapping[str, Any], asked_at_s: float, answered_at_s: float) -> Finding:
    """Are they so close that dates of deaths can be compared with ours?"""
    theirs_s = _seconds(info.get("SystemTime"))
    if theirs_s is None:
        fix = "update Docker, or let the door before it pass GET /info as it is"
        return weak(CHECK, "the engine does not tell its time", fix)
    apart_s = max(asked_at_s - theirs_s, theirs_s - answered_at_s, 0.0)
    if apart_s <= APART_MOST_S:
        return ok(CHECK, "the engine's clock and ours agree")
    side = "ahead of" if theirs_s > answered_at_s else "behind"
    return weak(
        CHECK,
        f"the engine's clock is {apart_s:.1f} s {side} ours: deaths seem to be at wrong times",
        "have both set by NTP: sudo timedatectl set-ntp true, here and on the engine's machine",
    )


def _seconds(text: object) -> float | None:
    """RFC 3339 with up to nine digits of a second, as the engine writes it."""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(_six_digits, str(text)))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _six_digits(match: re.Match[str]) -> str:
    return f".{match.group(1):0<6}"
