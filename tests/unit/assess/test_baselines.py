"""What is usual of a service at this hour: learned, robust, bounded, and kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from numpy.typing import NDArray

from everup.loop.history_ring import HistoryRing
from everup.model.baseline import BaselineKept
from everup.model.history import INDEX, SIGNALS, FloatArray, Signal
from everup.predictive_monitor.baselines import BEGINS_WITH, HOURS, SEASONAL, Baselines

HOUR_S, DAY_S, EVERY_S = 3600.0, 86_400.0, 120.0
MODEST = settings(max_examples=8, deadline=None)
LATENCY = Signal.LATENCY_S
WELL: NDArray[np.bool_] = np.array([True, True])


def sample(*latencies: float) -> FloatArray:
    found = np.full((len(SIGNALS), len(latencies)), np.nan, dtype=np.float32)
    found[INDEX[LATENCY]] = latencies
    return found


class World:
    """Two services, sampled every two minutes."""

    def __init__(self) -> None:
        self.ring = HistoryRing(("a", "b"), slots=240, interval_s=EVERY_S, gap_s=1e9)
        self.learned = Baselines(("a", "b"))
        self.at_s = 0.0

    def see(self, one: float, other: float, well: NDArray[np.bool_] = WELL) -> None:
        self.at_s += EVERY_S
        seen = sample(one, other)
        self.ring.append(self.at_s, seen)
        self.learned.learn(self.at_s, seen, well, self.ring)

    def usual(self, at_s: float | None = None) -> tuple[float, float]:
        found = self.learned.usual(LATENCY, self.at_s if at_s is None else at_s)
        return float(found.value[0]), float(found.spread[0])


def test_nothing_is_usual_of_what_was_hardly_seen() -> None:
    world = World()
    for _ in range(BEGINS_WITH - 1):
        world.see(0.02, np.nan)
    assert np.isnan(world.usual()[0])
    world.see(0.02, np.nan)
    assert world.usual()[0] == pytest.approx(0.02, rel=0.01)
    assert np.isnan(world.learned.usual(LATENCY, 0.0).value[1]), "of the other one nothing was seen"
    assert world.learned.counts(LATENCY).tolist() == [BEGINS_WITH, 0.0]


@MODEST
@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 1.0), st.floats(0.1, 0.6))
def test_the_middle_and_the_spread_are_found(seed: int, middle: float, spread: float) -> None:
    random, world = default_rng(seed), World()
    for _ in range(2000):
        world.see(middle * float(np.exp(spread * random.standard_normal())), 0.01)
    value, wide = world.usual()
    assert value == pytest.approx(middle, rel=0.35 * spread + 0.1, abs=2e-3)
    if middle > 0.01:
        assert wide == pytest.approx(spread, rel=0.4)


def test_a_busy_hour_has_its_own_usual() -> None:
    world, random = World(), default_rng(1)
    for _ in range(int(12 * DAY_S / EVERY_S)):
        hour = (world.at_s % DAY_S) / HOUR_S
        busy = 12.0 <= hour < 13.0
        latency = (0.2 if busy else 0.02) * float(np.exp(0.3 * random.standard_normal()))
        world.see(latency, 0.01)
    noon, night = world.usual(12.5 * HOUR_S)[0], world.usual(3.5 * HOUR_S)[0]
    assert night == pytest.approx(0.02, rel=0.25)
    assert noon > 3.0 * night
    found = world.learned.beside(LATENCY, np.array([0.2, 0.01], dtype=np.float32), 12.5 * HOUR_S)
    other = world.learned.beside(LATENCY, np.array([0.2, 0.01], dtype=np.float32), 3.5 * HOUR_S)
    assert abs(found[0]) < 3.0 < other[0]


@MODEST
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 0.15))
def test_outliers_teach_little(seed: int, share: float) -> None:
    random, world = default_rng(seed), World()
    for _ in range(1500):
        is_odd = random.random() < share
        world.see(5.0 if is_odd else 0.02 * float(np.exp(0.2 * random.standard_normal())), 0.01)
    assert world.usual()[0] == pytest.approx(0.02, rel=0.35)


def test_the_unwell_teach_nothing() -> None:
    world = World()
    for _ in range(100):
        world.see(0.02, 0.02)
    before = world.usual()
    for _ in range(500):
        world.see(1.9, 0.02, np.array([False, True]))
    assert world.usual() == before


def test_a_new_level_that_lasts_is_learned_in_a_few_days() -> None:
    world, random = World(), default_rng(2)
    for turn in range(3000 + 9000):
        middle = 0.02 if turn < 3000 else 0.06
        world.see(middle * float(np.exp(0.1 * random.standard_normal())), 0.01)
        if turn == 3000 + 100:
            assert world.usual()[0] < 0.03, "not at once"
    assert world.usual()[0] == pytest.approx(0.06, rel=0.3)


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, -1.0])
def test_poison_is_left_out(odd: float) -> None:
    world = World()
    for _ in range(50):
        world.see(0.02, 0.02)
    for _ in range(50):
        world.see(odd, 0.02)
    assert world.usual()[0] == pytest.approx(0.02, rel=0.01)
    assert np.all(np.isfinite(world.learned.usual(LATENCY, 0.0).value))


def test_what_is_kept_comes_back_as_it_was() -> None:
    world, random = World(), default_rng(3)
    for _ in range(1000):
        world.see(0.02 * float(np.exp(0.2 * random.standard_normal())), 0.5)
    other = Baselines(("b", "a", "new"))
    for name in ("a", "b"):
        other.put(name, world.learned.take(name))
    other.put("gone", world.learned.take("a"))
    for hour in range(HOURS):
        was = world.learned.usual(LATENCY, hour * HOUR_S)
        now = other.usual(LATENCY, hour * HOUR_S)
        assert now.value[1] == pytest.approx(was.value[0], rel=1e-3)
        assert now.spread[1] == pytest.approx(was.spread[0], rel=1e-2)
        assert now.learned_from[1] == was.learned_from[0]
        assert np.isnan(now.value[2])


@pytest.mark.parametrize(
    "kept",
    [
        BaselineKept("latency_s", (0.0,), (0.1,), (1,)),
        BaselineKept("nonsense", (0.0,) * 25, (0.1,) * 25, (1,) * 25),
        BaselineKept("latency_s", (float("nan"),) * 25, (0.1,) * 25, (1,) * 25),
        BaselineKept("latency_s", (0.0,) * 25, (0.0,) * 25, (1,) * 25),
        BaselineKept("latency_s", (0.0,) * 25, (0.1,) * 25, (-1,) * 25),
        BaselineKept("latency_s", (0.0,) * 24, (0.1,) * 25, (1,) * 25),
    ],
)
def test_what_is_of_another_shape_is_left_out(kept: BaselineKept) -> None:
    learned = Baselines(("a",))
    learned.put("a", (kept,))
    assert np.isnan(learned.usual(LATENCY, 0.0).value[0])


def test_memory_is_bounded() -> None:
    learned = Baselines(("a", "b"))
    size = sum(a.nbytes for a in (learned.centre_, learned.spread_, learned.count_))
    assert size == 3 * 4 * len(SEASONAL) * 2 * (HOURS + 1)
