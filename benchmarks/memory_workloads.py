"""Seeded memory use of made-up services, a sample a minute: `workload(seed, days) -> Workload`.

Ten kinds in turn: flat (some with a collector's saw-teeth), daily and weekly waves, deploys after
which use climbs, restarts, leaks that a restart ends, bursts of Pareto sizes, caches that fill,
nightly jobs, and sums of them. Bursts and jobs take 1 to 10 minutes to rise: some are there within
one sample. `weekly_job` is none of the ten: a leap that is first seen after some days, which
nothing that shrinks after one can foresee.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DAY = 1440
MIB = 1024.0 * 1024
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Random = np.random.Generator


@dataclass(frozen=True, eq=False)
class Workload:
    """`used`: bytes in each minute. `version`: which one is deployed. `base`: what it uses just
    after it was killed."""

    name: str
    kind: str
    used: Floats
    version: Ints
    base: float

    @property
    def peak(self) -> float:
        """The most that it ever uses."""
        return float(self.used.max())


def noise(random: Random, minutes: int, deviation: float) -> Floats:
    """Wanders about 0 with a memory of about ten minutes."""
    drawn = random.normal(0.0, deviation * np.sqrt(1.0 - 0.9**2), minutes)
    found, value = np.empty(minutes), 0.0
    for minute, each in enumerate(drawn.tolist()):
        value = 0.9 * value + each
        found[minute] = value
    return found


def flat(random: Random, minutes: int) -> Floats:
    """One level; every second one with the saw-teeth of a garbage collector."""
    level = 1.0 + noise(random, minutes, random.uniform(0.002, 0.02))
    if random.random() < 0.5:
        period, height = random.integers(3, 40), random.uniform(0.03, 0.2)
        level += height * ((np.arange(minutes) % period) / period)
    return level


def daily(random: Random, minutes: int) -> Floats:
    """Waves of a day, each somewhat different."""
    phase = (np.arange(minutes) / DAY + random.random()) * 2 * np.pi
    height = random.uniform(0.3, 2.0) * _each_day(random, minutes, 0.05)
    return 1.0 + height * (0.5 - 0.5 * np.cos(phase)) + noise(random, minutes, 0.01)


def weekly(random: Random, minutes: int) -> Floats:
    """Waves of a day that are lower at weekends; it begins on any day of the week."""
    day = (np.arange(minutes) // DAY + random.integers(7)) % 7
    weight = np.where(day >= 5, random.uniform(0.1, 0.6), 1.0)
    smooth = np.convolve(np.pad(weight, 120, mode="edge"), np.full(241, 1 / 241), mode="valid")
    phase = (np.arange(minutes) / DAY + random.uniform(-0.1, 0.1)) * 2 * np.pi
    height = random.uniform(0.3, 2.0) * _each_day(random, minutes, 0.05) * smooth
    return 1.0 + height * (0.5 - 0.5 * np.cos(phase)) + noise(random, minutes, 0.01)


def deploys(random: Random, minutes: int) -> tuple[Floats, Ints]:
    """A new version every few days; each has its own level, which it reaches in its own time."""
    used, version = np.empty(minutes), np.empty(minutes, dtype=np.int64)
    begun, number = 0, 0
    while begun < minutes:
        length = int(random.uniform(2, 7) * DAY)
        age = np.arange(min(length, minutes - begun))
        level, takes = random.uniform(0.7, 1.4), random.uniform(10, 600)
        used[begun : begun + len(age)] = level * (0.3 + 0.7 * np.minimum(1.0, age / takes))
        version[begun : begun + len(age)] = number
        begun, number = begun + length, number + 1
    return used * (1.0 + noise(random, minutes, 0.01)), version


def restarts(random: Random, minutes: int) -> Floats:
    """One level, or waves; now and then it begins anew and warms up."""
    used = flat(random, minutes) if random.random() < 0.5 else daily(random, minutes)
    for begun in _moments(random, minutes, random.uniform(0.5, 4.0)):
        age, takes = np.arange(minutes - begun), random.uniform(1, 60)
        used[begun:] *= 0.4 + 0.6 * np.minimum(1.0, age / takes)
    return used


def leaks(random: Random, minutes: int) -> Floats:
    """Grows evenly, some over night only a little, until somebody restarts it."""
    hours, height = random.uniform(6, 72), random.uniform(0.5, 2.0)
    waves = 1.0 + random.uniform(0, 0.9) * np.cos(np.arange(minutes) / DAY * 2 * np.pi)
    grown = np.cumsum(waves) * height / (hours * 60)
    used = np.empty(minutes)
    begun = 0
    while begun < minutes:
        length = int(hours * 60 * random.uniform(0.8, 1.2))
        part = grown[begun : begun + length]
        used[begun : begun + length] = 1.0 + part - part[0]
        begun += length
    return used + noise(random, minutes, 0.01)


def bursts(random: Random, minutes: int) -> Floats:
    """Requests of Pareto sizes, each there within minutes and gone within an hour."""
    used = 1.0 + noise(random, minutes, 0.01)
    alpha, scale = random.uniform(1.5, 3.0), random.uniform(0.03, 0.1)
    for begun in _moments(random, minutes, 1.0 / random.uniform(2, 30)):
        height = min(4.0, scale * float(random.pareto(alpha) + 1.0))
        rises, lasts = int(random.integers(1, 6)), int(random.integers(2, 60))
        _add(used, begun, height, rises, lasts, random)
    return used


def caches(random: Random, minutes: int) -> Floats:
    """Fills towards its bound, and begins anew when it is flushed."""
    used = np.empty(minutes)
    takes, height, begun = random.uniform(2, 48) * 60, random.uniform(0.5, 4.0), 0
    while begun < minutes:
        length = int(random.uniform(4, 14) * DAY)
        age = np.arange(min(length, minutes - begun))
        used[begun : begun + len(age)] = 1.0 + height * (1.0 - np.exp(-age / takes))
        begun += length
    return used + noise(random, minutes, 0.01)


def batches(random: Random, minutes: int) -> Floats:
    """A job each night at about the same time, and of about the same size."""
    used = 1.0 + noise(random, minutes, 0.01)
    hour, height = random.uniform(0, 24), random.uniform(0.5, 3.0)
    deviation, lasts = random.uniform(0.02, 0.25), random.uniform(15, 180)
    rises = int(random.integers(1, 11))
    for day in range(minutes // DAY + 1):
        begun = int(day * DAY + hour * 60 + random.normal(0, 5))
        if 0 <= begun < minutes:
            each = height * float(np.exp(random.normal(0, deviation)))
            _add(used, begun, each, rises, int(lasts * random.uniform(0.8, 1.2)), random)
    return used


PLAIN: dict[str, Callable[[Random, int], Floats]] = {
    "flat": flat,
    "daily": daily,
    "weekly": weekly,
    "restarts": restarts,
    "leaks": leaks,
    "bursts": bursts,
    "caches": caches,
    "batches": batches,
}
KINDS = (*PLAIN, "deploys", "mixes")


def workload(seed: int, days: int) -> Workload:
    """The kind goes by the seed; everything else is drawn."""
    return of_kind(KINDS[seed % len(KINDS)], seed, days)


def of_kind(kind: str, seed: int, days: int) -> Workload:
    """One of `KINDS`, or `weekly_job`."""
    random, minutes = np.random.default_rng([seed, 20250]), days * DAY
    version = np.zeros(minutes, dtype=np.int64)
    if kind == "deploys":
        used, version = deploys(random, minutes)
    elif kind == "mixes":
        names = random.choice(sorted(PLAIN), size=int(random.integers(2, 4)), replace=False)
        used = np.zeros(minutes)
        for name in names:
            used += random.uniform(0.3, 1.0) * PLAIN[name](random, minutes)
    elif kind == "weekly_job":
        used = 1.0 + noise(random, minutes, 0.01)
        for begun in range(int(random.uniform(2, 7) * DAY), minutes, 7 * DAY):
            _add(used, begun, random.uniform(0.5, 3.0), int(random.integers(1, 11)), 60, random)
    else:
        used = PLAIN[kind](random, minutes)
    size = 64 * MIB * 2.0 ** random.uniform(0, 7)
    least = float(np.quantile(used, 0.01))
    return Workload(
        f"{kind} {seed}", kind, np.maximum(used, 0.05) * size, version, 0.5 * least * size
    )


def _each_day(random: Random, minutes: int, deviation: float) -> Floats:
    """A factor for each day, without a step between two of them."""
    days = minutes // DAY + 2
    drawn = np.exp(random.normal(0, deviation, days))
    return np.asarray(np.interp(np.arange(minutes) / DAY, np.arange(days), drawn), dtype=np.float64)


def _moments(random: Random, minutes: int, days: float) -> list[int]:
    """At random, with so many days between two on the mean."""
    count = random.poisson(minutes / DAY / days)
    return sorted(int(m) for m in random.integers(0, minutes, count))


def _add(used: Floats, begun: int, height: float, rises: int, lasts: int, random: Random) -> None:
    """One burst: up within `rises` minutes, then so long, then down within some."""
    falls = int(random.integers(1, 30))
    shape = np.concatenate(
        [
            np.arange(1, rises + 1) / rises,
            np.ones(lasts),
            1.0 - np.arange(1, falls + 1) / falls,
        ]
    )[: len(used) - begun]
    used[begun : begun + len(shape)] += height * shape
