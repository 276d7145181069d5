"""Services for `benchmarks.regression`, drawn from a seed: what they answer about a change.

A service-day has one change. Drawn are the hours before it, the minutes after it, and the same
hours of a week before where its owner keeps history. Latency is service time over what is idle
(M/M/1), a seeded noise with waves, and outliers; load goes with the time of day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from everup.rollback_manager.regression import Usual
from everup.rollback_manager.samples import Samples, joined, samples

DAY_S = 86_400.0
BEFORE_S, AFTER_S = 3 * 3600.0, 300.0
HOUR_S = 3600.0
PROBED_S = (5.0, 0.55)
"""Between answers of a service that only Everup asks, and that takes 50 ms: since a change, half a
second of rest (`loop.sampling`)."""
WEEK = 7
HISTORY_EVERY_S = 30.0
BLOCK = 64


@dataclass(frozen=True, slots=True)
class World:
    """`variation`: standard deviation over mean of a latency. `waves`: share of its variance that
    comes and goes over `wave_s`. `spikes`: share of answers that take up to a hundred times as
    long. `busy`: utilisation at noon; `season`: by what share it goes up and down over a day.
    `surge`: what load is multiplied by within the hour after the change, beginning ten minutes
    before it. `every_s`: time between answers before and since. `tells`: what is known of load.
    `known_s`: for how long it was seen before. `calm_s`: until so long before the change there were
    no waves."""

    variation: float = 0.5
    waves: float = 0.0
    wave_s: float = 60.0
    spikes: float = 0.0
    busy: float = 0.3
    season: float = 0.0
    surge: float = 1.0
    every_s: tuple[float, float] = (1.0, 1.0)
    tells: str = ""  # "", cpu, rate
    has_history: bool = False
    known_s: float = BEFORE_S
    calm_s: float = BEFORE_S


STATIONARY: Mapping[str, World] = {
    "even": World(),
    "calm": World(variation=0.1),
    "waves of a minute": World(waves=0.2),
    "waves of five minutes": World(waves=0.2, wave_s=300.0),
    "outliers": World(variation=0.3, spikes=0.02),
    "probes alone": World(every_s=PROBED_S),
    "probes alone, known for an hour": World(every_s=PROBED_S, known_s=HOUR_S),
    "probes alone, one a second": World(every_s=(5.0, 1.0)),
    "probes alone, waves": World(every_s=PROBED_S, waves=0.05),
    "probes every 5 s": World(every_s=(5.0, 5.0)),
}
SEASONAL: Mapping[str, World] = {
    "day and night": World(busy=0.5, season=0.6, tells="cpu"),
    "day and night, rate known": World(busy=0.5, season=0.6, tells="rate"),
    "day and night, nothing known": World(busy=0.5, season=0.6, waves=0.1),
    "day and night, a week kept": World(busy=0.5, season=0.6, has_history=True),
    "rush hour": World(busy=0.35, season=0.3, surge=2.0, tells="cpu"),
    "rush hour, rate known": World(busy=0.35, season=0.3, surge=2.0, tells="rate"),
    "rush hour, probes alone": World(busy=0.35, surge=2.0, every_s=PROBED_S, tells="cpu"),
}
UNSETTLED: Mapping[str, World] = {
    "waves since an hour": World(waves=0.2, calm_s=HOUR_S),
    "waves since half an hour": World(waves=0.2, calm_s=HOUR_S / 2.0),
}
"""Neither stationary nor seasonal: what is usual is another thing than it was."""


@dataclass(frozen=True, eq=False)
class Day:
    """One service-day about its change at time 0 of `changed_s`."""

    before: Samples
    after: Samples
    past: Samples | None
    changed_s: float

    @cached_property
    def usual(self) -> Usual:
        """Of before; the same at every look."""
        return Usual(self.before, self.changed_s)


def draw(world: World, seed: int, *, slower: float = 1.0) -> Day:
    """`slower`: by what ratio the new version is."""
    random = np.random.default_rng(seed)
    changed_s = WEEK * DAY_S + float(random.uniform(0.0, DAY_S))
    before_s = np.arange(-world.known_s, 0.0, world.every_s[0])
    after_s = np.arange(0.0, AFTER_S, world.every_s[1])
    t = np.concatenate([before_s, after_s])
    ratio = np.where(t >= 0.0, slower, 1.0)
    answered = _answers(world, random, t, changed_s, ratio)
    past = None
    if world.has_history:
        shown = np.arange(-HOUR_S, AFTER_S, HISTORY_EVERY_S)
        days = [_days_before(world, random, shown, changed_s, d) for d in range(1, WEEK + 1)]
        past = joined(days)
    return Day(
        answered.between(0.0, changed_s), answered.between(changed_s, np.inf), past, changed_s
    )


def _days_before(
    world: World, random: np.random.Generator, t: np.ndarray, changed_s: float, days: int
) -> Samples:
    return _answers(world, random, t, changed_s - days * DAY_S, np.ones(len(t)))


def _answers(
    world: World, random: np.random.Generator, t: np.ndarray, changed_s: float, ratio: np.ndarray
) -> Samples:
    load = 1.0 + world.season * np.sin(2.0 * np.pi * (t + changed_s) / DAY_S)
    load *= world.surge ** np.clip((t + 600.0) / 3600.0, 0.0, 1.0)
    load *= 1.0 + 0.02 * random.standard_normal(len(t))
    busy = np.clip(world.busy * load * ratio, 0.01, 0.95)
    variance = np.log1p(world.variation**2)
    noise = np.sqrt((1.0 - world.waves) * variance) * random.standard_normal(len(t))
    if world.waves:
        waves = np.where(t >= -world.calm_s, world.waves, 0.0)
        noise += np.sqrt(waves * variance) * _wave(random, t, world.wave_s)
    spiked = random.random(len(t)) < world.spikes
    noise += np.where(spiked, np.log(100.0) * random.random(len(t)), 0.0)
    service_s = 0.05 * ratio
    if world.season or world.surge != 1.0:
        latency_s = service_s / (1.0 - busy) * np.exp(noise)
    else:
        latency_s = service_s * np.exp(noise)
    return samples(
        t + changed_s,
        latency_s,
        cpu_ratio=busy if world.tells else None,
        rate_per_s=20.0 * load if world.tells == "rate" else None,
    )


def _wave(random: np.random.Generator, t: np.ndarray, wave_s: float) -> np.ndarray:
    """Noise of variance 1 that is like itself for about `wave_s`, at uneven times."""
    if len(t) == 0:
        return t
    kept = np.exp(-np.diff(t, prepend=t[0]) / wave_s)
    pushed = np.sqrt(1.0 - kept**2) * random.standard_normal(len(t))
    value, parts = float(random.standard_normal()), list[np.ndarray]()
    for first in range(0, len(t), BLOCK):
        share = np.cumprod(kept[first : first + BLOCK])  # of the value before the block
        part = share * (value + np.cumsum(pushed[first : first + BLOCK] / share))
        parts.append(part)
        value = float(part[-1])
    return np.concatenate(parts)


Judge = Callable[[Day, float], bool]
"""A day and how much of the time since the change is over → is it called worse?"""
