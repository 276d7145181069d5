"""A clock that stands still until somebody sleeps by it, or moves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class StepClock:
    """Implements `loop.ports.Clock`: a sleep takes no time, and moves it."""

    at_s: float = 1000.0

    def now(self) -> float:
        return self.at_s

    def wall(self) -> float:
        return self.at_s

    async def sleep(self, seconds: float) -> None:
        self.at_s += seconds
