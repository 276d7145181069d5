"""More of them or larger ones: one at a time, and they never chase each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.advice import Range, SizeAdvice
from everup.auto_scaler.arbiter import Part, Ruling, Trigger, Wish, arbitrate, still_s
from everup.model.axis import Axis
from everup.model.settings import Settings

SETTINGS = Settings()
STILL_S = still_s(SETTINGS)
NOW_S = 10_000.0
ANY = Range(1.0, 1.0, 1.0)
KEEP = SizeAdvice(1.0, 100.0, 1.0, 1.0, ANY, ANY, 100.0, 1.0, "")
MORE_MEMORY = replace(KEEP, memory_limit_bytes=150.0)
SHORT = replace(MORE_MEMORY, is_memory_short=True)
LESS_MEMORY = replace(KEEP, memory_limit_bytes=80.0)
MORE_CPU = replace(KEEP, cpu_limit_cores=1.25, is_cpu_short=True)
LESS_CPU = replace(KEEP, cpu_limit_cores=0.7)
COUNTED, SIZED = {Axis.COUNT, Axis.BOTH}, {Axis.SIZE, Axis.BOTH}


def ruled(wish: Wish, now_s: float = NOW_S) -> Ruling:
    return arbitrate(wish, now_s, SETTINGS)


@pytest.mark.parametrize(
    ("wish", "part", "delta"),
    [
        (Wish(Axis.BOTH), Part.NONE, 0),
        (Wish(Axis.BOTH, advice=KEEP), Part.NONE, 0),
        (Wish(Axis.BOTH, 2, advice=SHORT), Part.MEMORY, 0),
        (Wish(Axis.SIZE, 2, advice=SHORT), Part.MEMORY, 0),
        (Wish(Axis.COUNT, 2, advice=SHORT), Part.COUNT, 2),  # for its throughput, not its memory
        (Wish(Axis.COUNT, 2, Trigger.MEMORY, SHORT), Part.NONE, 0),
        (Wish(Axis.COUNT, -1, advice=SHORT), Part.NONE, 0),
        (Wish(Axis.BOTH, 2, Trigger.MEMORY, KEEP), Part.NONE, 0),
        (Wish(Axis.BOTH, 2, Trigger.CPU, MORE_CPU), Part.COUNT, 2),
        (Wish(Axis.BOTH, 0, Trigger.CPU, MORE_CPU), Part.NONE, 0),
        (Wish(Axis.SIZE, 2, Trigger.CPU, MORE_CPU), Part.CPUS, 0),
        (Wish(Axis.BOTH, 2, advice=MORE_MEMORY), Part.COUNT, 2),
        (Wish(Axis.BOTH, 0, advice=MORE_MEMORY), Part.MEMORY, 0),
        (Wish(Axis.BOTH, -2, advice=LESS_MEMORY), Part.COUNT, -2),
        (Wish(Axis.BOTH, 0, advice=LESS_MEMORY), Part.MEMORY, 0),
        (Wish(Axis.SIZE, 0, advice=LESS_CPU), Part.CPUS, 0),
        (Wish(Axis.BOTH, 0, advice=LESS_CPU), Part.NONE, 0),
        (Wish(Axis.NONE, 2, advice=SHORT), Part.NONE, 0),
        (Wish(Axis.NONE, -2, advice=LESS_CPU), Part.NONE, 0),
    ],
)
def test_who_acts(wish: Wish, part: Part, delta: int) -> None:
    found = ruled(wish)
    assert (found.part, found.delta) == (part, delta)
    assert found.reason


def test_a_shortage_of_memory_that_may_not_be_met_is_told() -> None:
    assert ruled(Wish(Axis.COUNT, advice=SHORT)).held is Part.MEMORY


@pytest.mark.parametrize(
    ("wish", "held"),
    [
        (Wish(Axis.BOTH, 1, cpus_changed_s=NOW_S), Part.COUNT),
        (Wish(Axis.BOTH, -1, memory_changed_s=NOW_S), Part.COUNT),
        (Wish(Axis.BOTH, advice=LESS_MEMORY, count_changed_s=NOW_S), Part.MEMORY),
        (Wish(Axis.SIZE, advice=LESS_CPU, count_changed_s=NOW_S), Part.CPUS),
        (Wish(Axis.SIZE, advice=MORE_CPU, count_changed_s=NOW_S), Part.CPUS),
    ],
)
def test_a_change_on_one_axis_holds_the_other(wish: Wish, held: Part) -> None:
    now = ruled(wish, NOW_S + STILL_S - 1)
    assert (now.part, now.held, now.until_s) == (Part.NONE, held, NOW_S + STILL_S)
    assert ruled(wish, NOW_S + STILL_S).part is held


@pytest.mark.parametrize(
    ("wish", "part"),
    [
        (Wish(Axis.BOTH, 3, advice=SHORT, count_changed_s=NOW_S), Part.MEMORY),
        (Wish(Axis.BOTH, 0, advice=MORE_MEMORY, count_changed_s=NOW_S), Part.MEMORY),
        (Wish(Axis.BOTH, 1, advice=KEEP, memory_changed_s=NOW_S), Part.COUNT),
    ],
)
def test_what_is_short_does_not_wait_for_what_cannot_help_it(wish: Wish, part: Part) -> None:
    assert ruled(wish).part is part


advices = st.one_of(
    st.none(),
    st.builds(
        lambda memory, cpus, is_short: replace(
            KEEP, memory_limit_bytes=memory, cpu_limit_cores=cpus, is_memory_short=is_short
        ),
        st.sampled_from([80.0, 100.0, 150.0]),
        st.sampled_from([0.7, 1.0, 1.25]),
        st.booleans(),
    ),
)
moments = st.one_of(st.just(math.nan), st.floats(NOW_S - 2 * STILL_S, NOW_S))
wishes = st.builds(
    Wish,
    st.sampled_from(Axis),
    st.integers(-3, 3),
    st.sampled_from(Trigger),
    advices,
    moments,
    moments,
    moments,
)


@given(wishes)
def test_what_always_holds(wish: Wish) -> None:
    found = ruled(wish)
    if found.part is Part.COUNT:
        assert wish.axis in COUNTED
        assert found.delta == wish.delta != 0
        assert wish.trigger is not Trigger.MEMORY
    else:
        assert found.delta == 0
    if found.part in {Part.MEMORY, Part.CPUS}:
        assert wish.axis in SIZED
        assert wish.advice is not None
        assert wish.advice.is_change
    if found.part is Part.CPUS:
        assert wish.axis is Axis.SIZE
    if wish.advice is not None and wish.advice.is_memory_short and wish.axis in SIZED:
        if wish.advice.memory_sign > 0:
            assert found.part is Part.MEMORY
    if found.held is not Part.NONE:
        assert found.part is Part.NONE


@dataclass
class World:
    """Demand that stays: each instance bears so much for each processor of it, and uses memory for
    itself and for its share."""

    demand: float
    memory_share: float
    count: int
    memory: float
    cpus: float
    peak: float = 0.0

    def advice(self) -> SizeAdvice:
        used = 50.0 + self.memory_share * self.demand / self.count
        self.peak = max(self.peak, used)
        memory, cpus = 1.2 * self.peak, 1.15 * self.demand / self.count
        if 0.9 * self.memory <= memory <= self.memory:
            memory = self.memory
        if 0.9 * self.cpus <= cpus <= self.cpus:
            cpus = self.cpus
        return replace(
            KEEP,
            memory_limit_bytes=memory,
            cpu_limit_cores=cpus,
            memory_now_bytes=self.memory,
            cpu_now_cores=self.cpus,
            is_memory_short=used > 0.85 * self.memory,
        )

    def act(self, ruling: Ruling, advice: SizeAdvice) -> None:
        self.count += ruling.delta
        if ruling.part is Part.MEMORY:
            self.memory = advice.memory_limit_bytes
        if ruling.part is Part.CPUS:
            self.cpus = advice.cpu_limit_cores


@given(
    st.sampled_from(Axis),
    st.floats(0.1, 20.0),
    st.floats(0.0, 100.0),
    st.integers(1, 10),
    st.floats(20.0, 2000.0),
    st.floats(0.2, 4.0),
)
def test_demand_that_stays_is_met_once_on_each_axis_and_then_there_is_silence(
    axis: Axis, demand: float, share: float, count: int, memory: float, cpus: float
) -> None:
    world = World(demand, share, count, memory, cpus)
    changed = dict.fromkeys(Part, math.nan)
    times = dict.fromkeys(Part, 0)
    for look in range(200):
        now_s, advice = 30.0 * look, world.advice()
        wanted = max(1, math.ceil(world.demand / world.cpus / 0.7))
        wish = Wish(
            axis,
            wanted - world.count,
            Trigger.CPU,
            advice,
            changed[Part.COUNT],
            changed[Part.MEMORY],
            changed[Part.CPUS],
        )
        ruling = ruled(wish, now_s)
        world.act(ruling, advice)
        if ruling.part is not Part.NONE:
            changed[ruling.part] = now_s
            times[ruling.part] += 1
    assert times[Part.COUNT] <= 1
    assert times[Part.CPUS] <= 1
    assert times[Part.MEMORY] <= 2  # grown for fewer instances, or when it was short at first
    assert max((at_s for at_s in changed.values() if at_s == at_s), default=0.0) < 3000.0
