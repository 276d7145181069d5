"""What a service costs, what its owner might change, what that saves and what it risks. Pure.

Flows in: a CostInput and prices. Flows out: its Cost (see `spend`), recommendations, the one that
saves most first, and a Compose file of them. Called by whoever shows scaling; nothing here is done
by itself: bounds and sizes are their owner's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from everup.auto_scaler.override import file_of
from everup.auto_scaler.sizes import mib
from everup.auto_scaler.spend import (
    HOURS_OF_A_MONTH,
    NO_SIZE,
    Cost,
    CostInput,
    Size,
    cost,
    money,
    price,
    quantile,
    reserved,
)
from everup.model.kinds import UNKNOWN, is_known
from everup.model.sizing import Prices

__all__ = [
    "Advice",
    "Cost",
    "CostInput",
    "Recommendation",
    "Size",
    "chance_of_shortage",
    "cost",
    "recommend",
    "recommended_override",
]

HEAD = "# What is recommended. Look it through, and lay it over your Compose files:"
NEEDS_LEAST = 24  # moments of a day, before anything is said of a number
SIZE_TOLERANCE = 0.10
IDLE_LEAST_S = 3600.0
DAYS_LEAST = 3.0
HOURS = 24
SCHEDULE_SAVES_LEAST = 0.2  # of the instance-hours
PEAK_IN_AN_HOUR = 1.25  # of its mean: what demand within an hour is taken to reach
SAFE_COUNT = 2


class Advice(StrEnum):
    """Kinds of recommendation. Names are part of the API: add, never rename."""

    FEWER = "fewer_instances"
    MORE = "more_instances"
    LEAST = "lower_least"
    HIGHER_LEAST = "higher_least"
    MOST = "higher_most"
    SMALLER = "smaller_limits"
    LARGER = "larger_limits"
    TWO = "at_least_two"
    SCHEDULE = "schedule"
    STOP = "stop_when_idle"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """`saving_per_month` is below zero where it costs. `chance`: of a shortage at any moment, by
    what the last day needed; NaN: nobody can say. `instances` 0 and NaN limits: as they are."""

    kind: Advice
    service: str
    text: str
    saving_per_month: float
    risk: str
    chance: float = UNKNOWN
    instances: int = 0
    limits: Size = NO_SIZE
    from_hour: int = 0  # of a schedule: so many instances from here to there, local time
    to_hour: int = 0
    instances_else: int = 0


def recommend(one: CostInput, prices: Prices) -> tuple[Recommendation, ...]:
    """What saves most comes first, what costs last."""
    found = [*_count(one, prices), *_bounds(one, prices), *_sizes(one, prices)]
    for more in (_two(one, prices), _schedule(one, prices), _stop(one, prices)):
        if more is not None:
            found.append(more)
    return tuple(sorted(found, key=lambda it: -it.saving_per_month))


def recommended_override(recommendations: Sequence[Recommendation]) -> str:
    """A Compose file of numbers and limits; "" where there is nothing to lay over. Of two numbers
    for one service the larger is written. Schedules and stopping have no place in such a file."""
    counts: dict[str, int] = {}
    sizes: dict[str, Size] = {}
    for it in recommendations:
        if it.kind in (Advice.FEWER, Advice.MORE, Advice.TWO):
            counts[it.service] = max(it.instances, counts.get(it.service, 0))
        elif it.kind in (Advice.SMALLER, Advice.LARGER):
            before = sizes.get(it.service, NO_SIZE)
            sizes[it.service] = Size(
                it.limits.cpus if is_known(it.limits.cpus) else before.cpus,
                it.limits.memory_bytes if is_known(it.limits.memory_bytes) else before.memory_bytes,
            )
    names = sorted({*counts, *sizes})
    return file_of(HEAD, [(name, _lines(counts.get(name), sizes.get(name))) for name in names])


def chance_of_shortage(needs: Sequence[float], instances: int) -> float:
    """Of a moment that needs more, by Laplace's rule of succession: what was never seen in n
    moments is still given a chance of one in n + 2."""
    known = [need for need in needs if math.isfinite(need)]
    if not known:
        return UNKNOWN
    return (sum(need > instances + 1e-9 for need in known) + 1) / (len(known) + 2)


def _lines(count: int | None, size: Size | None) -> list[str]:
    found = [] if count is None else [f"scale: {count}"]
    if size is not None and math.isfinite(size.memory_bytes):
        found.append(f"mem_limit: {math.ceil(size.memory_bytes)}b")
    if size is not None and math.isfinite(size.cpus):
        found.append(f"cpus: {size.cpus:g}")
    return found


def _monthly(one: CostInput, prices: Prices) -> float:
    return price(reserved(one), prices) * HOURS_OF_A_MONTH


def _floor(one: CostInput) -> int:
    return max(1, one.least, SAFE_COUNT if one.needed_by and one.can_copy else 1)


def _is_seen(one: CostInput) -> bool:
    return sum(math.isfinite(need) for need in one.needs) >= NEEDS_LEAST


def _risk(chance: float) -> str:
    return f"by the last day, a moment in {1 / chance:.0f} would need more"


def _count(one: CostInput, prices: Prices) -> list[Recommendation]:
    """Where Everup gives the number, this moment's says nothing of what is needed for good."""
    if not _is_seen(one) or not one.has_count or one.is_followed or not one.instances:
        return []
    needed = math.ceil(one.needed)
    wanted = max(min(needed, one.most or needed), _floor(one))
    if wanted == one.instances or (wanted > one.instances and not one.can_copy):
        return []
    if wanted > one.instances and needed <= one.instances:
        return []  # that is `_two`'s, or its declared least on the way
    is_fewer = wanted < one.instances
    saving = (one.instances - wanted) * _monthly(one, prices)
    chance = chance_of_shortage(one.needs, wanted)
    text = f"{wanted} instead of {one.instances} instances of {one.name}"
    text += f": {needed} were needed, but for a twentieth of the last day"
    kind = Advice.FEWER if is_fewer else Advice.MORE
    risk = _risk(chance)
    return [Recommendation(kind, one.name, text, saving, risk, chance, instances=wanted)]


