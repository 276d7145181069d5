"""Windows of the day: `maintenance:` and `quiet_hours:`, as `config.maintenance` reads them."""

from __future__ import annotations

from everup.config.maintenance import DAYS_IN_FULL, WINDOWS_MOST
from everup.config.schema.parts import Part, any_case, block, described, some, text

_TIME = r"^\s*(([01]?[0-9]|2[0-3]):[0-5][0-9]|24:00)\s*$"


def maintenance() -> Part:
    """At the top of the file."""
    return described(
        _windows(for_one=False),
        "Times in which Everup leaves services alone.",
        [{"days": ["sat", "sun"], "from": "22:00", "to": "04:00"}],
    )


def quiet_hours(*, for_one: bool) -> Part:
    """At the top of the file, or under one service."""
    return described(
        _windows(for_one=for_one),
        "Times in which a restart hurts nobody much: what is foretold to fail may be restarted "
        "gracefully then, even with one instance.",
        [{"from": "02:00", "to": "05:00"}],
    )


def window_fields() -> dict[str, Part]:
    """Days, from and to."""
    days = "|".join(_abbreviated(day) for day in DAYS_IN_FULL)
    return {
        "days": described(
            some({"type": "string", "pattern": f"^({days})$"}),
            "Days on which it begins; every day without.",
            ["sat", "sun"],
        ),
        "from": described({"type": "string", "pattern": _TIME}, "Local time, in quotes.", "22:00"),
        "to": described(
            {"type": "string", "pattern": _TIME},
            "Local time, in quotes; before `from` it is on the next day.",
            "04:00",
        ),
    }


def _windows(*, for_one: bool) -> Part:
    fields = window_fields()
    if not for_one:
        fields["services"] = described(
            some(text()), "Only for these services; the whole stack without.", ["api"]
        )
    window = block(fields, required=("from", "to"))
    return {**window, "type": ["object", "array"], "items": window, "maxItems": WINDOWS_MOST}


def _abbreviated(day: str) -> str:
    """mon, mond, … monday: three letters or more."""
    tail = ""
    for letter in reversed(day[3:]):
        tail = f"({any_case(letter)}{tail})?"
    return any_case(day[:3]) + tail
