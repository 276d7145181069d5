"""How large one instance should be: what a limit covers, when it grows, and what takes it back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import settings as trial
from hypothesis import strategies as st

from everup.auto_scaler.sight import BLOCKS
from everup.auto_scaler.sizes import GROWTH, GROWTH_LEAST_BYTES, MARGIN
from everup.auto_scaler.usage import PEAKS
from everup.auto_scaler.vertical import (
    AHEAD,
    CPU_LEAST,
    STEP_MOST,
    Bounds,
    Cap,
    Pace,
    Sight,
    SizeAdvice,
    Usage,
    floor_bytes,
    recommend,
)
from everup.model.settings import Settings
from everup.model.stack import Limits

MIB = 1024.0 * 1024
PACE = Pace(
    window_s=4800.0,
    half_life_s=4800.0,
    lookahead_s=900.0,
    reaction_s=100.0,
    gap_s=100.0,
    short_above=0.85,
)
DECLARED = 1000 * MIB
STEP_S = 100.0
WINDOW = 49
"""Sights until a whole window was seen."""

Curve = Callable[[int], float]


def sized(
    curve: Curve,
    sights: int,
    *,
    declared: float = DECLARED,
    bounds: Bounds | None = None,
    usage: Usage | None = None,
    first: int = 0,
    limit: float = math.nan,
) -> tuple[Usage, list[SizeAdvice]]:
    """Looks, and each advice holds from the next look on."""
    made, advices = usage or Usage(PACE), []
    limit = declared if math.isnan(limit) else limit
    for number in range(first, first + sights):
        at_s = number * STEP_S
        made.observe(Sight(at_s, curve(number), memory_limit_bytes=limit))
        limits = Limits(memory_bytes=declared)
        advices.append(recommend(made, at_s, limits, bounds or Bounds()))
        limit = advices[-1].memory_limit_bytes
    return made, advices


def level(number: int) -> float:
    return (100 + number % 3) * MIB


def limits(advices: list[SizeAdvice]) -> list[float]:
    return [advice.memory_limit_bytes for advice in advices]


def test_the_times_follow_the_settings() -> None:
    whole, fifth = Pace.of(Settings()), Pace.of(Settings().scaled(0.2))
    assert whole.window_s == 86_400.0
    assert fifth.window_s == pytest.approx(0.2 * whole.window_s)
    assert fifth.block_s == pytest.approx(fifth.window_s / BLOCKS)
    assert fifth.reaction_s == pytest.approx(0.2 * whole.reaction_s)


def test_nothing_seen_changes_nothing() -> None:
    usage = Usage(PACE)
    advice = recommend(usage, 0.0)
    assert not advice.is_change
    assert advice.capped_by is advice.cpu_capped_by is Cap.NOT_SEEN
    assert math.isnan(advice.memory_request_bytes)
    assert advice.confidence == 0.0
    usage.observe(Sight(0.0, math.nan, memory_limit_bytes=DECLARED))
    assert recommend(usage, 0.0).memory_limit_bytes == DECLARED


def test_nobody_is_given_a_limit_who_has_none() -> None:
    usage = Usage(PACE)
    usage.observe(Sight(0.0, 100 * MIB, 0.5, math.inf, math.inf))
    advice = recommend(usage, 0.0)
    assert advice.memory_limit_bytes == advice.cpu_limit_cores == math.inf
    assert advice.capped_by is advice.cpu_capped_by is Cap.NO_LIMIT
    assert advice.memory_request_bytes == pytest.approx(115 * MIB, rel=0.06)
    assert not advice.is_change


def test_a_window_is_seen_before_anything_shrinks_and_then_a_step_at_a_time() -> None:
    _, advices = sized(level, 4 * WINDOW)
    early = advices[: WINDOW - 3]
    assert {a.memory_limit_bytes for a in early} == {DECLARED}
    assert early[-1].capped_by is Cap.TOO_LITTLE_SEEN
    for before, after in zip(limits(advices), limits(advices)[1:], strict=False):
        assert after >= before * (1 - STEP_MOST) - 1
    last = advices[-1]
    assert last.memory_limit_bytes == pytest.approx(102 * MIB * 1.2, rel=0.01)
    assert Cap.STEP in {a.capped_by for a in advices}
    assert Cap.STILL in {a.capped_by for a in advices}
    assert last.confidence == pytest.approx(0.8, abs=0.02)


def test_a_steady_need_is_followed_once_and_then_there_is_silence() -> None:
    _, advices = sized(level, 6 * WINDOW)
    assert not any(a.is_change for a in advices[4 * WINDOW :])


def test_a_new_version_is_watched_under_what_is_declared() -> None:
    usage, advices = sized(level, 3 * WINDOW)
    limit = advices[-1].memory_limit_bytes
    at_s = 3 * WINDOW * STEP_S
    usage.observe(Sight(at_s, 80 * MIB, memory_limit_bytes=limit, version="b"))
    advice = recommend(usage, at_s, Limits(memory_bytes=DECLARED))
    assert advice.memory_limit_bytes == DECLARED
    assert advice.capped_by is Cap.TOO_LITTLE_SEEN


def test_missing_sights_take_nothing_away_and_what_comes_back_is_watched_first() -> None:
    usage, advices = sized(level, WINDOW + 1)
    limit = advices[-1].memory_limit_bytes
    assert limit > 300 * MIB
    late_s = (WINDOW + 40) * STEP_S
    advice = recommend(usage, late_s, Limits(memory_bytes=DECLARED))
    assert advice.memory_limit_bytes == limit
    assert advice.capped_by is Cap.NOT_SEEN
    usage.observe(Sight(late_s, math.nan, memory_limit_bytes=limit))
    assert recommend(usage, late_s).memory_limit_bytes == limit
    usage.observe(Sight(late_s + 1, level(0), memory_limit_bytes=limit))
    back = recommend(usage, late_s + 1, Limits(memory_bytes=DECLARED))
    assert back.memory_limit_bytes == limit
    assert back.capped_by is Cap.TOO_LITTLE_SEEN


def test_what_was_not_seen_does_not_make_older() -> None:
    usage, _ = sized(level, WINDOW)
    for day in range(1, 30):
        usage.observe(Sight(day * PACE.window_s, math.nan, memory_limit_bytes=DECLARED))
    assert usage.peak_bytes == 102 * MIB
    assert usage.seen_s < PACE.window_s * 1.1


def test_the_peak_of_the_latest_windows_is_covered() -> None:
    def once(number: int) -> float:
        return 400 * MIB if number == 5 else level(number)

    usage, advices = sized(once, WINDOW * (PEAKS - 1))
    assert usage.peak_bytes == 400 * MIB
    assert min(limits(advices)) >= 400 * MIB * MARGIN
    usage, advices = sized(
        level, 40 * WINDOW, usage=usage, first=WINDOW * (PEAKS - 1), limit=limits(advices)[-1]
    )
    assert usage.peak_bytes == 102 * MIB
    assert limits(advices)[3 * WINDOW] > 400 * MIB  # that it leapt once is remembered for longer
    assert limits(advices)[-1] < 150 * MIB


@pytest.mark.parametrize("size_mib", [100.0, 2000.0])
def test_after_a_death_for_lack_of_memory_it_grows_at_once_and_stays(size_mib: float) -> None:
    size = size_mib * MIB
    usage = Usage(PACE)
    usage.observe(Sight(0.0, 0.6 * size, memory_limit_bytes=size))
    usage.observe(Sight(STEP_S, 0.1 * size, memory_limit_bytes=size, out_of_memory=1))
    advice = recommend(usage, STEP_S, Limits(memory_bytes=size))
    least = max(size * GROWTH, size + GROWTH_LEAST_BYTES)
    assert advice.memory_limit_bytes >= least
    assert advice.is_memory_short
    _, later = sized(
        lambda _: 0.1 * size,
        WINDOW * (PEAKS + 3),
        declared=size,
        usage=usage,
        first=2,
        limit=advice.memory_limit_bytes,
    )
    assert min(limits(later)) >= least


def test_another_version_is_held_to_it_until_its_own_peaks_are_known() -> None:
    usage = Usage(PACE)
    usage.observe(Sight(0.0, 10 * MIB, memory_limit_bytes=100 * MIB, out_of_memory=1))
    usage.observe(Sight(STEP_S, 10 * MIB, memory_limit_bytes=200 * MIB, version="b"))
    assert usage.killed_bytes == 100 * MIB
    for number in range(2, WINDOW * (PEAKS + 1)):
        usage.observe(Sight(number * STEP_S, 10 * MIB, memory_limit_bytes=200 * MIB, version="b"))
    assert math.isnan(usage.killed_bytes)


def test_a_death_at_a_limit_that_nobody_saw_is_none_at_the_one_before() -> None:
    usage = Usage(PACE)
    usage.observe(Sight(0.0, 7 * MIB, memory_limit_bytes=64 * MIB, version="good"))
    usage.observe(Sight(STEP_S, out_of_memory=1, version="bad"))
    usage.observe(Sight(2 * STEP_S, 7 * MIB, memory_limit_bytes=64 * MIB, version="good"))
    assert math.isnan(usage.killed_bytes)
    assert usage.peak_bytes == 7 * MIB


@pytest.mark.parametrize("declared", [64 * MIB, math.inf])
def test_what_a_smaller_limit_killed_raises_nothing_above_the_one_that_is_declared(
    declared: float,
) -> None:
    """Somebody gave it 8 MiB, and that was taken back."""
    usage = Usage(PACE)
    usage.observe(Sight(0.0, 7 * MIB, memory_limit_bytes=8 * MIB, out_of_memory=1, version="bad"))
    usage.observe(Sight(STEP_S, 20 * MIB, memory_limit_bytes=64 * MIB, version="good"))
    advice = recommend(usage, STEP_S, Limits(memory_bytes=declared))
    if math.isfinite(declared):
        assert advice.memory_limit_bytes == declared
    else:
        assert advice.memory_limit_bytes >= 8 * MIB + GROWTH_LEAST_BYTES


def test_a_limit_keeps_ahead_of_what_grows_and_ends_at_what_is_declared() -> None:
    usage, advices = sized(level, 3 * WINDOW)

    def leak(number: int) -> float:
        return (100 + 8 * (number - 3 * WINDOW)) * MIB

    _, grown = sized(
        leak, 80, usage=usage, first=3 * WINDOW, limit=limits(advices)[-1], declared=DECLARED
    )
    for number, advice in enumerate(grown[:-1], start=3 * WINDOW):
        assert leak(number + 1) < advice.memory_limit_bytes
        assert advice.memory_limit_bytes <= max(DECLARED, leak(number) * 1.3)
    assert sum(a.memory_sign > 0 for a in grown) < 60


def test_what_is_only_feared_raises_nothing_above_what_is_declared() -> None:
    def leaps(number: int) -> float:
        return (100 + (10 * 2 ** (number // 15 % 5) if number % 15 == 0 else 0)) * MIB

    _, advices = sized(leaps, 4 * WINDOW, declared=600 * MIB)
    assert set(limits(advices)) == {600 * MIB}
    assert advices[-1].capped_by is Cap.DECLARED


def test_small_differences_are_left() -> None:
    usage, _ = sized(level, 2 * WINDOW)
    need = floor_bytes(usage, PACE)
    at_s = 2 * WINDOW * STEP_S
    for factor in (1.01, 1.08):
        usage.memory_limit_bytes = need * factor
        advice = recommend(usage, at_s - STEP_S, Limits(memory_bytes=DECLARED))
        assert advice.capped_by is Cap.TOLERANCE
        assert not advice.is_change


def test_bounds_hold_and_never_take_away_what_is_needed() -> None:
    _, advices = sized(level, 3 * WINDOW, bounds=Bounds(memory_least_bytes=500 * MIB))
    assert limits(advices)[-1] == 500 * MIB
    assert Cap.LEAST in {a.capped_by for a in advices}
    usage = Usage(PACE)
    usage.observe(Sight(0.0, 190 * MIB, memory_limit_bytes=200 * MIB))
    narrow = recommend(
        usage, 0.0, Limits(memory_bytes=200 * MIB), Bounds(memory_most_bytes=210 * MIB)
    )
    assert narrow.memory_limit_bytes == 210 * MIB
    assert narrow.capped_by is Cap.MOST
    assert narrow.is_memory_short
    lower = recommend(
        usage, 0.0, Limits(memory_bytes=200 * MIB), Bounds(memory_most_bytes=50 * MIB)
    )
    assert lower.memory_limit_bytes == 200 * MIB


def test_processors_shrink_to_what_is_used_and_grow_when_used_up() -> None:
    usage, limit, found = Usage(PACE), 4.0, []
    for number in range(4 * WINDOW):
        at_s = number * STEP_S
        cores = 0.5 if number < 3 * WINDOW else min(limit, 3.0)
        usage.observe(Sight(at_s, 100 * MIB, cores, DECLARED, limit))
        advice = recommend(usage, at_s, Limits(memory_bytes=DECLARED, cpus=4.0))
        limit = advice.cpu_limit_cores
        found.append(advice)
    assert found[WINDOW // 2].cpu_limit_cores == 4.0
    assert min(a.cpu_limit_cores for a in found) == pytest.approx(0.575, rel=0.1)
    assert found[2 * WINDOW].cpu_request_cores == pytest.approx(0.575, rel=0.1)
    assert found[-1].cpu_limit_cores > 3.0
    assert any(a.is_cpu_short for a in found)
    capped = recommend(usage, 4 * WINDOW * STEP_S, bounds=Bounds(cpus_most=0.1))
    assert capped.cpu_limit_cores >= usage.cpus * 0.7


def cpus_after(use: Callable[[int], float], *, version: str = "1") -> float:
    usage, limit = Usage(PACE), 2.0
    for number in range(6 * WINDOW):
        at_s = number * STEP_S
        usage.observe(Sight(at_s, 100 * MIB, use(number), DECLARED, limit, version=version))
        limit = recommend(usage, at_s, Limits(DECLARED, 2.0)).cpu_limit_cores
    return limit


def test_processors_are_left_what_a_start_has_used() -> None:
    """Else the next start takes a hundred times as long, and is taken for a failed one."""
    assert cpus_after(lambda number: 1.9 if number < 3 else 0.004) >= 2.0
    assert 0.92 <= cpus_after(lambda number: 0.8 if number < 3 else 0.004) < 1.1


def test_a_start_that_nobody_saw_is_left_a_tenth_of_a_processor() -> None:
    assert cpus_after(lambda _: 0.004) == pytest.approx(CPU_LEAST)


def test_what_another_version_has_used_of_processors_is_forgotten() -> None:
    usage = Usage(PACE)
    usage.observe(Sight(0.0, cpu_cores=1.9, cpus=2.0))
    usage.observe(Sight(STEP_S, cpu_cores=0.1, cpus=2.0, version="1"))
    assert usage.cpu_most_cores == 1.9, "a past life knows no versions"
    assert Usage.unpack(usage.pack(), PACE).cpu_most_cores == 1.9
    usage.observe(Sight(2 * STEP_S, cpu_cores=0.2, cpus=2.0, version="2"))
    assert usage.cpu_most_cores == 0.2


def test_a_clock_that_was_set_back_is_no_sight() -> None:
    """What is later than now is not believed, so that nothing new is seen until then."""
    usage, _ = sized(level, 3 * WINDOW)
    assert not usage.is_stale(usage.seen_at_s + 1.0)
    assert usage.is_stale(usage.seen_at_s - 3600.0)


def test_the_range_closes_in() -> None:
    usage, _ = sized(level, 3)
    young = recommend(usage, 0.0).memory_range
    usage, _ = sized(level, 6 * WINDOW)
    old = recommend(usage, 0.0).memory_range
    for found in (young, old):
        assert found.lower <= found.target <= found.upper
    assert old.upper < young.upper / 3


def test_sights_that_are_not_later_are_left_out() -> None:
    usage, _ = sized(level, 3)
    before = usage.pack()
    usage.observe(Sight(STEP_S, 900 * MIB))
    assert usage.pack() == before


amounts = st.one_of(st.just(math.nan), st.floats(1.0, 900.0))


@trial(max_examples=60, deadline=None)
@given(st.lists(st.tuples(amounts, st.integers(0, 9), st.booleans()), max_size=60))
def test_never_below_the_peak_nor_where_it_died(
    seen: list[tuple[float, int, bool]],
) -> None:
    usage, limit, at_s = Usage(PACE), DECLARED, 0.0
    peak, killed = 0.0, 0.0
    for amount, skipped, is_new in seen:
        at_s += STEP_S * (1 + skipped * (skipped > 6))
        value = amount * MIB
        dies = value > limit
        if dies:
            killed = max(killed, limit)
        version = "b" if is_new else ""
        usage.observe(
            Sight(at_s, min(value, limit), 0.1, limit, out_of_memory=int(dies), version=version)
        )
        if value == value:
            peak = max(peak, min(value, limit))
        advice = recommend(usage, at_s, Limits(memory_bytes=DECLARED))
        if peak and len(usage.peaks) < PEAKS - 1:
            assert advice.memory_limit_bytes >= min(peak * MARGIN, max(limit, peak * MARGIN))
        shrunk = 1 - advice.memory_limit_bytes / limit
        assert shrunk <= STEP_MOST + 1e-9
        assert not 0 < shrunk < PACE.tolerance
        if killed and usage.killed_version == version and advice.memory_limit_bytes < limit:
            assert advice.memory_limit_bytes >= usage.killed_bytes * GROWTH
        assert advice.memory_request_bytes <= advice.memory_limit_bytes or not peak
        limit = advice.memory_limit_bytes


def test_a_restart_keeps_what_matters() -> None:
    usage, advices = sized(level, 3 * WINDOW)
    usage.observe(
        Sight(3 * WINDOW * STEP_S, 10 * MIB, 0.2, limits(advices)[-1], 2.0, 1, version="v")
    )
    packed = json.loads(json.dumps(usage.pack(), allow_nan=False))
    again = Usage.unpack(packed, PACE)
    assert again.pack() == usage.pack()
    at_s = (3 * WINDOW + 1) * STEP_S
    for each in (usage, again):
        each.observe(Sight(at_s, 10 * MIB, 0.2, limits(advices)[-1], 2.0, version="v"))
    now, then = (recommend(each, at_s, Limits(memory_bytes=DECLARED)) for each in (usage, again))
    assert then.memory_limit_bytes == pytest.approx(now.memory_limit_bytes)
    assert then.memory_range.target == pytest.approx(now.memory_range.target)


@pytest.mark.parametrize(
    "packed",
    [{}, {"peaks": "x", "seen_s": "long", "version": 3, "memory": 1}, {"peaks": [None, "a"]}],
)
def test_what_was_not_packed_is_as_never_seen(packed: dict[str, object]) -> None:
    made = Usage.unpack(packed, PACE)
    assert made.version == ""
    assert made.seen_s == 0.0
    made.observe(Sight(0.0, 100 * MIB, memory_limit_bytes=DECLARED))
    assert recommend(made, 0.0).memory_limit_bytes == DECLARED


def test_an_advice_says_which_way() -> None:
    _, advices = sized(level, 2)
    one = advices[-1]
    assert (one.memory_sign, one.cpu_sign, one.is_change) == (0, 0, False)
    assert replace(one, memory_limit_bytes=2 * DECLARED).memory_sign == 1
    assert replace(one, memory_limit_bytes=0.5 * DECLARED).memory_sign == -1
    assert "peak" in one.reason or "seen" in one.reason
    assert 0 < AHEAD < PACE.tolerance


def test_who_died_of_less_than_was_declared_has_that_again_at_once() -> None:
    """Step by step it would die once more at each of them."""
    usage, advices = sized(level, 3 * WINDOW)
    small = advices[-1].memory_limit_bytes
    assert small < 0.3 * DECLARED
    at_s = usage.seen_at_s + STEP_S
    usage.observe(Sight(at_s, 110 * MIB, memory_limit_bytes=small, out_of_memory=1))
    found = recommend(usage, at_s, Limits(memory_bytes=DECLARED))
    assert found.memory_limit_bytes >= DECLARED
    assert found.is_memory_short
    at_s += STEP_S
    usage.observe(Sight(at_s, 110 * MIB, memory_limit_bytes=DECLARED, out_of_memory=1))
    again = recommend(usage, at_s, Limits(memory_bytes=DECLARED)).memory_limit_bytes
    assert again == pytest.approx(GROWTH * DECLARED, rel=0.01), "beyond that step by step"
