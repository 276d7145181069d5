"""A service that was never seen before, and five times as much asked of it within two minutes: the
whole scaler, step by step, on a service that is a queue."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from everup.auto_scaler.rules import rule_for
from everup.auto_scaler.scaler import Allowed, Opinion, ServiceScaler, StepSight, Unit
from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN
from everup.model.settings import Settings
from everup.model.sizing import ScalingSpec
from everup.model.stack import Limits
from tests.unit.builders import service

STEP_S = 15.0
PLACES, WORK_S = 2, 0.1
CARRIES = PLACES / WORK_S
LEAST, MOST = 2, 14


@dataclass
class Lab:
    """Instances that were ordered work in the step after; `starts_s` until they are proven."""

    scaler: ServiceScaler
    instances: int = 3
    at_s: float = 0.0
    counts: list[int] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def step(self, demand: float, *, latency_s: float = UNKNOWN, seen: bool = True) -> Opinion:
        self.at_s += STEP_S
        load = demand / (self.instances * CARRIES)
        self.loads.append(load)
        wait = load ** (PLACES * self.instances) / max(0.02, 1.0 - load) / self.instances
        took_s = latency_s if latency_s == latency_s else WORK_S * (1.0 + wait)
        sight = StepSight(
            self.at_s,
            self.instances,
            self.instances,
            demand=demand if seen else UNKNOWN,
            unit=Unit.REQUESTS if seen else Unit.NOTHING,
            latency_s=took_s if seen else UNKNOWN,
            errors_ratio=0.0 if seen else UNKNOWN,
            waiting=0.0 if seen else UNKNOWN,
            cpu_cores=0.01,
            cpus=math.inf,
            memory_bytes=2e7,
            memory_limit_bytes=math.inf,
            starts_s=13.0,
        )
        allowed = Allowed(Axis.COUNT, LEAST, MOST, Limits())
        self.scaler.follow(sight, allowed)
        found = self.scaler.think(sight, allowed)
        self.instances = found.choice.instances
        self.counts.append(self.instances)
        return found


def lab() -> Lab:
    spec = service("web", min_instances=LEAST, max_instances=MOST, has_bounds=True)
    scaling = ScalingSpec(latency_target_s=0.15)
    return Lab(ServiceScaler(scaling, rule_for(spec), Settings(), 0.0))


def rising(rise_s: float) -> Iterator[float]:
    """30 a second, 150 `rise_s` later, for ten minutes; then 30 again."""
    yield from [30.0] * 3
    steps = int(rise_s / STEP_S)
    yield from (30.0 + 120.0 * step / steps for step in range(1, steps + 1))
    yield from [150.0] * 40
    yield from [30.0] * 45


@pytest.mark.parametrize("rise_s", [120.0, 240.0, 600.0])
def test_a_first_rise_is_followed_out_and_in(rise_s: float) -> None:
    made = lab()
    for demand in rising(rise_s):
        made.step(demand)
    assert made.counts[:3] == [3, 3, 3], "at rest it is as it is"
    over = [load for load in made.loads if load > 0.95]
    assert len(over) <= 0.01 * len(made.loads), made.loads
    assert max(made.counts) <= MOST
    assert made.counts[-1] <= 4, made.counts


@pytest.mark.parametrize("demand", [0.0, 0.2, 2.0, 12.0, 30.0, 45.0])
def test_at_rest_there_are_never_more(demand: float) -> None:
    made = lab()
    for _ in range(60):
        made.step(demand)
    assert max(made.counts) <= 3
    assert made.counts[:18] == [3] * 18, "and fewer only after a window"


def test_a_few_slow_answers_are_no_alarm_and_many_are() -> None:
    made = lab()
    assert made.step(1.0, latency_s=2.0).plan.wanted == 3
    assert made.step(30.0, latency_s=0.4).plan.wanted > 3


def test_in_a_peak_that_is_not_seen_nothing_goes_and_it_goes_on() -> None:
    made = lab()
    demands = list(rising(120.0))
    for demand in demands[:20]:
        made.step(demand)
    there = made.instances
    assert there >= 8
    for _ in range(200):
        found = made.step(30.0, seen=False)
        assert not found.choice.is_change
        assert found.unit is Unit.REQUESTS
    assert "nothing is removed" in found.choice.text
    for _ in range(45):
        made.step(30.0)
    assert made.instances <= 4
