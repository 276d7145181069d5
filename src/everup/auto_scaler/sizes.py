"""Limits of a service's copies: in which direction, how much by default, and why not. Pure.

After out-of-memory a limit grows by a fifth, at least by 100 MiB. It never shrinks below what is
used with a margin; what was used at the most is known to the runtime, which refuses as well.
"""

from __future__ import annotations

import math

from everup.auto_scaler.state import ServiceScale
from everup.model.decision import ParameterValue
from everup.model.kinds import ActionKind, is_known
from everup.model.scaling import (
    CPUS,
    CPUS_BEFORE,
    MEMORY,
    MEMORY_BEFORE,
    Amount,
    Obstacle,
    Refusal,
)

MIB = 1024 * 1024
GROWTH, GROWTH_LEAST_BYTES = 1.2, 100 * MIB
MARGIN = 1.15
CPUS_LEAST = 0.01
"""The engine's least. Hardly more than none would be none once it is counted in billionths, and no
limit at all."""


def one_more(scale: ServiceScale) -> Amount:
    """What a scale_up without an amount asks for; nothing where there is no limit."""
    limit = scale.memory_limit_bytes
    if not math.isfinite(limit):
        return Amount()
    return Amount(memory_bytes=float(math.ceil(max(limit * GROWTH, limit + GROWTH_LEAST_BYTES))))


def direction(amount: Amount, scale: ServiceScale) -> ActionKind | Refusal:
    """Up when nothing becomes smaller, down when nothing becomes larger."""
    signs = {_sign(after, before) for after, before in _pairs(amount, scale)} - {0}
    if not amount.has_limits:
        return Refusal(Obstacle.NO_AMOUNT, "say how much: instances, memory or cpus")
    if not signs:
        return Refusal(Obstacle.NO_CHANGE, "these are the limits that it has")
    if len(signs) > 1:
        text = "one limit would grow and the other shrink; ask for them one after the other"
        return Refusal(Obstacle.WRONG_WAY, text)
    return ActionKind.SCALE_UP if signs == {1} else ActionKind.SCALE_DOWN


def refusal(kind: ActionKind, amount: Amount, name: str, scale: ServiceScale) -> Refusal | None:
    """Why these limits will not do; None when they will."""
    if not amount.has_limits and kind is ActionKind.SCALE_UP:
        text = f"{name} has no memory limit that could grow; say memory= or cpus="
        return Refusal(Obstacle.NO_LIMIT, text)
    said = direction(amount, scale)
    if isinstance(said, Refusal):
        return said
    if said is not kind:
        return Refusal(Obstacle.WRONG_WAY, f"for {name} this would be a {said}, not a {kind}")
    if amount.cpus < CPUS_LEAST:
        text = f"no instance of {name} can have less than {CPUS_LEAST:g} processors"
        return Refusal(Obstacle.BELOW_USE, text)
    least = scale.memory_most_bytes * MARGIN
    if amount.memory_bytes < least:
        text = (
            f"{name} uses {mib(scale.memory_most_bytes)}; with a margin the least that it can have"
            f" is {mib(least)}"
        )
        return Refusal(Obstacle.BELOW_USE, text)
    return None


def parameters(amount: Amount, scale: ServiceScale) -> dict[str, ParameterValue]:
    """Of the step: what is to be, and what was."""
    found: dict[str, ParameterValue] = {}
    if is_known(amount.memory_bytes):
        found |= {MEMORY: amount.memory_bytes, MEMORY_BEFORE: scale.memory_limit_bytes}
    if is_known(amount.cpus):
        found |= {CPUS: amount.cpus, CPUS_BEFORE: scale.cpus}
    return found


def text(name: str, amount: Amount, scale: ServiceScale) -> str:
    """`api: memory from 64 MiB to 164 MiB`."""
    parts = []
    if is_known(amount.memory_bytes):
        parts.append(f"memory from {mib(scale.memory_limit_bytes)} to {mib(amount.memory_bytes)}")
    if is_known(amount.cpus):
        parts.append(f"cpus from {_number(scale.cpus)} to {_number(amount.cpus)}")
    return f"{name}: {', '.join(parts)}"


def mib(value: float) -> str:
    """`64 MiB`, or that there is none."""
    return f"{value / MIB:.0f} MiB" if math.isfinite(value) else "no limit"


def _number(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "no limit"


def _pairs(amount: Amount, scale: ServiceScale) -> list[tuple[float, float]]:
    asked = [
        (amount.memory_bytes, scale.memory_limit_bytes),
        (amount.cpus, scale.cpus),
    ]
    return [(after, before) for after, before in asked if is_known(after)]


def _sign(after: float, before: float) -> int:
    """What was not limited becomes smaller by any limit."""
    if not is_known(before):
        before = math.inf
    return (after > before) - (after < before)
