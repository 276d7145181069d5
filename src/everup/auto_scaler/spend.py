"""What a service costs, and how much of that it does not need. Pure.

Flows in: a CostInput of plain values and the owner's prices. Flows out: a Cost. Called by whoever
shows scaling; `cost` says what to do about it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, is_known
from everup.model.sizing import Prices

HOURS_OF_A_MONTH = 730.0
GIB = 1024.0**3
NEEDED_SHARE = 0.95
"""Of the moments of the last day: so many instances are called needed as suffice in these."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of one instance. NaN: not known, or none; infinite counts as none."""

    cpus: float = UNKNOWN
    memory_bytes: float = UNKNOWN


NO_SIZE = Size()


@dataclass(frozen=True, slots=True)
class CostInput:
    """One service over the last day."""

    name: str
    instances: int
    declared: int  # instances that its owner declares
    least: int = 0  # declared bounds; 0: none
    most: int = 0
    needs: tuple[float, ...] = ()  # instances that demand needed, at moments over the last day
    request: Size = NO_SIZE
    limit: Size = NO_SIZE
    use: Size = NO_SIZE  # mean of an instance
    peak: Size = NO_SIZE  # the most that an instance was seen to use
    advised: Size = NO_SIZE  # limits by `vertical`
    needed_by: tuple[str, ...] = ()  # services that fail without it
    hourly: tuple[float, ...] = ()  # 24 means of demand by hour of the day, units per second
    per_instance: float = UNKNOWN  # units per second that one instance carries
    days_seen: float = 0.0  # that `hourly` is made of
    idle_s: float = 0.0  # for so long has it had no work
    can_stop: bool = False  # something can start it again when work comes
    can_copy: bool = True  # further instances are possible
    has_count: bool = True  # its number may follow demand; not of what keeps data
    is_followed: bool = False  # Everup gives it its number by itself
    has_plan: bool = False  # its owner planned events already
    may_sleep: bool = False  # its owner lets it end when it has no work

    @property
    def needed(self) -> float:
        """Instances, the 95th percentile of the day; unknown where nothing was seen."""
        return quantile(self.needs, NEEDED_SHARE)


@dataclass(frozen=True, slots=True)
class Cost:
    """In the currency of the prices. Parts that are unknown count nothing and are named."""

    per_hour: float
    per_month: float
    waste_per_month: float
    waste_instances: int  # beyond what is needed
    unknown: tuple[str, ...]  # of "cpu", "memory"
    text: str

    @property
    def waste_per_hour(self) -> float:
        """What is not needed, by the hour."""
        return self.waste_per_month / HOURS_OF_A_MONTH


def reserved(one: CostInput) -> Size:
    """What is set apart for an instance: its request, or its limit, or what it uses."""
    return Size(
        _first(one.request.cpus, one.limit.cpus, one.use.cpus),
        _first(one.request.memory_bytes, one.limit.memory_bytes, one.use.memory_bytes),
    )


def cost(one: CostInput, prices: Prices) -> Cost:
    """Present cost and waste: instances beyond need, and on those needed, size beyond advice."""
    size = reserved(one)
    each = price(size, prices)
    total = each * one.instances
    extra = 0
    if is_known(one.needed) and one.has_count:
        extra = max(0, one.instances - max(1, math.ceil(one.needed)))
    spare = Size(
        _beyond(size.cpus, one.advised.cpus), _beyond(size.memory_bytes, one.advised.memory_bytes)
    )
    waste = each * extra + price(spare, prices) * (one.instances - extra)
    names = (("cpu", size.cpus), ("memory", size.memory_bytes))
    unknown = tuple(name for name, value in names if not is_known(value))
    month = total * HOURS_OF_A_MONTH
    lost = waste * HOURS_OF_A_MONTH
    text = f"{one.name}: {money(month, prices)} a month"
    if lost > 0:
        text += f", {money(lost, prices)} of it not needed"
    if unknown:
        text += f" ({' and '.join(unknown)} unknown)"
    return Cost(total, month, lost, extra, unknown, text)


def price(size: Size, prices: Prices) -> float:
    """Of one instance for an hour; what is unknown counts nothing."""
    cpus = size.cpus if math.isfinite(size.cpus) else 0.0
    memory = size.memory_bytes if math.isfinite(size.memory_bytes) else 0.0
    return cpus * prices.cpu_hour + memory / GIB * prices.gb_hour


def money(amount: float, prices: Prices) -> str:
    """`12.30 EUR`."""
    return f"{amount:.2f} {prices.currency}"


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the known values that this share of them does not exceed."""
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return UNKNOWN
    return known[max(0, math.ceil(share * len(known) - 1e-9) - 1)]


def _first(*values: float) -> float:
    return next((value for value in values if math.isfinite(value)), UNKNOWN)


def _beyond(has: float, advised: float) -> float:
    return max(0.0, has - advised) if is_known(has) and is_known(advised) else 0.0
