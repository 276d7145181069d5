"""Errors that nobody expected, in a look or a sampler: a flaw of ours, or of a plugin.

Flows in: the part that failed, with the error. Flows out: why nothing may be done while it lasts,
what `/health` and `/metrics` say, and at last an end: a process that fails in every look heals
nobody, and whoever started it should start it again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from everup.model.errors import EverupError

IN_A_ROW_MOST = 10
TEXT_LENGTH_MOST = 200
LOOK = "a look"

_log = logging.getLogger("everup.loop")


class TooManyMishaps(EverupError):
    """The same part has failed over and over; only a new process can help."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """The latest failure of one part. `stops_acting`: what it leaves unknown is needed to act."""

    text: str
    at_s: float
    in_a_row: int
    stops_acting: bool


class Mishaps:
    """One entry per part; forgotten when the part works again, or after `lasts_s` without another.

    `total` counts for ever, per part. `heard` is told of each, for whoever must not overlook one.
    """

    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self._now: dict[str, Mishap] = {}
        self.total: Counter[str] = Counter()
        self.heard: Callable[[str], None] = lambda _: None

    def happened(
        self, part: str, error: Exception, now_s: float, *, stops_acting: bool, can_end: bool = True
    ) -> Mishap:
        """Keep it and log it.

        Raises:
            TooManyMishaps: it was the `IN_A_ROW_MOST`th in a row, and `can_end`.
        """
        before = self._now.get(part)
        is_row = before is not None and now_s - before.at_s <= self._lasts_s
        count = before.in_a_row + 1 if before is not None and is_row else 1
        text = f"{part} failed: {type(error).__name__}: {error}"[:TEXT_LENGTH_MOST]
        mishap = Mishap(text, now_s, count, stops_acting)
        self._now[part] = mishap
        self.total[part] += 1
        self.heard(text)
        _log.error("%s (%d in a row)", text, count, exc_info=error)
        if can_end and count >= IN_A_ROW_MOST:
            raise TooManyMishaps(f"{count} times in a row, {text}") from error
        return mishap

    def over(self, part: str) -> bool:
        """It works; True when it had not."""
        return self._now.pop(part, None) is not None

    def present(self, now_s: float) -> list[Mishap]:
        """What fails now."""
        return [m for m in self._now.values() if now_s - m.at_s <= self._lasts_s]

    def is_present(self, part: str, now_s: float) -> bool:
        """Does this part fail now?"""
        known = self._now.get(part)
        return known is not None and now_s - known.at_s <= self._lasts_s

    def why_not_act(self, now_s: float) -> str:
        """The first that stops us; "" when none does."""
        return next((m.text for m in self.present(now_s) if m.stops_acting), "")
