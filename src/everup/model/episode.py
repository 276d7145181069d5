"""How an episode of trouble ended, and what hindsight says of the action that was only proposed.

Written by `loop.episodes` into the journal; read by `automated_recovery` (how long does this
usually take to end by itself), by explanations and by the report.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN, ActionKind


class Ending(StrEnum):
    """How an episode ended. Only `by_itself` is a natural end: nobody is known to have acted."""

    BY_ITSELF = "by_itself"
    HEALED = "healed"  # by an action of Everup's own, verified
    BY_A_PERSON = "by_a_person"
    ESCALATED = "escalated"
    VICTIM = "victim"  # another service explained it
    WISH = "wish"  # it was stopped on purpose
    CHANGE = "change"  # somebody was changing it when it began
    UNDECLARED = "undeclared"
    UNCLEAR = "unclear"  # well again, but no action was proven to be the reason


class Hindsight(StrEnum):
    """Would what was proposed have been good? `none`: nothing was proposed and left undone."""

    NONE = "none"
    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WouldDo:
    """An action that the mode alone kept from being done."""

    key: str
    kind: ActionKind
    at_s: float


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest of the values that at least this share does not exceed; NaN of
    none. It is always a value that was seen, so a person can find it again."""
    if not values:
        return UNKNOWN
    rank = max(1, math.ceil(share * len(values) - 1e-9))
    return sorted(values)[min(rank, len(values)) - 1]
