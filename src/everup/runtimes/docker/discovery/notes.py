"""Sentences for people: what was understood from where, and what could not be. Pure.

Every file of discovery adds to a list of notes; whoever shows them decides how.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

VALUE_LENGTH_MOST = 60
_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]*@", re.IGNORECASE)
_SECRET = re.compile(r"pass|secret|token|api_?key|credential|authorization", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Note:
    """One remark. `about` is a service, a container, a file or "" for the whole project.

    `is_mistake`: somebody wrote what cannot be understood, and `fix` says what would be.
    `holds_back`: because of it Everup does less than its mode says.
    """

    about: str
    text: str
    fix: str = ""
    is_mistake: bool = False
    holds_back: bool = False

    def __str__(self) -> str:
        start = f"{self.about}: " if self.about else ""
        return f"{start}{self.text}" + (f"; {self.fix}" if self.fix else "")


def shown(value: str) -> str:
    """A value as a person may see it: quoted, short, without what could be a secret."""
    if _SECRET.search(value):
        return "'…' (not shown: it may be a secret)"
    value = _CREDENTIALS.sub(r"\1•••@", value)
    if len(value) > VALUE_LENGTH_MOST:
        value = value[: VALUE_LENGTH_MOST - 1] + "…"
    return repr(value)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.7) -> str:
    """The known word that was probably meant; "" when none is near."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=cutoff)
    return near[0] if near else ""
