"""A service of n instances with c places each, request by request: what its router would count."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from everup.auto_scaler.capacity import CapacityModel, Glimpse

INTERVAL_S = 15.0
NAN = math.nan


@dataclass(frozen=True)
class Service:
    """Service times are log-normal: their mean, and their standard deviation against it."""

    places: int
    mean_s: float
    unevenness: float
    instances: int = 1

    @property
    def target_s(self) -> float:
        return max(2 * self.mean_s, self.mean_s + 0.05)

    def lasts(self, random: Random) -> float:
        if not self.unevenness:
            return self.mean_s
        sigma = math.sqrt(math.log(1 + self.unevenness**2))
        return random.lognormvariate(math.log(self.mean_s) - sigma * sigma / 2, sigma)


def mean_latency(service: Service, rate: float, seed: int, requests: int = 30_000) -> float:
    """In seconds, of one instance in the long run."""
    random = Random(seed)
    free, at, total = [0.0] * service.places, 0.0, 0.0
    for _ in range(requests):
        at += random.expovariate(rate)
        end = max(at, heapq.heappop(free)) + service.lasts(random)
        heapq.heappush(free, end)
        total += end - at
    return total / requests


def played(service: Service, rates: Callable[[int], float], steps: int, seed: int) -> list[Glimpse]:
    """A glimpse of each interval; `rates`: of one instance, by the number of the interval."""
    random = Random(seed)
    free = [[0.0] * service.places for _ in range(service.instances)]
    found = []
    for number in range(steps):
        at, end = number * INTERVAL_S, (number + 1) * INTERVAL_S
        count, total = 0, 0.0
        while (at := at + random.expovariate(rates(number) * service.instances)) < end:
            places = free[random.randrange(service.instances)]
            done = max(at, heapq.heappop(places)) + service.lasts(random)
            heapq.heappush(places, done)
            count += 1
            total += done - at
        latency = total / count if count else NAN
        found.append(glimpse(end, count / INTERVAL_S, latency, ready=service.instances))
    return found


def glimpse(
    at_s: float,
    demand: float,
    latency_s: float = NAN,
    *,
    ready: int = 1,
    errors: float = 0.0,
    waiting: float = NAN,
    cores: float = NAN,
) -> Glimpse:
    return Glimpse(at_s, ready, demand, latency_s, errors, waiting, cores)


def fed(
    rates: list[float],
    latency: Callable[[float], float],
    model: CapacityModel | None = None,
    each: int = 6,
    from_s: float = 0.0,
) -> CapacityModel:
    """A model that saw each rate for some intervals, without noise."""
    model = model or CapacityModel()
    at_s = from_s
    for rate in rates:
        for _ in range(each):
            at_s += INTERVAL_S
            model.take(glimpse(at_s, rate, latency(rate)), NAN, 0.01)
    return model
