"""The plain rules: how many instances the bands of CPU, answer time and queue ask for. Pure.

Flows in: a Reading of one moment, bands, targets, how many instances there are. Flows out: a
PlainWish, and by `step` what remains of it after the window for less and the limits for more.
Called by `loop` while capacity is not known yet; later these stay as alarms that add at once.

The formula is that of the Kubernetes horizontal autoscaler (autoscaling/v2): value over target,
nothing within a tolerance, the largest of all triggers wins, instances that start are counted as
idle where more would be asked for, and while a value is missing nothing goes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from everup.auto_scaler.rules import Rule
from everup.model.kinds import UNKNOWN, is_known
from everup.model.sizing import Band

NEARLY = 1e-9  # what a quotient may be above a whole number by rounding alone
CALM_SHARE = 0.5
"""Of the targets of answer time and queue, for which no lower band is declared: over this there is
no going in."""
KEPT_MOST = 512


@dataclass(frozen=True, slots=True)
class Targets:
    """Of one instance; NaN: none, and then that trigger does not exist."""

    latency_s: float = UNKNOWN
    queue_per_instance: float = UNKNOWN


NO_TARGETS = Targets()


@dataclass(frozen=True, slots=True)
class Reading:
    """Means over the instances that are ready; NaN: unknown."""

    cpu_ratio_of_limit: float = UNKNOWN
    memory_ratio: float = UNKNOWN  # of the one that uses most
    latency_s: float = UNKNOWN
    queue_per_instance: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class PlainWish:
    """`trigger`: "cpu", "latency", "queue", or "" where all is within the bands. `wants_size`: its
    memory asks for larger instances, which no number of them answers. `missing`: triggers that
    should be known and are not."""

    wanted: int
    trigger: str
    text: str
    wants_size: bool = False
    missing: tuple[str, ...] = ()


NO_WISH = PlainWish(0, "", "")


@dataclass(frozen=True, slots=True)
class _Trigger:
    name: str
    value: float
    out: float
    into: float
    text: str


def plain(
    reading: Reading,
    rule: Rule,
    targets: Targets,
    instances: int,
    ready: int,
    tolerance: float = 0.10,
) -> PlainWish:
    """`instances`: that there are, those that start included; `ready`: those that take work."""
    memory = rule.memory
    wants_size = memory is not None and reading.memory_ratio > memory.out
    triggers = _triggers(reading, rule, targets)
    missing = tuple(one.name for one in triggers if not is_known(one.value))
    if memory is not None and not is_known(reading.memory_ratio):
        missing += ("memory",)
    known = [one for one in triggers if is_known(one.value)]
    if instances <= 0 or ready <= 0 or not known:
        text = "nothing takes work" if ready <= 0 else "nothing is known of its use"
        return PlainWish(instances, "", f"{text}: as it is", wants_size, missing)
    first = max(known, key=lambda one: _asked(one, instances, ready, tolerance))
    wanted = _asked(first, instances, ready, tolerance)
    if wanted > instances:
        text = f"{first.text} over {_number(first, first.out)}: {wanted} instances"
        return PlainWish(wanted, first.name, text, wants_size, missing)
    held = _why_no_fewer(known, missing, memory, reading) if wanted < instances else ""
    if wanted == instances or held:
        text = held or f"{first.text} is near {_number(first, first.out)}: as it is"
        return PlainWish(instances, "", text, wants_size, missing)
    text = f"{first.text} under {_number(first, first.into)}: {wanted} instances"
    return PlainWish(wanted, first.name, text, wants_size, missing)


def _triggers(reading: Reading, rule: Rule, targets: Targets) -> list[_Trigger]:
    cpu = reading.cpu_ratio_of_limit
    found = [_Trigger("cpu", cpu, rule.cpu.out, rule.cpu.into, f"CPU at {cpu:.0%}")]
    if is_known(targets.latency_s):
        value, most = reading.latency_s, targets.latency_s
        text = f"answers take {value:.3g} s"
        found.append(_Trigger("latency", value, most, most * CALM_SHARE, text))
    if is_known(targets.queue_per_instance):
        value, most = reading.queue_per_instance, targets.queue_per_instance
        text = f"{value:.3g} entries wait for each instance"
        found.append(_Trigger("queue", value, most, most * CALM_SHARE, text))
    return found


def _asked(one: _Trigger, instances: int, ready: int, tolerance: float) -> int:
    """What this trigger alone asks for, at least one instance."""
    ratio = one.value / one.out
    starting = max(0, instances - ready)
    if not starting or ratio <= 1:
        if abs(1 - ratio) <= tolerance:
            return instances
        return max(1, math.ceil(ratio * ready - NEARLY))
    spread = ratio * ready / instances
    if spread <= 1 + tolerance:
        return instances
    return max(instances, math.ceil(spread * instances - NEARLY))


def _why_no_fewer(
    known: list[_Trigger], missing: tuple[str, ...], memory: Band | None, reading: Reading
) -> str:
    """ "" when fewer may be asked for."""
    if missing:
        return f"nothing goes while {' and '.join(missing)} cannot be seen"
    if memory is not None and reading.memory_ratio >= memory.into:
        return f"nothing goes: memory at {reading.memory_ratio:.0%} is not under {memory.into:.0%}"
    for one in known:
        if one.value >= one.into:
            return f"nothing goes: {one.text}, not under {_number(one, one.into)}"
    return ""


def _number(one: _Trigger, value: float) -> str:
    if one.name == "cpu":
        return f"{value:.0%}"
    return f"{value:.3g} s" if one.name == "latency" else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How fast a count may change; durations in seconds, from `settings.scale_*`."""

    down_window_s: float = 300.0
    up_interval_s: float = 15.0
    up_most_ratio: float = 2.0
    up_most_count: int = 4


@dataclass(frozen=True, slots=True)
class Stabiliser:
    """Wishes of the window, each with its time, and only those that a later one does not exceed;
    how many instances there were at the beginning of the interval of growth."""

    wishes: tuple[tuple[float, int], ...] = ()
    grown_from: int = 0
    grown_at_s: float = -math.inf


@dataclass(frozen=True, slots=True)
class Steadied:
    """What is left of a wish. `capped_by`: "down window", "up limit" or ""."""

    wanted: int
    capped_by: str
    state: Stabiliser


def step(state: Stabiliser, wanted: int, instances: int, at_s: float, limits: Limits) -> Steadied:
    """The highest wish of the window wins where less is asked for; more comes by no more than the
    larger of the ratio and the count in an interval, counted from its beginning."""
    kept = [(when, wish) for when, wish in state.wishes if wish > wanted]
    kept = [one for one in kept if one[0] > at_s - limits.down_window_s]
    kept = [*kept, (at_s, wanted)][-KEPT_MOST:]
    state = replace(state, wishes=tuple(kept))
    if wanted <= instances:
        after = min(instances, kept[0][1])
        return Steadied(after, "down window" if after > wanted else "", state)
    if at_s - state.grown_at_s >= limits.up_interval_s:
        state = replace(state, grown_from=instances, grown_at_s=at_s)
    start = min(state.grown_from, instances)
    most = max(math.floor(start * limits.up_most_ratio), start + limits.up_most_count)
    after = max(instances, min(wanted, most))
    return Steadied(after, "up limit" if after < wanted else "", state)
