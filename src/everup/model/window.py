"""A stretch of each day, as its owner declares it for maintenance, quiet hours and known events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A daily window in local time, minutes since midnight; may wrap over midnight.

    `days` are 0 (Monday) to 6; `services` empty means the whole stack.
    """

    from_minute: int
    to_minute: int
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    services: tuple[str, ...] = ()

    def covers(self, minute: int, weekday: int, service: str) -> bool:
        """Is this minute of this weekday inside of the window, for this service?"""
        if self.services and service not in self.services:
            return False
        if self.from_minute <= self.to_minute:
            return weekday in self.days and self.from_minute <= minute < self.to_minute
        if minute >= self.from_minute:
            return weekday in self.days
        return minute < self.to_minute and (weekday - 1) % 7 in self.days
