"""The plain rules: the formula of the horizontal autoscaler, its window and its limit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.rules import Rule
from everup.auto_scaler.triggers import (
    NO_TARGETS,
    Limits,
    PlainWish,
    Reading,
    Stabiliser,
    Targets,
    plain,
    step,
)
from everup.model.axis import Axis
from everup.model.sizing import Band

NAN = math.nan
CPU_ALONE = Rule(Band(0.7, 0.3), None, 1, 100, Axis.COUNT, "usual")
BOTH = Rule(Band(0.7, 0.3), Band(0.8, 0.4), 1, 100, Axis.BOTH, "usual")
LATENCY = Targets(latency_s=0.2)
ALL = Targets(latency_s=0.2, queue_per_instance=10)

ratios = st.floats(0, 8)
counts = st.integers(1, 50)


def cpu(value: float, instances: int, ready: int | None = None) -> PlainWish:
    now = instances if ready is None else ready
    return plain(Reading(value), CPU_ALONE, NO_TARGETS, instances, now)


@pytest.mark.parametrize(
    ("value", "instances", "wanted"),
    [(0.7, 4, 4), (0.76, 4, 4), (0.78, 4, 5), (1.4, 4, 8), (0.29, 4, 2), (0.1, 10, 2), (0.0, 5, 1)],
)
def test_the_formula(value: float, instances: int, wanted: int) -> None:
    assert cpu(value, instances).wanted == wanted


def reference(usage: float, ready: int, starting: int, target: float = 0.7) -> int:
    """The same formula written the other way round: from the total use of all that are ready."""
    instances, total = ready + starting, usage * ready
    if total <= target * ready or not starting:
        if 0.9 * target * ready <= total <= 1.1 * target * ready:
            return instances
        return max(1, math.ceil(total / target - 1e-9))
    if total <= 1.1 * target * instances:
        return instances
    return max(instances, math.ceil(total / target - 1e-9))


@given(ratios, counts, st.integers(0, 20))
def test_it_is_the_formula_of_the_horizontal_autoscaler(
    usage: float, ready: int, starting: int
) -> None:
    edge = min(abs(usage / 0.7 - x) for x in (0.9, 1.0, 1.1))
    edge = min(edge, abs(usage * ready / 0.7 / (ready + starting) - 1.1))
    if edge < 1e-6:
        return
    found = cpu(usage, ready + starting, ready).wanted
    asked = reference(usage, ready, starting)
    instances = ready + starting
    assert found == (asked if asked >= instances or usage < 0.3 else instances)


@given(ratios, ratios, counts)
def test_more_use_never_asks_for_fewer(one: float, other: float, instances: int) -> None:
    low, high = sorted((one, other))
    assert cpu(low, instances).wanted <= cpu(high, instances).wanted


@given(st.floats(0.64, 0.76), counts)
def test_nothing_changes_within_the_tolerance(value: float, instances: int) -> None:
    assert cpu(value, instances).wanted == instances


def test_between_the_bands_nothing_changes() -> None:
    found = cpu(0.4, 10)
    assert found.wanted == 10
    assert found.trigger == ""
    assert "not under 30%" in found.text


def test_the_largest_of_all_triggers_wins() -> None:
    reading = Reading(0.8, latency_s=0.6, queue_per_instance=15)
    found = plain(reading, CPU_ALONE, ALL, 2, 2)
    assert (found.wanted, found.trigger) == (6, "latency")
    assert found.text == "answers take 0.6 s over 0.2 s: 6 instances"


def test_fewer_only_when_every_trigger_is_under_its_band() -> None:
    calm = Reading(0.1, latency_s=0.05, queue_per_instance=1)
    assert plain(calm, CPU_ALONE, ALL, 10, 10).wanted < 10
    for other in (
        Reading(0.1, latency_s=0.15, queue_per_instance=1),
        Reading(0.1, latency_s=0.05, queue_per_instance=8),
        Reading(0.5, latency_s=0.05, queue_per_instance=1),
    ):
        assert plain(other, CPU_ALONE, ALL, 10, 10).wanted == 10


def test_memory_asks_for_size_and_never_for_number() -> None:
    found = plain(Reading(0.1, 0.95), BOTH, NO_TARGETS, 4, 4)
    assert found.wants_size
    assert found.wanted == 4
    assert "memory at 95%" in found.text
    assert plain(Reading(0.1, 0.3), BOTH, NO_TARGETS, 4, 4).wanted < 4


@given(
    st.one_of(st.just(NAN), ratios),
    st.one_of(st.just(NAN), st.floats(0, 2)),
    st.one_of(st.just(NAN), st.floats(0, 5)),
    st.one_of(st.just(NAN), st.floats(0, 99)),
    counts,
    st.integers(0, 20),
)
def test_nothing_goes_while_a_value_is_missing(
    use: float, memory: float, latency: float, queue: float, ready: int, starting: int
) -> None:
    reading = Reading(use, memory, latency, queue)
    instances = ready + starting
    found = plain(reading, BOTH, ALL, instances, ready)
    assert found.wanted >= 1
    assert found.text
    if any(math.isnan(one) for one in (use, memory, latency, queue)):
        assert found.wanted >= instances
        assert found.missing
    assert (found.trigger == "") == (found.wanted == instances)


def test_what_is_known_still_asks_for_more() -> None:
    found = plain(Reading(NAN, latency_s=0.5), CPU_ALONE, LATENCY, 2, 2)
    assert (found.wanted, found.missing) == (5, ("cpu",))
    held = plain(Reading(NAN, latency_s=0.01), CPU_ALONE, LATENCY, 2, 2)
    assert held.text == "nothing goes while cpu cannot be seen"


def test_what_starts_counts_as_idle_where_more_is_asked_for() -> None:
    assert cpu(1.4, 4, ready=2).wanted == 4
    assert cpu(2.8, 4, ready=2).wanted == 8
    assert cpu(1.4, 4, ready=0).wanted == 4


# --- window and limit ----------------------------------------------------------------------------


def played(wishes: Sequence[int], first: int) -> list[int]:
    state, instances, found = Stabiliser(), first, []
    for number, wish in enumerate(wishes):
        done = step(state, wish, instances, number * 15.0, Limits())
        state, instances = done.state, done.wanted
        found.append(instances)
    return found


def test_the_highest_wish_of_the_window_wins_downwards() -> None:
    found = played([10, 4, 4, 6, *[4] * 25], 10)
    assert found[:20] == [10] * 20
    assert found[20:23] == [6] * 3
    assert found[23:] == [4] * 6


def test_more_comes_by_steps() -> None:
    assert played([100] * 6, 1) == [5, 10, 20, 40, 80, 100]


def test_several_looks_in_one_interval_do_not_multiply_the_limit() -> None:
    state, instances = Stabiliser(), 2
    for at_s in (0.0, 5.0, 10.0):
        done = step(state, 100, instances, at_s, Limits())
        state, instances = done.state, done.wanted
        assert (instances, done.capped_by) == (6, "up limit")
    assert step(state, 100, instances, 15.0, Limits()).wanted == 12


@given(st.lists(st.integers(1, 200), min_size=1, max_size=120), st.integers(1, 50))
def test_it_never_goes_below_any_wish_of_the_window(wishes: Sequence[int], first: int) -> None:
    before = first
    for number, after in enumerate(played(wishes, first)):
        window = wishes[max(0, number - 19) : number + 1]
        if after < before:
            assert after == max(window)
        if after > before:
            assert after <= max(2 * before, before + 4)
            assert after <= wishes[number]
        before = after


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_constant_wish_is_reached_and_then_nothing_changes(wish: int, first: int) -> None:
    found = played([wish] * 40, first)
    assert found[-1] == wish
    assert sum(a != b for a, b in zip([first, *found], found, strict=False)) <= 5
