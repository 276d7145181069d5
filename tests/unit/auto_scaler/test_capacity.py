"""What one instance can carry: the estimate against queues played request by request, and what a
fault, noise, a gap and a new version do to it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.auto_scaler.buckets import BUCKETS_MOST
from everup.auto_scaler.capacity import Capacity, CapacityModel
from everup.auto_scaler.curve import rising, single_place
from everup.auto_scaler.knee import default_target_s
from tests.unit.auto_scaler.queues import (
    INTERVAL_S,
    NAN,
    Service,
    fed,
    glimpse,
    mean_latency,
    played,
)

BASE_S = 0.1
DAY_S = 86_400.0


def flat(_rate: float) -> float:
    return BASE_S


def one_place(rate: float) -> float:
    """Exponential work at one place that takes 0.1 s: 5 per second take twice the time."""
    return BASE_S / max(0.02, 1 - rate * BASE_S)


def of(model: CapacityModel, target_s: float = NAN, cpus: float = NAN) -> Capacity:
    return model.capacity(target_s, 0.01, cpus)


# --- against queues ------------------------------------------------------------------------------

# With the rate at which the mean answer takes as long as the target, of 120,000 requests each.
SERVICES = [
    (Service(1, 0.1, 0.5, 2), 6.25),
    (Service(2, 0.1, 1.0), 14.31),
    (Service(4, 0.2, 0.0), 17.98),
    (Service(8, 0.2, 1.0), 36.71),
    (Service(16, 0.4, 0.5), 38.97),
]


def wave(number: int) -> float:
    """Of the capacity: from 15 % to 115 % and back, in 53 intervals."""
    return 0.65 - 0.5 * math.cos(2 * math.pi * number / 53)


@pytest.mark.parametrize(("service", "true"), SERVICES, ids=str)
def test_it_learns_what_a_queue_carries(service: Service, true: float) -> None:
    off, beyond = [], 0
    for seed in range(3):
        model = CapacityModel()
        for number, one in enumerate(played(service, lambda n: wave(n) * true, 60, seed)):
            model.take(one, NAN, 0.01)
            beyond += number >= 10 and of(model).lower > true
        found = of(model)
        assert found.is_known
        assert found.source == "learned"
        assert 0.6 * true < found.lower <= found.per_instance <= found.upper
        off.append(abs(found.per_instance / true - 1))
    assert sorted(off)[1] <= 0.15
    assert beyond <= 0.05 * 3 * 50


def test_the_truth_is_where_the_mean_answer_meets_the_target() -> None:
    service, true = SERVICES[0]
    assert mean_latency(service, true, seed=1, requests=20_000) == pytest.approx(
        service.target_s, rel=0.1
    )


def test_what_is_counted_on_stays_below_the_truth_for_nearly_all_seeds() -> None:
    service, true = Service(4, 0.2, 1.0), 16.83
    beyond = [0] * 60
    seeds = 20
    for seed in range(100, 100 + seeds):
        model = CapacityModel()
        for number, one in enumerate(played(service, lambda n: wave(n) * true, 60, seed)):
            model.take(one, service.target_s, 0.01)
            beyond[number] += of(model, service.target_s).lower > true
    assert max(beyond[10:]) <= 0.05 * seeds


# --- the rules of what is known ------------------------------------------------------------------


def test_nothing_is_said_before_ten_glimpses() -> None:
    model = fed([10.0], flat, each=9)
    assert of(model).source == "rules"
    assert math.isnan(of(model).lower)
    assert of(fed([20.0], flat, model, each=1, from_s=9 * INTERVAL_S)).source == "proven so far"


def test_low_load_alone_proves_no_end() -> None:
    found = of(fed([10, 12, 15, 18, 20], flat), target_s=0.15)
    assert not found.is_known
    assert found.source == "proven so far"
    assert math.isinf(found.upper)
    assert 20 < found.lower <= 25 * 1.001
    assert "with ease" in found.text


def test_a_step_beyond_shrinks_as_answers_take_longer() -> None:
    rates = [20.0, 25.0, 30.0, 35.0, 40.0]

    def bent(by: float) -> Callable[[float], float]:
        return lambda rate: BASE_S * (1 + by * (rate / 40) ** 6)

    lowers = [of(fed(rates, bent(by))).lower for by in (0.0, 0.1, 0.2, 0.29)]
    assert lowers == sorted(lowers, reverse=True)
    assert lowers[0] > 40 > lowers[-1]


def test_below_the_knee_once_it_broke() -> None:
    found = of(fed([1, 2, 3, 4, 4.5, 5.5, 6.5], one_place, each=30), target_s=2 * BASE_S)
    assert found.is_known
    assert found.per_instance == pytest.approx(5, rel=0.1)
    assert found.lower <= 4.6
    assert found.upper <= 5.6
    assert "break" in found.text


def test_errors_break_it_as_latency_does() -> None:
    model = fed([10, 20, 30], flat)
    for number in range(8):
        model.take(glimpse(1000 + number * INTERVAL_S, 40, BASE_S, errors=0.2), NAN, 0.01)
    found = of(model)
    assert found.is_known
    assert 20 < found.lower <= 30
    assert found.upper <= 41


def test_nothing_is_tried_while_something_waits() -> None:
    calm, waiting = CapacityModel(), CapacityModel()
    for number in range(30):
        rate = 10.0 + number
        calm.take(glimpse(number * INTERVAL_S, rate, BASE_S, waiting=0.0), NAN, 0.01)
        waiting.take(glimpse(number * INTERVAL_S, rate, BASE_S, waiting=3.0), NAN, 0.01)
    assert of(waiting).lower < 39 < of(calm).lower


def test_a_queue_that_stays_empty_proves_its_rate_without_latency() -> None:
    model = CapacityModel()
    for number in range(40):
        rate = 10.0 + number
        waits = 0.0 if rate < 40 else 30.0
        model.take(glimpse(number * INTERVAL_S, rate, waiting=waits), NAN, 0.01)
    found = of(model)
    assert found.is_known
    assert 25 <= found.lower <= 40
    assert found.upper <= 42


def test_an_owners_target_counts_at_once() -> None:
    model = fed([1, 2, 3, 4, 5, 6, 7], one_place)
    assert of(model, 0.15).per_instance < of(model, 0.2).per_instance < of(model, 0.3).per_instance


def test_a_target_that_no_load_meets_leaves_it_to_the_rules() -> None:
    found = of(fed([1, 2, 3, 4], flat), target_s=0.01)
    assert found.source == "rules"
    assert math.isnan(found.per_instance)


def test_the_processor_bounds_where_it_explains_the_load() -> None:
    model = CapacityModel()
    for number in range(40):
        rate = 10.0 + number / 2
        model.take(glimpse(number * INTERVAL_S, rate, BASE_S, cores=0.05 + 0.02 * rate), NAN, 0.01)
    assert model.base_cores == pytest.approx(0.05, abs=0.01)
    free, bound = of(model), of(model, cpus=0.75)
    assert math.isinf(free.upper)
    assert bound.upper == pytest.approx((0.9 * 0.75 - 0.05) / 0.02, rel=0.05)
    assert bound.lower <= bound.upper


def test_the_default_target() -> None:
    assert default_target_s(0.01) == pytest.approx(0.06)
    assert default_target_s(0.2) == pytest.approx(0.4)


# --- faults --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(2.0, 39.0), st.floats(0.21, 60.0), st.floats(0.0, 1.0)),
        min_size=1,
        max_size=80,
    )
)
def test_slow_or_failing_at_a_load_that_was_easy_is_no_lack_of_capacity(
    faults: Sequence[tuple[float, float, float]],
) -> None:
    model = fed([5, 10, 20, 30, 40], flat, each=8)
    before = of(model)
    for number, (rate, latency_s, errors) in enumerate(faults):
        at_s = 40 * INTERVAL_S + number * INTERVAL_S
        model.take(glimpse(at_s, rate, latency_s, errors=errors), NAN, 0.01)
    after = of(model)
    assert after.lower >= before.lower * 0.999
    assert after.upper >= before.upper
    assert after.base_latency_s == pytest.approx(before.base_latency_s)


def test_a_fault_at_the_highest_load_is_none_either() -> None:
    model = fed([5, 10, 20, 30, 40], flat, each=8)
    before = of(model).lower
    for number in range(60):
        rate = 40 * (1 + 0.04 * math.sin(number))
        model.take(glimpse(600 + number * INTERVAL_S, min(rate, 40), 3.0), NAN, 0.01)
    assert of(model).lower == pytest.approx(before, rel=0.01)


def test_what_comes_with_load_and_goes_with_it_again_and_again_is_a_loss() -> None:
    model = fed([5, 10, 20, 30, 40], flat, each=8)
    for episode in range(4):
        from_s = 600 + episode * 20 * INTERVAL_S
        fed([25], lambda _rate: 1.0, model, each=8, from_s=from_s)
        fed([10], flat, model, each=8, from_s=from_s + 8 * INTERVAL_S)
    assert of(model).lower <= 25


def test_a_fault_that_ends_is_forgotten() -> None:
    model = fed([5, 10, 20, 30, 40], flat, each=8)
    before = of(model).lower
    for episode in range(4):
        from_s = 600 + episode * 20 * INTERVAL_S
        fed([25], lambda _rate: 1.0, model, each=8, from_s=from_s)
        fed([25, 10], flat, model, each=4, from_s=from_s + 8 * INTERVAL_S)
    assert of(model).lower >= before * 0.99


def test_a_backlog_that_is_worked_off_at_less_load_teaches_nothing() -> None:
    model = fed([1, 2, 3, 4], one_place)
    at_s = 400.0
    for rate, latency_s in [(7.0, 1.0), (7.0, 3.0), (7.0, 5.0), (4.8, 4.0), (4.8, 3.0), (4.8, 2.0)]:
        for _ in range(3):
            at_s += INTERVAL_S
            model.take(glimpse(at_s, rate, latency_s), NAN, 0.01)
    assert of(model).upper > 4.8


# --- noise, gaps, versions, restarts -------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.one_of(st.just(NAN), st.just(math.inf), st.floats(-1, 1e6)),
            st.one_of(st.just(NAN), st.just(math.inf), st.floats(-1, 1e4)),
            st.one_of(st.just(NAN), st.floats(0, 1)),
            st.one_of(st.just(NAN), st.floats(0, 1e5)),
            st.one_of(st.just(NAN), st.floats(0, 64)),
        ),
        max_size=60,
    )
)
def test_whatever_comes_bounds_are_in_order_and_it_survives_being_packed(
    seen: Sequence[tuple[int, float, float, float, float, float]],
) -> None:
    model = CapacityModel()
    for number, (ready, demand, latency_s, errors, waiting, cores) in enumerate(seen):
        one = glimpse(
            number * INTERVAL_S,
            demand,
            latency_s,
            ready=ready,
            errors=errors,
            waiting=waiting,
            cores=cores,
        )
        model.take(one, NAN, 0.01)
    found = of(model)
    if found.source == "rules":
        assert math.isnan(found.lower)
    else:
        assert 0 < found.lower <= found.per_instance <= found.upper
    assert found.text
    again = CapacityModel.unpack(json.loads(json.dumps(model.pack(), allow_nan=False)))
    other = of(again)
    assert other.source == found.source
    if found.source != "rules":
        assert other.lower == pytest.approx(found.lower, rel=0.3)


def test_unknown_values_teach_nothing() -> None:
    model = fed([5, 10, 20], flat, each=8)
    before = [row[2:] for row in model.pack()["rows"]]
    model.take(glimpse(1000, NAN, 9.0), NAN, 0.01)
    model.take(glimpse(1015, 50.0, NAN, errors=NAN), NAN, 0.01)
    model.take(glimpse(1030, 50.0, 0.1, ready=0), NAN, 0.01)
    assert [row[2:] for row in model.pack()["rows"]] == before


def test_it_forgets_slowly_and_a_new_version_at_once() -> None:
    model = fed([1, 2, 3, 4, 5, 6, 7], one_place)
    assert of(model).is_known
    fed([1], one_place, model, each=20, from_s=DAY_S)
    assert of(model).is_known
    model.version_changed()
    assert of(model).source == "rules"
    fed([2], lambda _rate: 0.05, model, each=12, from_s=DAY_S + 1000)
    assert of(model).source == "proven so far"
    assert of(model).lower < 12
    late = fed([1, 2, 3, 4, 5, 6, 7], one_place)
    fed([1], one_place, late, each=20, from_s=20 * DAY_S)
    assert not of(late).is_known


def test_a_worse_version_is_learned_though_the_old_one_did_better() -> None:
    model = fed([10, 20, 40, 60, 80], flat, each=20)
    model.version_changed()
    fed([2, 4, 8, 10, 12, 14], lambda rate: 0.1 / max(0.02, 1 - rate / 14), model, from_s=5000)
    assert of(model).is_known
    assert of(model).lower < 9


def test_its_size_is_bounded_and_feeding_it_costs_little() -> None:
    model = CapacityModel()
    began = time.perf_counter()
    for number in range(5000):
        model.take(glimpse(number * INTERVAL_S, 1.05 ** (number % 400 / 2), BASE_S), NAN, 0.01)
    spent_s = (time.perf_counter() - began) / 5000
    assert len(model.pack()["rows"]) <= BUCKETS_MOST
    assert spent_s < 500e-6  # on a busy machine; alone it is about 20 µs


# --- formulas ------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(0.1, 60)), min_size=1, max_size=40))
def test_rising_never_falls_and_keeps_the_mean(pairs: Sequence[tuple[float, float]]) -> None:
    values, weights = [v for v, _ in pairs], [w for _, w in pairs]
    found = rising(values, weights)
    assert len(found) == len(values)
    assert all(a <= b + 1e-9 for a, b in pairwise(found))
    assert sum(f * w for f, w in zip(found, weights, strict=True)) == pytest.approx(
        sum(v * w for v, w in pairs), abs=1e-6
    )
    assert rising(found, weights) == pytest.approx(found)


@given(st.floats(1e-4, 10), st.floats(1.0, 100))
def test_one_place_meets_its_target_at_the_rate_that_is_counted_on(base: float, x: float) -> None:
    target = base * x
    rate = single_place(base, target)
    assert 0 <= rate * base <= 0.6 + 1e-9
    busy = rate * base
    assert base * (1 + 2 * busy / (1 - busy)) <= target * (1 + 1e-9)