def _bounds(one: CostInput, prices: Prices) -> list[Recommendation]:
    if not _is_seen(one) or not one.has_count:
        return []
    needed = math.ceil(one.needed)
    found = []
    lower = max(needed, SAFE_COUNT if one.needed_by and one.can_copy else 1)
    if one.least > lower:
        chance = chance_of_shortage(one.needs, lower)
        saving = max(0, min(one.instances, one.least) - lower) * _monthly(one, prices)
        text = f"a least of {lower} instead of {one.least} instances of {one.name}"
        risk = _risk(chance)
        found.append(
            Recommendation(Advice.LEAST, one.name, text, saving, risk, chance, instances=lower)
        )
    highest = math.ceil(quantile(one.needs, 1.0))
    if 0 < one.most < highest and one.can_copy:
        chance = chance_of_shortage(one.needs, highest)
        text = f"a most of {highest} instead of {one.most} instances of {one.name}"
        text += ": the last day needed that many at its peak"
        risk = f"as it is, a moment in {1 / chance_of_shortage(one.needs, one.most):.0f} is short"
        found.append(
            Recommendation(Advice.MOST, one.name, text, 0.0, risk, chance, instances=highest)
        )
    return found


def _sizes(one: CostInput, prices: Prices) -> list[Recommendation]:
    """Smaller and larger apart, so that the one can be taken without the other."""
    found = []
    for kind in (Advice.SMALLER, Advice.LARGER):
        cpus = _moved(kind, one.limit.cpus, one.advised.cpus)
        memory = _moved(kind, one.limit.memory_bytes, one.advised.memory_bytes)
        if not (is_known(cpus) or is_known(memory)):
            continue
        parts = []
        if is_known(memory):
            parts.append(f"memory {mib(memory)} instead of {mib(one.limit.memory_bytes)}")
        if is_known(cpus):
            parts.append(f"cpus {cpus:g} instead of {one.limit.cpus:g}")
        change = Size(
            one.limit.cpus - cpus if is_known(cpus) else 0.0,
            one.limit.memory_bytes - memory if is_known(memory) else 0.0,
        )
        saving = price(change, prices) * one.instances * HOURS_OF_A_MONTH
        limits = Size(cpus, memory)
        text = f"{one.name}: {', '.join(parts)}"
        risk = _risk_of_size(kind, one, limits)
        found.append(Recommendation(kind, one.name, text, saving, risk, limits=limits))
    return found


