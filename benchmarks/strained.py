"""Stacks whose services are strained in many ways, as time series with the truth beside them.

Flows in: a seed. Flows out: a `World`: for each service one signal that may run out, a value every
`ROW_S`, its lives, and when it failed. Each seed is another stack: how many of its climbs end at
the limit (between a tenth and seven tenths), how noisy and how busy it is, are drawn as well.
Called by `calibration`.

What climbs: straight, faster and faster, or slower and slower, and comes to its limit, levels off
before, or falls back by itself; saw-teeth, walks, steps and bumps do not fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from everup.model.kinds import Cause

ROW_S = 30.0
DAY_S = 86_400.0
BEGIN_S = 1_700_006_400.0
CAUSES: tuple[Cause, ...] = (
    *([Cause.LEAK] * 5),
    *([Cause.DISK_FILLING] * 2),
    *([Cause.DESCRIPTOR_LEAK] * 2),
    *([Cause.CONNECTIONS_FULL] * 2),
    Cause.QUEUE_FULL,
)
"""One for each service: a stack of twelve."""
HARMLESS = ("levels_off", "falls_back", "saw", "walk", "step", "bump")
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Service:
    """Its signal as it is seen, when its lives began, and when it failed."""

    name: str
    cause: Cause
    values: Floats
    begun_s: Floats
    failed_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class World:
    """One stack over some days; `fails`: the share of its climbs that end at the limit."""

    seed: int
    fails: float
    times: Floats
    services: tuple[Service, ...]


def world(seed: int, days: float, services: int = len(CAUSES)) -> World:
    """The same seed gives the same one."""
    random = default_rng(seed)
    fails = float(random.uniform(0.1, 0.7))
    calm_s = float(np.exp(random.uniform(np.log(1200.0), np.log(7200.0))))
    times = BEGIN_S + np.arange(0.0, days * DAY_S, ROW_S)
    made = tuple(
        _service(f"s{index}", CAUSES[index % len(CAUSES)], times, fails, calm_s, random)
        for index in range(services)
    )
    return World(seed, fails, times, made)


def _service(
    name: str, cause: Cause, times: Floats, fails: float, calm_s: float, random: Generator
) -> Service:
    noise = float(np.exp(random.uniform(np.log(0.001), np.log(0.015))))
    low = float(random.uniform(0.2, 0.55))
    many = len(times)
    level, begun = np.full(many, low), np.full(many, times[0] - DAY_S)
    failed: list[float] = []
    at = int(random.exponential(calm_s) / ROW_S)
    while at < many:
        kind = "fails" if random.random() < fails else str(random.choice(HARMLESS))
        shape = _shape(kind, low, random)
        end = min(many, at + len(shape))
        level[at:end] = shape[: end - at]
        if kind == "fails" and at + len(shape) <= many:
            failed.append(float(times[end - 1]))
            begun[end:] = times[end - 1] + 10.0
        at = end + 1 + int(random.exponential(calm_s) / ROW_S)
    seen = np.clip(level + noise * random.standard_normal(many), 0.0, 1.0)
    return Service(name, cause, seen, begun, failed)


def _shape(kind: str, low: float, random: Generator) -> Floats:
    """From where it usually is, to where this ends."""
    lasts_s = float(np.exp(random.uniform(np.log(600.0), np.log(4 * 3600.0))))
    share = np.linspace(0.0, 1.0, max(12, int(lasts_s / ROW_S)))
    high = float(random.uniform(0.5, 0.97))
    match kind:
        case "fails":
            return np.asarray(low + (1.0 - low) * share ** float(random.choice([0.7, 1.0, 1.0, 2])))
        case "levels_off":
            grown = 1.0 - np.exp(-share * random.uniform(3.0, 6.0))
            return np.asarray(low + max(0.1, high - low) * grown)
        case "falls_back":
            climbed = low + max(0.1, high - low) * share ** float(random.choice([0.7, 1.0, 1.5]))
            return np.append(climbed, low)
        case "saw":
            teeth = (share * random.integers(3, 12)) % 1.0
            return np.asarray(low + max(0.1, high - low) * teeth)
        case "walk":
            walked = np.cumsum(random.standard_normal(len(share))) * random.uniform(0.003, 0.012)
            return np.clip(low + 0.2 + walked, 0.1, 0.97)
        case "step":
            return np.full(len(share), high)
        case _:
            return np.asarray(low + max(0.1, high - low) * np.sin(np.pi * share))
