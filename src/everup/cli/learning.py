"""Models on the terminal: who serves, how good it proved, when the next one is trained.

Flows in: bodies of `GET /models`. Flows out: a table for each craft, and what a person should know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.cli import client
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.cli.show import moment, put_json, put_table, put_text
from everup.model.learned import Craft

PATH = "/models"
COLUMNS = ("version", "stands", "trained", "rows", "on unseen time", "who served then", "why")


def named(craft: str | None, option: str) -> Craft:
    """The craft that is meant.

    Raises:
        Stop: none is named, or there is none of this name.
    """
    if craft is None:
        raise Stop(USAGE, f"{option} wants to know what for: everup models anomaly {option}")
    try:
        return Craft(craft)
    except ValueError:
        known = ", ".join(Craft)
        raise Stop(USAGE, f"there is no model of {craft!r}; there are {known}") from None


def put_models(place: Place, craft: str | None) -> int:
    """All of them, or of one craft; 1 where one that should serve does not."""
    only = None if craft is None else named(craft, "")
    found = client.get(place, PATH)
    shown = [one for one in found["crafts"] if only in (None, one["craft"])]
    if place.is_json:
        put_json({**found, "crafts": shown})
    else:
        for one in shown:
            _put(one)
        if found["why_not"]:
            put_text(f"Nothing is trained here: {found['why_not']}")
    return UNWELL if any(one["fault"] for one in shown) else OK


def train(place: Place, craft: Craft) -> int:
    """Order it."""
    found = client.change(place, "POST", f"{PATH}/{craft}/train")
    if place.is_json:
        put_json(found)
    else:
        put_text(f"A model of {craft} is being trained; everup models shows what comes of it.")
    return OK


def give_back(place: Place, craft: Craft, version: str, reason: str) -> int:
    """Have the one before serve, or this version."""
    found = client.change(place, "POST", f"{PATH}/{craft}/return", reason=reason, version=version)
    if place.is_json:
        put_json(found)
        return OK
    serving = found["serving"]
    put_text(f"{serving} serves {craft} now." if serving else f"No model serves {craft} now.")
    return OK


def _put(one: Mapping[str, Any]) -> None:
    if one["models"]:
        put_table(f"Models of {one['craft']}", COLUMNS, [_row(model) for model in one["models"]])
    else:
        put_text(f"No model of {one['craft']} was trained yet.")
    if one["fault"]:
        put_text(f"None serves: {one['fault']}")
    if one["drift"]:
        put_text(f"It drifts: {one['drift']}")
    if one["is_training"]:
        put_text("One is being trained now.")
    elif one["due_s"] is not None:
        put_text(f"The next one is trained {moment(one['due_s'], with_day=True)}, or later.")
    if one["not_trained"]:
        at = moment(one["not_trained_at_s"], with_day=True)
        put_text(f"The latest attempt, {at}, gave none: {one['not_trained']}")


def _row(model: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        model["version"],
        model["standing"],
        moment(model["trained_at_s"], with_day=True),
        model["rows"],
        _scores(model["scores"]),
        _scores(model["champion_scores"]),
        model["reason"],
    )


def _scores(scores: Mapping[str, float | None]) -> str:
    known = [f"{name} {value:.3f}" for name, value in scores.items() if value is not None]
    return ", ".join(known) or "–"
