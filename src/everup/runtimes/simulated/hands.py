"""How well the world's actuators work at a moment: slow, failing, half-done, or never returning.

Set by a fault plan as windows of time; asked once for each call. By default a call works and takes
a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Mood(StrEnum):
    """What becomes of one call."""

    WORKS = "works"
    SLOW = "slow"  # works, after seconds to minutes
    TRY_AGAIN = "try_again"  # nothing done, raises TryAgain
    GIVE_UP = "give_up"  # nothing done, raises GiveUp
    HALF = "half"  # stops but does not start, raises TryAgain
    SILENT_HALF = "silent_half"  # stops but does not start, and says nothing
    DONE_BUT_RAISES = "done_but_raises"
    DONE_BUT_SILENT = "done_but_silent"  # does it and never returns
    NEVER = "never"  # does nothing and never returns


@dataclass(frozen=True, slots=True)
class Handling:
    """One mood for calls on one service ("" = any) for a while, by the loop's time."""

    mood: Mood
    from_t: float
    to_t: float
    service: str = ""
    delay_s: float = 0.0


class Hands:
    """`handling` answers with the first window that fits."""

    def __init__(self, random: Random) -> None:
        self.windows: list[Handling] = []
        self.usual_s = (0.05, 1.0)  # how long a call that works takes to begin
        self.orphans_finished = 0.5  # share of calls that go on after their caller has left
        self._random = random

    def handling(self, service: str, t: float) -> Handling:
        """How a call on this service fares now. Never raises."""
        for window in self.windows:
            if window.from_t <= t < window.to_t and window.service in ("", service):
                return window
        return Handling(Mood.WORKS, t, t, service, self._random.uniform(*self.usual_s))

    def outlives_caller(self) -> bool:
        """Whether the engine finishes what its caller no longer waits for."""
        return self._random.random() < self.orphans_finished

    def heal(self) -> None:
        """From now on every call works."""
        self.windows.clear()
