"""How far memory leaps before anybody can raise its limit: `Bursts`. Pure.

Flows in: what is used, what was the most and the least of it before, the peak. Flows out: what a
limit must cover for that reason. Called by `usage` at each sight; how high the next one may be is
for `heights` to say.

A *rise* begins where use exceeds everything of the lookahead by a step within one reaction (the
time until a new limit holds), and goes on as long as it steps. Both the steps and the whole rise
are learned: the next sight lies no more than a step above this one, and no more than a whole rise
above the level from which it leapt; the lower of the two is what must be covered. So what rises
slowly is followed, and only what is there at once needs its room beforehand. Getting back to where
it was, after a fall below the calm level as with a restart, is no rise.
Fails: a leap of a kind that was never seen comes without warning; the margin above the peak is all
that stands against it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.auto_scaler.heights import Heights

STEP_SHARE = 0.02
"""Of the peak: slower growth than that within one reaction is followed, not feared."""
BACK_SHARE = 0.1
"""Of the way up: what fell below that is back at its calm level."""
FALL_SHARE = 0.85
"""Of the calm level: below that it begins anew."""


@dataclass(frozen=True, slots=True)
class Past:
    """The most and the least of the lookahead without its last reaction; bytes, NaN: not seen."""

    most: float = math.nan
    least: float = math.nan


@dataclass(slots=True)
class Bursts:
    """`half_life_s`: of the memory of heights, in seconds of sight. `stays_s`: a level that is held
    for so long is no burst any more, but the level."""

    half_life_s: float
    stays_s: float
    rises: Heights = field(init=False)
    steps: Heights = field(init=False)
    step: float = 0.0  # by which it still rises now, 0: it does not
    start: float = math.nan  # of the rise that goes on, or was the last
    calm: float = math.nan  # the level before, while it is still above
    top: float = math.nan
    until_s: float = math.nan
    regains: float = math.nan  # the level that it fell from, until it is back there
    regains_until_s: float = math.nan

    def __post_init__(self) -> None:
        self.rises, self.steps = Heights(self.half_life_s), Heights(self.half_life_s)

    @property
    def is_above(self) -> bool:
        """Is it above the level from which it leapt?"""
        return self.calm == self.calm

    def is_usual(self, value: float, peak: float) -> bool:
        """Is it within a rise that is as it must be reckoned with?"""
        return self.is_above and value <= self.calm + self.rises.room(peak)

    def begin_anew(self, at_s: float, level: float) -> None:
        """Nobody looked for a while: getting back up to `level` is no rise."""
        self.calm, self.step = math.nan, 0.0
        self.regains, self.regains_until_s = level, at_s + self.stays_s

    def observe(self, at_s: float, value: float, past: Past, peak: float) -> None:
        """Take in one sight. Bytes; unknown amounts are NaN."""
        is_above = self.is_above
        if is_above and (
            at_s > self.until_s or value < self.calm + BACK_SHARE * (self.top - self.calm)
        ):
            past = Past(past.most, min(past.least, self.calm))
            self.calm, is_above = math.nan, False
        before = self._before(at_s, value, past)
        step = value - before
        is_step = step >= STEP_SHARE * peak > 0.0
        if is_step and self.step <= 0.0:
            self.start = before
            if not is_above:
                self.calm, self.until_s, self.top = before, at_s + self.stays_s, value
        self.step = step if is_step else 0.0
        if is_step:
            self.top = max(self.top, value)
            self.rises.see(value - self.start)
            self.steps.see(step)

    def _before(self, at_s: float, value: float, past: Past) -> float:
        """What a rise must exceed: also the level from which it fell and to which it gets back."""
        if value < FALL_SHARE * past.least:
            self.regains, self.regains_until_s = past.most, at_s + self.stays_s
        elif value >= self.regains or at_s > self.regains_until_s:
            self.regains = math.nan
        return max(past.most, self.regains) if self.regains == self.regains else past.most

    def close(self, seen_s: float) -> None:
        """A block of a window is over; `seen_s`: how long was watched until now."""
        self.rises.close(seen_s)
        self.steps.close(seen_s)

    def wanted(self, value: float, peak: float) -> float:
        """Bytes below which the next sight may pass a limit."""
        rise = self.rises.room(peak)
        step = (
            self.steps.room(peak) if rise < math.inf else rise
        )  # the whole of it may come at once
        if self.step <= 0.0:
            return (self.calm if self.is_above else value) + min(rise, step)
        height = value - self.start
        if height >= self.rises.pending and height > self.rises.highest:
            rise = max(rise, height + self.step)  # nobody knows where this one ends
        wanted = min(self.start + rise, value + step)
        return max(wanted, self.calm + min(rise, step)) if self.is_above else wanted

    def pack(self) -> dict[str, object]:
        """Plain values, for JSON; a rise that goes on is not kept."""
        return {"rises": self.rises.pack(), "steps": self.steps.pack()}

    def unpack(self, packed: Mapping[str, object]) -> None:
        """Takes in what `pack` gave; whatever is not that is left out."""
        for name in ("rises", "steps"):
            part = packed.get(name)
            if isinstance(part, Mapping):
                getattr(self, name).unpack(part)
