"""Breakers on the terminal: which are open, why and until when; and a person's word that one is
well.

Flows in: bodies of `GET /dependencies/breakers`. Flows out: a table, or one of them in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from everup.cli import client
from everup.cli.exits import OK, USAGE, Stop
from everup.cli.place import Place
from everup.cli.show import moment, put_json, put_table, put_text

PATH = "/dependencies/breakers"


def put_breakers(place: Place) -> int:
    """All of them."""
    found = client.get(place, PATH)
    if place.is_json:
        put_json(found)
        return OK
    if not found["breakers"]:
        put_text("No dependency is critical, so there are no breakers: see docs/breakers.md.")
        return OK
    put_table(
        "Breakers",
        ("service", "needs", "state", "since", "until", "openings", "window", "why"),
        [_row(one) for one in found["breakers"]],
    )
    return OK


def close(place: Place, service: str, target: str, reason: str) -> int:
    """It is well, says a person."""
    path = f"{PATH}/{quote(service, safe='')}/{quote(target, safe='')}/close"
    found = client.change(place, "POST", path, reason=reason)
    if place.is_json:
        put_json(found)
    else:
        put_text(f"The breaker on what {service} needs of {target} is {found['state']}.")
    return OK


def both(service: str | None, target: str | None) -> tuple[str, str]:
    """The edge that is named.

    Raises:
        Stop: it is not whole.
    """
    if not service or not target:
        raise Stop(USAGE, "--close wants two names: everup breakers --close SERVICE TARGET")
    return service, target


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    counts = f"{one['passed']} passed, {one['failed']} failed"
    if one["slow"]:
        counts += f", {one['slow']} slow"
    why = one["reason"]
    if one["is_enforced"]:
        why += "; the router turns its traffic away"
    elif one["not_enforced"]:
        why += f"; not turned away by the router: {one['not_enforced']}"
    return (
        one["service"],
        one["target"],
        one["state"],
        moment(one["since_s"]),
        moment(one["until_s"]),
        one["openings"],
        counts,
        why,
    )
