"""More of them, or larger ones: `arbitrate(...) -> Ruling`, never both in one look. Pure.

Flows in: what may be changed of a service, how many instances more or fewer demand asks for, what
`vertical` advises for one, and when each was last changed. Flows out: the one change that is made
now, or that it holds, with the reason. Called by the loop after both have spoken; the gate has the
last word.

1. Memory is short: size, whatever else is wished, and never count; nothing holds it back. A wish
   for instances that memory alone gives rise to is left out.
2. Demand is short of instances, or of processors: count where it can, else size.
3. Fewer or smaller only while nothing is short, fewer before smaller, and only where the other axis
   was still for a window: what a change does is seen before the next one is chosen.

Processors belong to one axis alone: where count can follow demand, their size is left, so that the
two never chase each other: smaller instances call for more of them, more of them for smaller ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from everup.auto_scaler.advice import SizeAdvice
from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN, is_known
from everup.model.settings import Settings


class Trigger(StrEnum):
    """What more or fewer instances are wished for."""

    THROUGHPUT = "throughput"  # answers, queue, forecast
    CPU = "cpu"
    MEMORY = "memory"  # of each instance: another number is no answer to it


class Part(StrEnum):
    """What is changed: how many there are, or one limit of each."""

    NONE = "none"
    COUNT = "count"
    MEMORY = "memory"
    CPUS = "cpus"


@dataclass(frozen=True, slots=True)
class Wish:
    """`axis`: what may be changed; of what is stateful it is size. `delta`: instances more or fewer
    that demand calls for, 0: none, or nothing known. Times of the last change are NaN where there
    was none. `advice` None: nothing is known of what one instance uses."""

    axis: Axis
    delta: int = 0
    trigger: Trigger = Trigger.THROUGHPUT
    advice: SizeAdvice | None = None
    count_changed_s: float = UNKNOWN
    memory_changed_s: float = UNKNOWN
    cpus_changed_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is changed now: `delta` instances, or one limit of each to that of the advice.
    `held`: which wish waits; `until_s`: for how long, NaN: for no time that is known."""

    part: Part
    delta: int
    reason: str
    held: Part = Part.NONE
    until_s: float = UNKNOWN

    @property
    def axis(self) -> Axis:
        """The axis that acts."""
        if self.part is Part.COUNT:
            return Axis.COUNT
        return Axis.NONE if self.part is Part.NONE else Axis.SIZE


def arbitrate(wish: Wish, now_s: float, settings: Settings) -> Ruling:
    """The first of the rules that has something to do."""
    has_count = wish.axis in {Axis.COUNT, Axis.BOTH}
    advice = wish.advice if wish.axis in {Axis.SIZE, Axis.BOTH} else None
    memory = 0 if advice is None else advice.memory_sign
    cpus = 0 if advice is None or has_count else advice.cpu_sign
    delta = wish.delta if has_count and wish.trigger is not Trigger.MEMORY else 0
    if wish.advice is not None and wish.advice.is_memory_short:
        if memory > 0:
            return Ruling(Part.MEMORY, 0, "memory is short, and only size helps against that")
        delta = max(0, delta)  # fewer would each need more
        if not delta and cpus <= 0:
            text = "memory is short, and its size may not be changed"
            return Ruling(Part.NONE, 0, text, held=Part.MEMORY)
    if delta > 0:
        return _unless_held(
            Part.COUNT, delta, "more is asked than they bear", wish, now_s, settings
        )
    if memory > 0:
        return Ruling(Part.MEMORY, 0, "its memory limit must cover more")
    if cpus > 0:
        return _unless_held(Part.CPUS, 0, "its processors are used up", wish, now_s, settings)
    if delta < 0:
        return _unless_held(Part.COUNT, delta, "fewer bear what is asked", wish, now_s, settings)
    if memory < 0:
        return _unless_held(Part.MEMORY, 0, "it uses less memory", wish, now_s, settings)
    if cpus < 0:
        return _unless_held(Part.CPUS, 0, "it uses less of its processors", wish, now_s, settings)
    return Ruling(Part.NONE, 0, "nothing is asked for")


def _unless_held(
    part: Part, delta: int, why: str, wish: Wish, now_s: float, settings: Settings
) -> Ruling:
    """A change on one axis holds the other. A memory limit that was raised says nothing of how many
    are needed: it holds back fewer of them, and never more."""
    others: tuple[float, ...] = (wish.count_changed_s,)
    if part is Part.COUNT:
        others = (wish.cpus_changed_s, wish.memory_changed_s)[: 1 if delta > 0 else 2]
    known = [at_s for at_s in others if is_known(at_s)]
    until_s = max(known, default=-math.inf) + still_s(settings)
    if now_s < until_s:
        other = "size" if part is Part.COUNT else "number"
        text = f"{why}; its {other} was changed a short time ago"
        return Ruling(Part.NONE, 0, text, held=part, until_s=until_s)
    return Ruling(part, delta, why)


def still_s(settings: Settings) -> float:
    """How long a change on one axis holds the other, as long as Kubernetes waits to scale in."""
    return settings.scale_down_window_s
