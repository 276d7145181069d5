"""Shares, bands, queues and known events as people write them. Pure.

Read by `config` and by the labels of containers alike. Each function returns the value, or raises
ValueError with a sentence that says what would be right.
"""

from __future__ import annotations

import math
import re

from everup.model.sizing import Band, Planned
from everup.model.window import Window

CPU_MOST = 64.0
"""Of a processor, or of its limit: without a limit an instance may use many."""
MEMORY_MOST = 1.0
SHARES = "70% or 0.7"
BANDS = "70%/30%"
PLANS = "mon-fri 08:00-18:00 4; sat 10:00-14:00 2"
REDIS_FORM = "host:port/0, for example 127.0.0.1:6379/0"
PLANNED_MOST = 100
INSTANCES_MOST = 1000
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SHARE = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)")
_REDIS = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|\{host\}|\{near\}|[^\s:/@\[\]{}]+)"
    r":(?P<port>\d{1,5}|\{port\})(?:/(?P<number>\d{1,5}))?"
)
_PLANNED = re.compile(
    r"(?:(?P<days>[a-z,-]+)\s+)?(?P<start>\d{1,2}:\d\d)\s*-\s*(?P<end>\d{1,2}:\d\d)"
    r"\s+(?P<count>\d{1,4})"
)
DAY_MINUTES = 24 * 60


def parse_share(text: str, least: float, most: float) -> float:
    """`70%`, or `0.7`.

    Raises:
        ValueError: anything else, shares out of range, and a bare `1`, which may mean either.
    """
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"is not a share; write it like {SHARES}")
    if not match[2] and match[1].isdigit() and int(match[1]):
        raise ValueError(f"may mean a share or percent; write {match[1]}% or {match[1]}.0")
    value = float(match[1]) / (100.0 if match[2] else 1.0)
    if not least <= value <= most:
        raise ValueError(f"is not from {_percent(least)} to {_percent(most)}")
    return value


def parse_band(text: str, most: float) -> Band:
    """`70%/30%`: out above the first, in below the second.

    Raises:
        ValueError: anything else.
    """
    out, slash, into = text.partition("/")
    if not slash:
        raise ValueError(f"is not two shares; write it like {BANDS}: out above, in below")
    return band(parse_share(out, 0.0, most), parse_share(into, 0.0, most))


def band(out: float, into: float) -> Band:
    """Both together.

    Raises:
        ValueError: there is no room between them.
    """
    if not 0.0 <= into < out:
        text = f"goes out above {_percent(out)} and in below {_percent(into)}"
        raise ValueError(f"{text}; let the first be the larger one")
    return Band(out, into)


def parse_redis(text: str) -> str:
    """`host:port`, or `host:port/number`, as `host:port/number`.

    Raises:
        ValueError: anything else; a password stands in no file.
    """
    match = _REDIS.fullmatch(text.strip().removeprefix("redis://"))
    port = match["port"] if match is not None else ""
    if match is None or (port.isdigit() and not 0 < int(port) < 65536):
        fix = f"write {REDIS_FORM}, without user and password: password_env names its variable"
        raise ValueError(f"is not the address of a Redis; {fix}")
    return f"{match['host']}:{port}/{int(match['number'] or 0)}"


def parse_plan(text: str) -> tuple[Planned, ...]:
    """`mon-fri 08:00-18:00 4; 20:00-22:00 6`: days, from, to, and how many at least.

    Raises:
        ValueError: anything else.
    """
    parts = [part.strip().lower() for part in text.split(";") if part.strip()]
    if not parts or len(parts) > PLANNED_MOST:
        raise ValueError(f"is no plan; write it like {PLANS}")
    return tuple(_planned(part) for part in parts)


def _planned(text: str) -> Planned:
    match = _PLANNED.fullmatch(text)
    if match is None:
        raise ValueError(f"is no plan; write it like {PLANS}")
    start, end, count = _minute(match["start"]), _minute(match["end"]), int(match["count"])
    if start == end or not 1 <= count <= INSTANCES_MOST:
        raise ValueError(f"has a part without time or instances; write it like {PLANS}")
    days = _days(match["days"]) if match["days"] else tuple(range(7))
    return Planned(Window(start, end, days), count)


def _minute(text: str) -> int:
    hour, minute = (int(part) for part in text.split(":"))
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise ValueError(f"has {text}, which is no time of day; write it like {PLANS}")
    return hour * 60 + minute


def _days(text: str) -> tuple[int, ...]:
    """`mon-fri`, `sat,sun`, `fri-mon`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in DAYS or last not in DAYS:
            raise ValueError(f"has '{part}', which is no day; write it like {PLANS}")
        begin, length = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7
        found |= {(begin + step) % 7 for step in range(length + 1)}
    return tuple(sorted(found))


def _percent(share: float) -> str:
    return f"{share * 100.0:g}%" if math.isfinite(share) else str(share)
