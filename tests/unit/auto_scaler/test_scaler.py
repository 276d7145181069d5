"""One service as the auto_scaler knows it: units, versions, and whatever cannot be seen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.auto_scaler.advice import Cap
from everup.auto_scaler.planner import WARM_STEPS, By
from everup.auto_scaler.rules import ANY_OTHER, Rule
from everup.auto_scaler.scaler import Allowed, Opinion, ServiceScaler, StepSight, Unit
from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN, is_known
from everup.model.settings import Settings
from everup.model.sizing import Band, QueueSpec, ScalingSpec
from everup.model.stack import Limits

MIB = 1024.0 * 1024.0
STEP_S = 15.0
BEGINS_S = 1_000_000.0
RULE = Rule(ANY_OTHER.cpu, ANY_OTHER.memory, 1, 10, Axis.BOTH, "usual")
MAY = Allowed(Axis.BOTH, 1, 10, Limits(512 * MIB, 1.0))
SPEC = ScalingSpec(latency_target_s=0.5)
SIGHT = StepSight(
    at_s=BEGINS_S,
    instances=3,
    ready=3,
    demand=60.0,
    unit=Unit.REQUESTS,
    latency_s=0.05,
    errors_ratio=0.0,
    waiting=0.0,
    queue=UNKNOWN,
    cpu_cores=0.4,
    cpus=1.0,
    memory_ratio=0.5,
    memory_bytes=256 * MIB,
    memory_limit_bytes=512 * MIB,
    version="1",
    starts_s=45.0,
)


def new(spec: ScalingSpec = SPEC) -> ServiceScaler:
    return ServiceScaler(spec, RULE, Settings(), BEGINS_S)


IDLE: dict[str, Any] = {"unit": Unit.CORES, "demand": 0.03, "cpu_cores": 0.01, "memory_ratio": 0.2}
GONE: dict[str, Any] = {
    "unit": Unit.NOTHING,
    "demand": math.nan,
    "cpu_cores": math.nan,
    "latency_s": math.nan,
}


def lived(scaler: ServiceScaler, steps: int, may: Allowed = MAY, **changes: Any) -> StepSight:
    """So many steps after another; the last sight."""
    sight = replace(SIGHT, **changes)
    begins_s = max(BEGINS_S, scaler.usage.seen_at_s) if scaler.planner.past.steps else BEGINS_S
    for step in range(1, steps + 1):
        sight = replace(sight, at_s=begins_s + step * STEP_S)
        scaler.follow(sight, may)
    return sight


def opinion(steps: int, may: Allowed = MAY, **changes: Any) -> Opinion:
    scaler = new()
    sight = lived(scaler, steps, may, **changes)
    return scaler.think(sight, may)


ANYTHING = st.floats(0.0, 1e15) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0])
COUNTS = st.integers(0, 12)
SIGHTS = st.builds(
    StepSight,
    at_s=st.just(0.0),
    instances=st.integers(1, 12),
    ready=COUNTS,
    demand=ANYTHING,
    unit=st.sampled_from(list(Unit)),
    latency_s=ANYTHING,
    errors_ratio=ANYTHING,
    waiting=ANYTHING,
    queue=ANYTHING,
    cpu_cores=ANYTHING,
    cpus=ANYTHING,
    memory_ratio=ANYTHING,
    memory_bytes=ANYTHING,
    memory_limit_bytes=ANYTHING,
    out_of_memory=st.integers(0, 2),
    version=st.sampled_from(["", "1", "2"]),
    starts_s=st.floats(0.0, 1e9) | st.sampled_from([math.nan, math.inf]),
)


@given(
    st.lists(SIGHTS, min_size=1, max_size=12),
    st.sampled_from(list(Axis)),
    st.integers(0, 3),
    st.booleans(),
)
@settings(deadline=None, max_examples=80)
def test_whatever_is_seen_there_is_an_opinion_within_the_bounds(
    sights: list[StepSight], axis: Axis, least: int, has_queue: bool
) -> None:
    spec = replace(SPEC, queue=QueueSpec(command=("q",), per_instance=2.0) if has_queue else None)
    scaler, may = new(spec), Allowed(axis, least, least + 7, Limits(512 * MIB, 1.0))
    for step, sight in enumerate(sights):
        now = replace(sight, at_s=BEGINS_S + step * STEP_S, ready=min(sight.ready, sight.instances))
        scaler.follow(now, may)
        found = scaler.think(now, may)
        choice = found.choice
        assert choice.instances_now == now.instances
        low, high = min(least, now.instances), max(may.most, now.instances)
        assert low <= choice.instances <= high
        assert choice.text
        assert not (choice.instances != now.instances and is_known(choice.memory_bytes))
        if not found.may_count:
            assert choice.instances == now.instances


def test_nothing_at_all_is_seen() -> None:
    found = opinion(
        30,
        demand=math.nan,
        unit=Unit.NOTHING,
        latency_s=math.nan,
        errors_ratio=math.nan,
        cpu_cores=math.nan,
        cpus=math.nan,
        memory_ratio=math.nan,
        memory_bytes=math.nan,
        memory_limit_bytes=math.nan,
        starts_s=math.nan,
        version="",
    )
    assert not found.choice.is_change
    assert found.unit is Unit.NOTHING


def test_no_limits_are_one_processor_and_nothing_to_size() -> None:
    found = opinion(
        30, unit=Unit.CORES, demand=1.2, cpu_cores=0.4, cpus=math.inf, memory_limit_bytes=math.inf
    )
    assert found.capacity.lower == pytest.approx(0.7)
    assert not is_known(found.choice.memory_bytes)
    nothing = opinion(5, unit=Unit.CORES, demand=1.2, cpus=0.0)
    assert nothing.capacity.lower == pytest.approx(0.7), "no limit that can be is zero"


def test_what_is_used_counts_until_requests_are() -> None:
    scaler = new()
    lived(scaler, 20, unit=Unit.CORES, demand=1.2)
    planner = scaler.planner
    units = [scaler.unit]
    lived(scaler, 1)
    assert [*units, scaler.unit] == [Unit.CORES, Unit.REQUESTS]
    assert scaler.planner is not planner
    assert scaler.planner.past.steps == 1
    assert scaler.planner.past.last == 60.0
    kept = scaler.planner
    lived(scaler, 5, unit=Unit.NOTHING, demand=math.nan)
    assert scaler.planner is kept, "what is not seen for a while is no other unit"
    assert not kept.past.is_seen
    lived(scaler, 1)
    assert scaler.planner is kept


def test_the_first_unit_keeps_the_steps_before_it() -> None:
    scaler = new()
    lived(scaler, 5, unit=Unit.NOTHING, demand=math.nan)
    planner = scaler.planner
    lived(scaler, 1)
    assert scaler.planner is planner
    assert planner.past.steps == 6


def test_another_version_carries_what_it_will() -> None:
    scaler = new()
    told: list[int] = []
    scaler.capacities.version_changed = lambda: told.append(1)  # type: ignore[method-assign]
    lived(scaler, 3)
    lived(scaler, 2, version="")
    lived(scaler, 2)
    assert not told, "a version that is not known is no other one"
    lived(scaler, 2, version="2")
    assert told == [1]


def test_a_start_is_as_long_as_it_was_seen_to_be() -> None:
    scaler = new()
    lived(scaler, 2, starts_s=100.0)
    assert scaler.planner.soon.after == 8
    lived(scaler, 1, starts_s=math.nan)
    assert scaler.planner.soon.after == 8
    lived(scaler, 1, starts_s=3600.0)
    assert scaler.planner.soon.after == 61, "no further than is foretold at all"


def test_nobody_takes_away_before_a_window_was_seen() -> None:
    """A new life of Everup knows of no wish of the minutes before."""
    scaler = new()
    sight = lived(scaler, 2, **IDLE)
    found = scaler.think(sight, MAY)
    assert found.choice.instances == 3
    assert "too short a time" in found.plan.text
    for _ in range(22):
        sight = lived(scaler, 1, **IDLE)
        found = scaler.think(sight, MAY)
    assert found.choice.instances < 3


def test_demand_that_grows_is_followed_at_once_within_the_step() -> None:
    scaler = new()
    lived(scaler, 3, unit=Unit.CORES, demand=1.2)
    sight = lived(scaler, 2, unit=Unit.CORES, demand=2.94, cpu_cores=0.98)
    found = scaler.think(sight, MAY)
    assert found.choice.instances == 7, "it rises, and there are four more at a time"
    assert found.choice.is_change


def test_a_forecast_decides_once_it_is_warm_and_a_capacity_is_known() -> None:
    scaler = new()
    rng = np.random.default_rng(5)
    for demand in rng.lognormal(math.log(60.0), 0.2, WARM_STEPS + 10):
        sight = lived(
            scaler, 1, unit=Unit.CORES, demand=float(demand) / 50, cpu_cores=float(demand) / 150
        )
        found = scaler.think(sight, MAY)
    assert scaler.planner.is_warm
    assert found.plan.by in set(By) - {By.PLAIN, By.HELD}
    assert is_known(found.plan.chance)


def test_metrics_that_die_at_a_peak_remove_nothing_and_it_resumes() -> None:
    scaler = new()
    lived(scaler, 40, **IDLE)
    for _ in range(60):
        sight = lived(scaler, 1, **GONE)
        found = scaler.think(sight, MAY)
        assert found.choice.instances == 3
        assert "not seen" in found.plan.text
    for _ in range(30):
        sight = lived(scaler, 1, **IDLE)
        found = scaler.think(sight, MAY)
    assert found.choice.instances == 1


def test_a_skipped_time_is_counted_and_a_day_costs_no_more_than_a_moment() -> None:
    scaler = new()
    lived(scaler, 3)
    scaler.skip(0)
    scaler.skip(-1)
    assert scaler.planner.past.steps == 3
    scaler.skip(20_000)
    assert scaler.planner.past.steps == 20_003


def test_stateful_services_are_only_sized() -> None:
    found = opinion(30, replace(MAY, axis=Axis.SIZE), unit=Unit.CORES, demand=2.9, cpu_cores=0.97)
    assert found.choice.instances == 3
    assert not found.may_count


def test_slow_answers_are_told_as_such() -> None:
    found = opinion(30, latency_s=2.0)
    assert found.rules.trigger == "latency"
    assert found.is_slow
    assert found.choice.instances > 3


@pytest.mark.parametrize("dead", [0, 1])
def test_what_leaks_gets_no_more_than_its_owner_declared(dead: int) -> None:
    full: dict[str, Any] = {"memory_bytes": 500 * MIB, "memory_ratio": 0.98, "out_of_memory": dead}
    grown = opinion(3, **full)
    assert 512 * MIB < grown.choice.memory_bytes <= 1024 * MIB
    leaking = opinion(3, replace(MAY, leaks=True), **full)
    assert not is_known(leaking.choice.memory_bytes)
    assert leaking.advice.capped_by is Cap.LEAK
    shrunk = {**full, "memory_bytes": 290 * MIB, "memory_limit_bytes": 300 * MIB}
    given_back = opinion(3, replace(MAY, leaks=True), **shrunk)
    assert 340 * MIB < given_back.choice.memory_bytes <= 512 * MIB


def test_a_processor_is_no_alarm_below_its_owners_bound() -> None:
    several = replace(RULE, cpu=Band(3.0, 1.0))
    scaler = ServiceScaler(SPEC, several, Settings(), BEGINS_S)
    sight = lived(scaler, 30, cpus=math.inf, cpu_cores=2.0)
    found = scaler.think(sight, MAY)
    assert found.choice.instances == 3


def test_no_limit_is_advised_that_an_engine_refuses() -> None:
    small: dict[str, Any] = {"memory_bytes": 2 * MIB, "memory_limit_bytes": 8 * MIB}
    may = replace(MAY, axis=Axis.SIZE, declared=Limits(8 * MIB, 1.0))
    found = opinion(7200, may, unit=Unit.NOTHING, memory_ratio=0.25, **small)
    assert found.choice.memory_bytes == 6 * MIB
    assert found.advice.capped_by is Cap.LEAST


def test_a_limit_below_what_is_declared_grows_back_for_a_reason_that_is_one() -> None:
    lowered = opinion(3, memory_bytes=60 * MIB, memory_limit_bytes=256 * MIB, memory_ratio=0.24)
    assert lowered.choice.memory_bytes == 512 * MIB
    assert "512 MiB as declared, until more was seen" in lowered.choice.text
    assert lowered.is_size_for_later
    short = opinion(3, memory_bytes=250 * MIB, memory_limit_bytes=256 * MIB, memory_ratio=0.98)
    assert not short.is_size_for_later


def test_nothing_goes_while_a_declared_queue_cannot_be_read() -> None:
    """Requests say nothing of what waits in it."""
    spec = replace(SPEC, queue=QueueSpec(redis="redis:6379", key="jobs", per_instance=10.0))
    for queue, wanted in ((0.0, 1), (UNKNOWN, 8)):
        scaler = new(spec)
        few: dict[str, Any] = {"instances": 8, "ready": 8, "demand": 8.0, "cpu_cores": 0.05}
        few |= {"memory_ratio": 0.2}
        sight = lived(scaler, 200, **few, queue=queue)
        found = scaler.think(sight, MAY)
        assert found.plan.wanted == wanted
        if not is_known(queue):
            assert found.plan.by is By.HELD
            assert "its queue cannot be read now" in found.plan.text


def test_after_a_gap_a_window_is_seen_before_anything_goes() -> None:
    """Nobody knows what was needed in the minutes before."""
    few: dict[str, Any] = {"instances": 8, "ready": 8, "demand": 8.0, "cpu_cores": 0.05}
    few |= {"memory_ratio": 0.2}
    for steps, wanted in ((2, 1), (400, 8)):
        scaler = new()
        sight = lived(scaler, 200, **few)
        scaler.skip(steps)
        sight = replace(sight, at_s=sight.at_s + (steps + 1) * STEP_S)
        scaler.follow(sight, MAY)
        assert scaler.think(sight, MAY).plan.wanted == wanted
    for _ in range(21):
        sight = replace(sight, at_s=sight.at_s + STEP_S)
        scaler.follow(sight, MAY)
    assert scaler.think(sight, MAY).plan.wanted < 8


@pytest.mark.parametrize("target_s", [UNKNOWN, 0.1])
def test_nothing_goes_while_answers_take_longer_than_they_may(target_s: float) -> None:
    """A cache may have gone, or a disk be slow: what was learned says that fewer would do."""
    few: dict[str, Any] = {"instances": 8, "ready": 8, "demand": 8.0, "cpu_cores": 0.05}
    scaler = new(ScalingSpec(latency_target_s=target_s))
    sight = lived(scaler, 200, **few, memory_ratio=0.2, latency_s=0.01)
    assert scaler.think(sight, MAY).plan.wanted < 8
    slow = replace(sight, at_s=sight.at_s + STEP_S, latency_s=1.5)
    scaler.follow(slow, MAY)
    found = scaler.think(slow, MAY).plan
    assert found.wanted >= 8
    assert found.by is By.ALARM or "answers take 1.5 s" in found.text
    one = replace(slow, at_s=slow.at_s + STEP_S, demand=1.0)
    scaler.follow(one, MAY)
    assert "nothing is removed" not in scaler.think(one, MAY).plan.text, "fifteen say little"
