"""What kinds of action and causes are called where a person reads. Pure text.

The journal and the API keep the terms (`container_restart`, `crash_loop`); messages, the demo and
the command line say these words instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from everup.model.kinds import ActionKind, Cause

NAMES: Mapping[str, str] = {
    "graceful_restart": "graceful restart",
    "container_restart": "restart",
    "recreate": "fresh copy",
    "emergency_rollback": "rollback",
    "dependency_recovery": "reconnecting",
}
"""What an action is called in a sentence; the others by their own name."""

STARTS_WHAT_IS_DOWN = frozenset({"graceful_restart", "container_restart", "dependency_recovery"})

_TERMS: Mapping[str, str] = {
    **{term: term.replace("_", " ") for term in (*ActionKind, *Cause) if "_" in term},
    **NAMES,
}
_TERM = re.compile(rf"\b({'|'.join(_TERMS)})\b")


def named(kind: str, *, is_down: bool = False) -> str:
    """What an action is called: `graceful restart`; of a service that is down, `start`."""
    if is_down and kind in STARTS_WHAT_IS_DOWN:
        return "start"
    return NAMES.get(kind, kind.replace("_", " "))


def plain(sentence: str) -> str:
    """A sentence of Everup's with plain words for the terms in it."""
    return _TERM.sub(lambda found: _TERMS[found[1]], sentence)