def _moved(kind: Advice, limit: float, advised: float) -> float:
    """The advised limit where it lies beyond the tolerance on this side; else unknown."""
    if not (math.isfinite(limit) and math.isfinite(advised) and limit > 0):
        return UNKNOWN
    ratio = advised / limit
    is_meant = ratio < 1 - SIZE_TOLERANCE if kind is Advice.SMALLER else ratio > 1 + SIZE_TOLERANCE
    return advised if is_meant else UNKNOWN


def _risk_of_size(kind: Advice, one: CostInput, limits: Size) -> str:
    if kind is Advice.LARGER:
        return "as it is, it may be short of what it needs"
    pairs = (
        ("memory", limits.memory_bytes, one.peak.memory_bytes),
        ("cpus", limits.cpus, one.peak.cpus),
    )
    found = [
        f"{name} {_beside(after / peak - 1)} the most seen"
        for name, after, peak in pairs
        if is_known(after) and peak > 0
    ]
    return ", ".join(found) or "the most that it used is not known"


def _beside(share: float) -> str:
    return f"{share:.0%} over" if share >= 0 else f"{-share:.0%} under"


def _two(one: CostInput, prices: Prices) -> Recommendation | None:
    there = one.least if one.is_followed else one.instances
    if not one.needed_by or not one.can_copy or not 0 < there < SAFE_COUNT:
        return None
    who = ", ".join(one.needed_by)
    text = f"{SAFE_COUNT} instances of {one.name}: {who} cannot do without it"
    kind = Advice.TWO
    if one.is_followed:  # so many now would be fewer in a peak, and one again afterwards
        kind, text = Advice.HIGHER_LEAST, f"a least of {text}"
    risk = "as it is, each end of the one instance is an outage"
    costs = min(0, one.instances - SAFE_COUNT) * _monthly(one, prices)
    return Recommendation(kind, one.name, text, costs, risk, instances=SAFE_COUNT)


def _schedule(one: CostInput, prices: Prices) -> Recommendation | None:
    """The one stretch of the day, wrapping over midnight where need be, that with its own number
    of instances makes the day cheapest. Saved is what the present number costs more, all day."""
    is_told = len(one.hourly) == HOURS and all(math.isfinite(value) for value in one.hourly)
    if not is_told or one.days_seen < DAYS_LEAST or not one.per_instance > 0 or not one.can_copy:
        return None
    if one.has_plan or one.is_followed:
        return None
    floor, most = _floor(one), one.most or math.inf
    need = [
        int(min(most, max(floor, math.ceil(value * PEAK_IN_AN_HOUR / one.per_instance - 1e-9))))
        for value in one.hourly
    ]
    hours, first, length, inside, outside = min(
        _parted(need, first, length) for first in range(HOURS) for length in range(1, HOURS)
    )
    paid = one.instances * HOURS
    flat = max(paid, inside * HOURS)
    if inside <= outside or flat - hours < SCHEDULE_SAVES_LEAST * flat or hours >= paid:
        return None
    saving = (paid - hours) / HOURS * _monthly(one, prices)
    last = (first + length) % HOURS
    text = (
        f"{one.name}: {inside} instances from {first:02d}:00 to {last:02d}:00, {outside} else;"
        f" {money(saving, prices)} a month less than {one.instances} all day"
    )
    risk = f"on a day unlike the {one.days_seen:.0f} seen, more come only once they are needed"
    return Recommendation(
        Advice.SCHEDULE,
        one.name,
        text,
        saving,
        risk,
        instances=inside,
        from_hour=first,
        to_hour=last,
        instances_else=outside,
    )


def _parted(need: Sequence[int], first: int, length: int) -> tuple[int, int, int, int, int]:
    """(instance-hours of a day, first hour, hours, instances in them, instances else)."""
    turned = [*need[first:], *need[:first]]
    inside, outside = max(turned[:length]), max(turned[length:])
    return length * inside + (HOURS - length) * outside, first, length, inside, outside


def _stop(one: CostInput, prices: Prices) -> Recommendation | None:
    if one.idle_s < IDLE_LEAST_S or not one.instances or one.needed_by or one.may_sleep:
        return None
    text = f"{one.name} has had no work for {one.idle_s / 3600:.0f} h: it could be stopped"
    risk = "the first call waits for its start"
    if one.can_stop:
        text += ", and started by who asks for it, with scaling: {idle: 15m}"
    else:
        risk = "nothing starts it again when work comes: that is by hand"
    saving = one.instances * _monthly(one, prices)
    return Recommendation(Advice.STOP, one.name, text, saving, risk)
