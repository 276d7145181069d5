"""The ground truth of what reached the world: every actuator call with what it met there.

Written by `operations` when a call arrives and when it ends; read by invariants, which trust
nothing else. Nothing of it is shown to a controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from everup.runtimes.simulated.hands import Mood
from everup.runtimes.simulated.instance import Truth


@dataclass(frozen=True, slots=True)
class Met:
    """One targeted instance as it really was when the call arrived."""

    truth: Truth
    lasted_s: float  # how long it had been so
    sickly_for_s: float  # how long something had been wrong with it; NaN: nothing is
    unwell_for_s: float  # how long it had not been well, its start-up included
    well_for_s: float  # how long nothing had been wrong with it; NaN: something is
    is_running: bool
    ran_s: float  # how long its process had run; NaN when it did not
    letter: str | None  # the kernel's letter of the process
    is_silent: bool  # it answers nobody
    started_period_s: float  # start-up that its owner grants, from `ran_s`


@dataclass(slots=True)
class Deed:
    """One actuator call. `life` is the controller that made it; `targets` whom it concerns."""

    number: int
    at_s: float
    life: int
    verb: str
    service: str
    instance: str | None
    grace_s: float
    may_kill: bool
    mood: Mood
    targets: Mapping[str, Met] = field(default_factory=dict)
    ended_at_s: float = float("nan")
    result: str = ""  # done | what was raised | given up
    killed: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Its effect on the world has ended."""
        return self.ended_at_s == self.ended_at_s


class Ledger:
    """All deeds in order; `listeners` hear of each before it has any effect, `ended` after."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []
        self.listeners: list[Callable[[Deed], None]] = []
        self.ended: list[Callable[[Deed], None]] = []

    def add(self, deed: Deed) -> None:
        """One more call has reached the world."""
        self.deeds.append(deed)
        for listener in self.listeners:
            listener(deed)

    def end(self, deed: Deed, now_s: float) -> None:
        """Its effect is over, whatever its caller was told."""
        if not deed.is_over:
            deed.ended_at_s = now_s
            for listener in self.ended:
                listener(deed)

    def under_way(self) -> list[Deed]:
        """Calls whose effects have not ended, oldest first."""
        return [d for d in self.deeds[-64:] if not d.is_over]
