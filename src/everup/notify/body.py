"""A message as JSON and as variables, bounded. Called by the command and the webhook notifier."""

from __future__ import annotations

import json
from collections.abc import Sequence

from everup.model.notice import Message

TEXT_MOST = 4000
"""Even where every character takes twelve bytes of JSON, a message is smaller than a pipe."""
TITLE_MOST = 300
CUT = " … (cut; the whole case is in the incident)"


def fields(message: Message) -> dict[str, str | float | bool]:
    """The message by the names that people see, in the order in which they read."""
    text = message.text
    if len(text) > TEXT_MOST:
        text = text[: TEXT_MOST - len(CUT)] + CUT
    return {
        "key": message.key,
        "thread": message.thread,
        "occasion": message.occasion.value,
        "is_follow_up": message.is_follow_up,
        "stack": message.stack,
        "service": message.service,
        "title": message.title[:TITLE_MOST],
        "text": text,
        "at_s": message.at_s,
    }


def as_json(message: Message) -> bytes:
    """One JSON object in ASCII."""
    return json.dumps(fields(message), allow_nan=False).encode("ascii")


ALL = "all"
"""Title and text as one, for whoever knows of one text alone."""


def as_keys(message: Message, keys: Sequence[tuple[str, str]]) -> bytes:
    """One JSON object with these keys alone, for an address that wants a form of its own."""
    known = fields(message)
    known |= {ALL: f"{known['title']}\n{known['text']}".strip()}
    return json.dumps({key: known[what] for key, what in keys}, allow_nan=False).encode("ascii")


def as_variables(message: Message) -> dict[str, str]:
    """`EVERUP_` and each name in capitals. A NUL, which no variable can hold, is left out."""
    found = {}
    for name, value in fields(message).items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        found[f"EVERUP_{name.upper()}"] = text.encode("utf-8", "replace").decode().replace("\0", "")
    return found
