"""`maintenance:` and `quiet_hours:` → windows of the day. Called by `document`.

In the first nothing is done by ourselves, in the second a restart on a prediction is welcome.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from everup.config.errors import did_you_mean
from everup.config.reading import Field, maybe, text
from everup.config.units import minute_of_day
from everup.model.window import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW_FIELDS = ("days", "from", "to", "services")
WINDOWS_MOST = 100
_WHAT = "windows with from and to"


def windows(
    field: Field, services: Collection[str], *, is_of_service: bool = False
) -> tuple[Window, ...]:
    """Every window that could be read; the others are problems. One that stands under a service
    names no services."""
    items = field.items(_WHAT) if field.node.kind != "mapping" else [field]
    if len(items) > WINDOWS_MOST:
        field.wrong(f"has more than {WINDOWS_MOST} windows", "join some of them")
        return ()
    fields = WINDOW_FIELDS[:-1] if is_of_service else WINDOW_FIELDS
    found = [_window(item, services, fields) for item in items]
    return tuple(each for each in found if each is not None)


def _window(field: Field, services: Collection[str], fields: tuple[str, ...]) -> Window | None:
    given = field.fields(fields, _WHAT)
    return window(field, given, services) if given else None


def window(field: Field, given: Mapping[str, Field], services: Collection[str]) -> Window | None:
    """Days, from and to of a block that may say more; `services` are those that it may name."""
    missing = [name for name in ("from", "to") if name not in given]
    if missing:
        field.wrong(f"has no {' and no '.join(missing)}", 'write from: "02:00" and to: "04:00"')
        return None
    start, end = maybe(given, "from", _minute), maybe(given, "to", _minute)
    days = maybe(given, "days", _days) or tuple(range(7))
    names = maybe(given, "services", _names) or ()
    for name in names:
        if name not in services:
            given["services"].wrong(
                f"names '{name}', which is not a service of this stack",
                did_you_mean(name, services),
                has_value=False,
            )
    if start is None or end is None:
        return None
    if start == end:
        field.wrong(
            "begins and ends at the same minute", 'for a whole day write "00:00" to "24:00"'
        )
        return None
    return Window(start, end, days, names)


def _minute(field: Field) -> int | None:
    line = text(field)
    if line is None:
        return None
    try:
        return minute_of_day(line)
    except ValueError as error:
        field.wrong(str(error))
        return None


def _days(field: Field) -> tuple[int, ...] | None:
    found: set[int] = set()
    for item in field.items("days, like [sat, sun]"):
        word = item.raw.lower()[:3]
        full = item.raw.lower()
        if word not in DAYS or not DAYS_IN_FULL[DAYS.index(word)].startswith(full):
            item.wrong("is not a day", did_you_mean(full, DAYS))
            return None
        found.add(DAYS.index(word))
    return tuple(sorted(found)) or None


def _names(field: Field) -> tuple[str, ...] | None:
    names = [text(item) for item in field.items("names of services")]
    return tuple(name for name in names if name is not None) or None


DAYS_IN_FULL = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
