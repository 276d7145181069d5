"""What lowers a score a little, within a bound: slower than usual, nearly used up. Pure.

Flows in: one instance, what is usual of it at this hour, how pressed the machine is. Flows out:
badness 0-1 with words. Called by `score`. None of it, nor all of it together, takes a service that
answers its probe below the score under which something is done about it: see `score`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from everup.model.kinds import Cause, is_known
from everup.model.levels import level
from everup.model.observation import InstanceObservation

UNUSUAL_FROM, UNUSUAL_TO = 4.0, 12.0
"""Deviations from the usual logarithm: nothing below the first, all from the second on."""
SPREAD_LEAST = 0.18
"""A latency is taken to vary by a fifth at least: from twice the usual on something is said."""
HARMLESS_SHARE, FELT_SHARE = 0.01, 0.1
"""Of the probe's time-out: what is shorter is harmless however unusual, what is longer is felt."""

USED_UP: tuple[tuple[str, Cause, float], ...] = (
    ("disk", Cause.DISK_FILLING, 0.95),
    ("descriptors", Cause.DESCRIPTOR_LEAK, 0.85),
    ("connections", Cause.CONNECTIONS_FULL, 0.85),
    ("queue", Cause.QUEUE_FULL, 0.5),
)
"""The name of a contribution, what it is about, and the share of its limit that is comfortable."""
THROTTLED_FROM = 0.25
"""Of the time held back by its own limit of processors."""


class Habit(NamedTuple):
    """What is usual of one service at this hour: `value` in seconds, `spread` of its logarithm,
    `learned_from` so many samples."""

    value: float
    spread: float
    learned_from: float


class Wear(NamedTuple):
    """One thing that is worn: how bad, 0-1, and in words."""

    signal: str
    value: float
    badness: float
    text: str


def unusual(latency_s: float, habit: Habit | None, timeout_s: float, pressed: float) -> Wear:
    """Slower than it usually is at this hour. `pressed` 0-1: what a busy machine explains."""
    if habit is None or not (latency_s > 0.0 and is_known(habit.value) and habit.spread > 0.0):
        return Wear("usual_response_time", latency_s, 0.0, "")
    floor_s = 1e-3
    away = math.log((latency_s + floor_s) / (habit.value + floor_s))
    deviations = away / max(SPREAD_LEAST, habit.spread)
    how_far = _ramp(deviations, UNUSUAL_FROM, UNUSUAL_TO)
    is_felt = _ramp(latency_s / timeout_s, HARMLESS_SHARE, FELT_SHARE)
    badness = how_far * is_felt * (1.0 - pressed)
    text = f"answers take {_spoken(latency_s)}, at this hour usually {_spoken(habit.value)}"
    return Wear("usual_response_time", latency_s, badness, text)


def used_up(one: InstanceObservation) -> Wear | None:
    """What is nearest to its end; None where nothing of the kind is known."""
    found: list[Wear] = []
    for name, cause, comfort in USED_UP:
        share = level(cause, one)
        if is_known(share):
            text = f"{share:.0%} of its limit"
            found.append(Wear(name, share, _ramp(share, comfort, 1.0), text))
    if one.throttled_ratio >= 0.0:
        text = (
            f"held back by its processor limit for {min(1.0, one.throttled_ratio):.0%} of the time"
        )
        badness = _ramp(one.throttled_ratio, THROTTLED_FROM, 1.0)
        found.append(Wear("throttled", one.throttled_ratio, badness, text))
    return max(found, key=lambda wear: wear.badness, default=None)


def pressed_share(pressure_ratio: float, most: float) -> float:
    """How much of a slowness the machine explains, 0-1; nothing where nobody knows."""
    return min(1.0, max(0.0, pressure_ratio / most)) if is_known(pressure_ratio) else 0.0


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _spoken(seconds: float) -> str:
    return f"{1000.0 * seconds:.0f} ms" if seconds < 1.0 else f"{seconds:.2f} s"
