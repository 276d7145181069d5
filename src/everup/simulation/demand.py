"""What is asked of services over a simulated day, and the router that counts it.

Flows in: a seeded random and a world. Flows out: each service's demand as it comes and goes, and
what a router would say of it, for the desk of whichever controller lives. Made by `runner` for
stacks whose owners let numbers follow demand; everything else of a run is as without it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from random import Random

from everup.model.kinds import UNKNOWN
from everup.model.load import Load
from everup.runtimes.simulated.instance import Answer
from everup.runtimes.simulated.service import VirtualService
from everup.runtimes.simulated.world import World

STEP_S = 15.0
SEEN_STEPS = 4
"""So many steps back a controller may have taken what it decides by."""
BURSTS_A_DAY = 3
OVERLOADED_S = 5.0
SOURCE = "router"


@dataclass(frozen=True, slots=True)
class Wave:
    """Factors of a service's demand. `bursts`: (from, to, times as much), seconds of the run."""

    period_s: float
    swing: float
    phase: float
    bursts: tuple[tuple[float, float, float], ...]

    def at(self, t: float) -> float:
        """Never below a tenth."""
        level = 1.0 + self.swing * math.sin(2.0 * math.pi * (t / self.period_s + self.phase))
        for begin, until, factor in self.bursts:
            if begin <= t < until:
                level *= factor
        return max(0.1, level)


class Demand:
    """Of one run. `lowest`: the least that was asked of a service lately."""

    def __init__(self, random: Random, world: World, *, day_s: float, calm_t: float) -> None:
        self._world, self._random, self._calm_t = world, random, calm_t
        served = [name for name, s in world.services.items() if s.spec.scaling is not None]
        self._waves = {name: self._drawn(day_s) for name in served}
        self._noise = dict.fromkeys(served, 1.0)
        self._lately: dict[str, deque[float]] = {name: deque(maxlen=SEEN_STEPS) for name in served}
        blind_t = random.uniform(0.2, 0.8) * calm_t
        self._blind = (blind_t, blind_t + random.uniform(60.0, 900.0))

    def _drawn(self, day_s: float) -> Wave:
        random = self._random
        bursts = []
        for _ in range(random.randint(0, BURSTS_A_DAY)):
            begin = random.uniform(300.0, self._calm_t)
            lasts_s = random.uniform(60.0, 600.0)
            bursts.append((begin, begin + lasts_s, random.uniform(1.3, 2.5)))
        return Wave(
            random.uniform(0.3, 1.0) * day_s,
            random.uniform(0.2, 0.8),
            random.random(),
            tuple(bursts),
        )

    def begin(self) -> None:
        """From now on it comes and goes."""
        t = self._world.t
        for name, wave in self._waves.items():
            service = self._world.services[name]
            self._noise[name] = 0.7 * self._noise[name] + 0.3 * self._random.uniform(0.9, 1.1)
            service.wave = wave.at(t) * self._noise[name]
            self._lately[name].append(service.demand_rps)
        self._world.settle()
        self._world.later(STEP_S, self.begin)

    def lowest(self, service: str) -> float:
        """Nobody can have seen less than this in the last minute, requests a second."""
        return min(self._lately.get(service, ()), default=0.0)

    def loads(self) -> dict[str, Load]:
        """As a router counts them now; nothing while it cannot be read."""
        begin, until = self._blind
        if begin <= self._world.t < until or self._world.senses.engine:
            return {}
        return {name: self._load(self._world.services[name]) for name in self._waves}

    def _load(self, service: VirtualService) -> Load:
        reached = [i for name, i in service.instances.items() if name not in service.cut_off]
        answering = [i.latency_s for i in reached if i.answer is Answer.OK]
        silent = any(i.answer is Answer.SILENCE for i in reached)
        latency_s = sum(answering) / len(answering) if answering else UNKNOWN
        return Load(
            self._world.now(),
            requests_per_s=service.demand_rps,
            failures_per_s=0.0 if answering else service.demand_rps,
            latency_s=OVERLOADED_S if silent and not answering else latency_s,
            waiting=0.0,
            source=SOURCE,
        )
