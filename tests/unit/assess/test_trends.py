"""Lines through what climbs: what is one, what is none, and how sure one may be of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from everup.predictive_monitor.predict import PRIOR_MOST, prior
from everup.predictive_monitor.steps import line_start
from everup.predictive_monitor.strains import lasting_since, usual_of
from everup.predictive_monitor.trend import Climb, climb

Floats = NDArray[np.float64]
Series = tuple[Floats, Floats]
HORIZON_S = 900.0
ACTS_ABOVE = 0.7
SEEDS = st.integers(0, 2**32 - 1)
MODEST = settings(max_examples=40, deadline=None)


def times(many: int = 120, every_s: float = 5.0) -> Floats:
    return np.asarray(np.arange(many) * every_s, dtype=np.float64)


def line(found: Series) -> Climb | None:
    return climb(*found, span_least_s=60.0)


def probability(found: Series) -> float:
    made = line(found)
    return 0.0 if made is None else prior(made, float(found[1][-1]), HORIZON_S)


def leak(random: Generator, many: int = 120, noise: float = 0.005) -> Series:
    at = times(many)
    return at, 0.3 + 0.5 * at / at[-1] + noise * random.standard_normal(many)


def flat(random: Generator) -> Series:
    return times(), 0.8 + 0.02 * random.standard_normal(120)


def saw(random: Generator) -> Series:
    at = times()
    teeth = (at / random.uniform(60.0, 250.0) + random.random()) % 1.0
    return at, 0.4 + 0.45 * teeth + 0.01 * random.standard_normal(120)


def step(random: Generator) -> Series:
    at = times()
    jump = 0.4 * (at > at[random.integers(5, 115)])
    return at, 0.4 + jump + 0.01 * random.standard_normal(120)


def warm_up(random: Generator) -> Series:
    at = times()
    grown = 0.7 * (1.0 - np.exp(-at / random.uniform(60.0, 120.0)))
    return at, 0.1 + grown + 0.005 * random.standard_normal(120)


def walk(random: Generator) -> Series:
    return times(), np.clip(0.75 + np.cumsum(0.004 * random.standard_normal(120)), 0.1, 0.97)


@pytest.mark.parametrize(
    ("make", "most"),
    [(flat, 0.0), (saw, 0.0), (step, 0.0), (warm_up, 0.0), (walk, 0.05)],
    ids=["flat", "saw-tooth", "step", "warm-up", "random walk"],
)
def test_false_alarms(make: Callable[[Generator], Series], most: float) -> None:
    """Of 200 series of each kind. Measured: none but for random walks, of which some do climb."""
    alarms = sum(probability(make(default_rng(seed))) >= ACTS_ABOVE for seed in range(200))
    assert alarms <= most * 200


def uneven_teeth(random: Generator, many: int) -> Floats:
    """Garbage that is collected whenever it likes."""
    found, level, peak = [], 0.4, 0.7
    for _ in range(many):
        level += 0.003 * (0.5 + random.random())
        found.append(level)
        if level > peak:
            level, peak = 0.4 + 0.03 * random.random(), random.uniform(0.6, 0.85)
    return np.array(found)


def wandering(random: Generator, many: int) -> Floats:
    """About its mean, with a memory of 10 min and a deviation of 2 % of the limit."""
    kept = float(np.exp(-5.0 / 600.0))
    found = [0.0]
    for pushed in 0.02 * np.sqrt(1.0 - kept**2) * random.standard_normal(many - 1):
        found.append(kept * found[-1] + pushed)
    return 0.7 + np.array(found)


@pytest.mark.parametrize("make", [uneven_teeth, wandering], ids=["uneven teeth", "wandering"])
@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm_in_hours(make: Callable[[Generator, int], Floats], seed: int) -> None:
    """Three hours of looks at the latest twenty minutes, twice a minute."""
    values = make(default_rng(seed), 2160)
    at = times(2160)
    for end in range(240, 2160, 6):
        stretch = slice(end - 240, end)
        assert probability((at[stretch], values[stretch])) < ACTS_ABOVE


@MODEST
@given(SEEDS, st.floats(0.1, 0.9), st.floats(0.0, 0.02))
def test_a_steady_leak_is_foretold_before_its_limit(seed: int, rate: float, noise: float) -> None:
    """From 30 % to the limit within 6 to 50 min: acted upon at least a fifth of that before it."""
    span_s = 60.0 * 5.0 / rate
    at = np.arange(0.0, span_s, 5.0)
    values = 0.3 + 0.7 * at / span_s + noise * default_rng(seed).standard_normal(len(at))
    seen_at = [
        float(at[n - 1])
        for n in range(12, len(at), 3)
        if probability((at[max(0, n - 240) : n], values[max(0, n - 240) : n])) >= ACTS_ABOVE
    ]
    assert seen_at
    assert seen_at[0] <= 0.8 * span_s


@MODEST
@given(SEEDS, st.floats(1e-3, 1e12), st.floats(0.1, 100.0))
def test_scale_changes_nothing(seed: int, size: float, pace: float) -> None:
    at, values = leak(default_rng(seed))
    one = climb(at, values, span_least_s=60.0)
    other = climb(at * pace, values * size, span_least_s=60.0 * pace)
    assert one is not None
    assert other is not None
    assert other.seconds_to(size)[1] == pytest.approx(one.seconds_to(1.0)[1] * pace, rel=1e-6)


@MODEST
@given(SEEDS, st.floats(0.0, 0.6))
def test_gaps_are_left_out(seed: int, share: float) -> None:
    random = default_rng(seed)
    at, values = leak(random)
    holes = random.random(len(at)) < share
    holes[-1] = False
    made = line((at, np.where(holes, np.nan, values)))
    assert made is not None
    assert made.per_s == pytest.approx(0.5 / at[-1], rel=0.15)


@MODEST
@given(SEEDS)
def test_the_interval_holds_the_truth(seed: int) -> None:
    made = line(leak(default_rng(seed)))
    assert made is not None
    earliest, likely, latest = made.seconds_to(1.0)
    assert earliest <= likely <= latest
    assert made.per_s_least * 0.9 <= 0.5 / times()[-1] <= made.per_s_most * 1.1


@MODEST
@given(SEEDS, st.integers(20, 200))
def test_the_calm_before_a_leak_does_not_water_it_down(seed: int, calm: int) -> None:
    """Of ten noises nine: where a line begins is told by a test, which errs now and then."""
    random = default_rng(seed)
    at = times(calm + 60)
    grown = 0.35 + np.maximum(0.0, at - at[calm]) * 0.001
    made = [line((at, grown + 0.004 * random.standard_normal(len(at)))) for _ in range(10)]
    right = [one for one in made if one and one.per_s == pytest.approx(0.001, rel=0.4)]
    assert len(right) >= 9


@MODEST
@given(SEEDS)
def test_a_saw_tooth_whose_floor_climbs_is_a_leak(seed: int) -> None:
    random = default_rng(seed)
    at = times(200)
    teeth = 0.1 * ((at / 60.0 + random.random()) % 1.0)
    made = line((at, 0.3 + 0.0004 * at + teeth + 0.004 * random.standard_normal(200)))
    assert made is not None
    assert made.per_s == pytest.approx(0.0004, rel=0.3)
    assert made.headway > 0.05, "the limit is met by the peaks"


@MODEST
@given(SEEDS, st.integers(30, 80), st.floats(0.1, 0.3), st.floats(0.0, 0.004))
def test_a_step_in_a_leak_begins_a_new_line(
    seed: int, where: int, jump: float, noise: float
) -> None:
    """A deploy takes more at once and leaks as before: the step is no part of the slope."""
    random = default_rng(seed)
    at = times(160)
    values = 0.2 + 0.0005 * at + jump * (at >= at[where])
    values = np.asarray(values + noise * random.standard_normal(len(at)), dtype=np.float64)
    assert line_start(values) == where
    made = line((at, values))
    assert made is not None
    assert made.per_s == pytest.approx(0.0005, rel=0.35)


@MODEST
@given(SEEDS, st.floats(0.0, 0.02), st.integers(3, 12))
def test_a_climb_a_stair_and_a_spike_are_no_steps(seed: int, noise: float, width: int) -> None:
    random = default_rng(seed)
    at = times(120)
    climbs = 0.2 + 0.004 * np.arange(120) + noise * random.standard_normal(120)
    assert line_start(np.asarray(climbs, dtype=np.float64)) == 0
    stairs = 0.1 + 0.05 * (np.arange(120) // width)
    assert line_start(np.asarray(stairs, dtype=np.float64)) == 0
    spike = np.full(120, 0.3) + 0.001 * random.standard_normal(120)
    spike[60] = 0.9
    assert line_start(np.asarray(spike, dtype=np.float64)) == 0
    assert line_start(np.full(120, 0.5)) == line_start(at[:5]) == 0


def test_too_little_is_nothing() -> None:
    assert line((times(9), times(9) / 100)) is None
    assert line((times(50, 1.0), times(50) / 1000)) is None, "it must last a while"
    assert line((times(40), np.full(40, np.nan))) is None
    assert line((times(40), np.full(40, 0.5))) is None
    assert line((times(40), 0.9 - times(40) / 1000)) is None


@given(SEEDS)
def test_a_stair_in_noise_is_a_climb(seed: int) -> None:
    random = default_rng(seed)
    stairs = 0.4 + 0.075 * (np.arange(160) // 20) + 0.006 * random.standard_normal(160)
    assert line_start(np.asarray(stairs, dtype=np.float64)) == 0
    alone = 0.4 + 0.2 * (np.arange(160) >= 80) + 0.006 * random.standard_normal(160)
    assert line_start(np.asarray(alone, dtype=np.float64)) == 80


def test_what_climbs_since_its_beginning_is_doubted_for_a_while() -> None:
    new = Climb(0.8, 0.002, 0.002, 0.002, 150.0, 30, still=1.0)  # seen for all that is ahead
    after_calm = replace(new, calm_s=50.0)
    longer = replace(new, span_s=300.0)
    assert prior(new, 0.8, HORIZON_S) == pytest.approx(0.5 * prior(longer, 0.8, HORIZON_S))
    assert prior(new, 0.8, HORIZON_S) < prior(after_calm, 0.8, HORIZON_S)


def test_a_bend_is_followed_to_the_pace_at_its_end() -> None:
    """Of a parabola the latest half climbs half as steeply again as the whole, its end twice."""
    even = Climb(0.6, 0.0003, 0.0002, 0.0004, 300.0, 60)
    bent = replace(even, late_ratio=1.5)
    steep = Climb(0.6, 0.0006, 0.0004, 0.0008, 300.0, 60)
    assert prior(even, 0.6, HORIZON_S) < prior(bent, 0.6, HORIZON_S)
    assert prior(bent, 0.6, HORIZON_S) == pytest.approx(prior(steep, 0.6, HORIZON_S))
    wild = replace(even, late_ratio=9.0)
    assert prior(wild, 0.6, HORIZON_S) == prior(replace(even, late_ratio=1.5), 0.6, HORIZON_S)
    dying = replace(even, late_ratio=0.4)
    assert prior(dying, 0.6, HORIZON_S) == prior(even, 0.6, HORIZON_S), "`still` tells of that"


@given(SEEDS, st.floats(0.05, 1.0))
def test_a_prior_knows_no_pace_but_that_of_its_horizon(seed: int, pace: float) -> None:
    """Compressed time, as in demos and tests, changes nothing."""
    seconds, values = leak(default_rng(seed))
    one = climb(seconds, values, span_least_s=60.0)
    other = climb(seconds * pace, values, span_least_s=60.0 * pace)
    assert one is not None
    assert other is not None
    for each in (one, replace(one, calm_s=20.0), replace(one, span_s=100.0)):
        quick = replace(
            each,
            per_s=each.per_s / pace,
            per_s_least=each.per_s_least / pace,
            per_s_most=each.per_s_most / pace,
            span_s=each.span_s * pace,
            calm_s=each.calm_s * pace,
        )
        mine, theirs = prior(each, 0.6, HORIZON_S), prior(quick, 0.6, HORIZON_S * pace)
        assert mine == pytest.approx(theirs, rel=1e-6)
    assert prior(one, 0.6, HORIZON_S) == pytest.approx(
        prior(other, 0.6, HORIZON_S * pace), rel=1e-6
    )


def test_calm_is_counted_since_the_latest_step() -> None:
    at = times(120)
    rising = np.maximum(0.0, at - 300.0) / 1000.0
    found = line((at, 0.3 + rising))
    assert found is not None
    assert found.calm_s + found.span_s == pytest.approx(at[-1] - at[0])
    assert found.calm_s > 200.0
    stepped = 0.1 + 0.3 * (at >= 150.0) + rising
    after = line((at, stepped))
    assert after is not None
    assert after.calm_s + after.span_s == pytest.approx(at[-1] - 150.0)


def test_the_prior_is_one_and_says_so() -> None:
    sure = Climb(0.8, 0.001, 0.001, 0.001, 300.0, 60)
    assert prior(sure, 0.8, HORIZON_S) == pytest.approx(PRIOR_MOST)
    assert prior(sure, 0.3, HORIZON_S) < ACTS_ABOVE, "low memory often levels off"
    levels_off = Climb(0.8, 0.001, 0.001, 0.001, 300.0, 60, still=0.05)
    assert prior(levels_off, 0.8, HORIZON_S) < ACTS_ABOVE
    far = Climb(0.5, 0.0001, 0.0001, 0.0001, 300.0, 60)
    assert prior(far, 0.5, HORIZON_S) == 0.0


def test_a_run_is_broken_by_what_is_unknown() -> None:
    at = times(6)
    assert lasting_since(at, np.array([0.1, 0.9, 0.9, 0.9, 0.9, 0.9]), 0.85) == at[1]
    assert lasting_since(at, np.array([0.9, 0.9, np.nan, 0.9, 0.9, 0.9]), 0.85) == at[3]
    assert lasting_since(at, np.array([0.9, 0.9, 0.9, 0.9, 0.9, np.nan]), 0.85) is None
    assert lasting_since(at, np.full(6, np.nan), 0.85) is None


def test_usual_is_learned_from_what_came_before() -> None:
    at = times(60)
    latency = np.where(at < 200.0, 0.02, 1.0)
    usual = usual_of(at, latency, before_s=200.0)
    assert usual is not None
    assert usual.median == pytest.approx(0.02)
    assert 0.1 < usual.limit(2.0) < 0.3
    assert usual_of(at, latency, before_s=50.0) is None


def test_how_much_further_a_climb_goes_that_bends() -> None:
    times = np.arange(0.0, 600.0, 5.0)
    fills = climb(times, 0.3 + 0.4 * (1.0 - np.exp(-times / 200.0)), span_least_s=60.0)
    braked = climb(times, 0.3 + 0.4 * np.sin(np.pi * times / 1400.0), span_least_s=60.0)
    straight = climb(times, 0.3 + 0.0005 * times, span_least_s=60.0)
    faster = climb(times, 0.3 + 0.4 * (times / 600.0) ** 2, span_least_s=60.0)
    assert fills is not None
    assert braked is not None
    assert straight is not None
    assert faster is not None
    assert fills.level + fills.still < 0.75, "it ends at 0.7"
    assert braked.level + braked.still < 0.8, "it ends at 0.7"
    assert straight.level + straight.still > 1.0
    assert faster.still == float("inf")
