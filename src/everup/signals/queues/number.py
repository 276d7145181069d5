"""A text, or a field of JSON → a number of entries. Pure."""

from __future__ import annotations

import json
import math

from everup.model.errors import GiveUp
from everup.signals.probes.answer import excerpt

STEPS_MOST = 20
DIGITS_MOST = 40


def of_text(text: str) -> float:
    """`17`, as it stands alone.

    Raises:
        GiveUp: it is no number of entries.
    """
    text = text.strip()
    if len(text) > DIGITS_MOST:
        raise GiveUp(f"answers {excerpt(text)!r}, which is no number")
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    return _checked(value, text)


def of_json(body: bytes, path: str) -> float:
    """The field at `queues.0.waiting`: names and places, with dots between.

    Raises:
        GiveUp: it is no JSON, has no such field, or no number in it.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        said = excerpt(body.decode("utf-8", "replace"))
        raise GiveUp(f"answers {said!r}, which is no JSON") from None
    for step in path.split(".")[:STEPS_MOST]:
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            raise GiveUp(f"answers JSON without {excerpt(path)}: there is no {excerpt(step)!r}")
    if isinstance(found, str):
        return of_text(found)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise GiveUp(f"has at {excerpt(path)} no number")
    return _checked(float(found) if abs(found) < 1e15 else math.inf, str(found)[:DIGITS_MOST])


def _checked(value: float, said: str) -> float:
    if not (math.isfinite(value) and value >= 0.0):
        raise GiveUp(f"answers {excerpt(said)!r}, which is no number of entries")
    return value
