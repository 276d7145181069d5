"""Rates from a router's counters: what was asked, of whom, and what nobody can know."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.load_meter import WINDOW_INTERVALS, LoadMeter, recent
from everup.model.kinds import UNKNOWN
from everup.model.load import Load
from everup.model.routing import RoutedGroup, RoutedServer, RouterListing, Served, ServerName

EVERY_S = 5.0


def name(number: int, group: str = "web") -> ServerName:
    return ServerName(group, f"s{number}")


def routed(
    totals: Mapping[int, float],
    *,
    group: str = "web",
    failed: float = 0.0,
    latency_s: float = 0.1,
    whole: float | None = None,
    waiting: float = 0.0,
    life: str = "1",
) -> RouterListing:
    """Servers by number, each with its requests so far; `whole`: those of the group."""
    servers = tuple(
        RoutedServer(
            name(number, group),
            address="10.0.0.1",
            port=80,
            sessions=2.0,
            waiting=0.0,
            served=Served(total, failed, latency_s),
        )
        for number, total in totals.items()
    )
    served = None if whole is None else Served(whole, failed, 2 * latency_s)
    groups = {} if whole is None else {group: RoutedGroup(served, waiting)}
    return RouterListing(0.0, servers, life, groups=groups)


def placing(*numbers: int, service: str = "api") -> dict[str, dict[ServerName, str]]:
    return {service: {name(number): f"{service}-{number}" for number in numbers}}


def meter(**declared: str) -> LoadMeter:
    return LoadMeter(EVERY_S, declared)


def test_one_reading_tells_no_rate() -> None:
    load = meter().take(0.0, placing(1), routed({1: 1e6}))["api"]
    assert math.isnan(load.requests_per_s)
    assert (load.sessions, load.waiting, load.source) == (2.0, 0.0, "router")


def test_rates_are_over_three_intervals() -> None:
    made = meter()
    load = Load(0.0)
    for number, total in enumerate((0.0, 100.0, 100.0, 250.0, 300.0)):
        load = made.take(EVERY_S * number, placing(1), routed({1: total}))["api"]
    assert load.requests_per_s == pytest.approx((300.0 - 100.0) / (3 * EVERY_S))
    assert load.by_instance == {"api-1": pytest.approx(load.requests_per_s)}
    assert load.latency_s == pytest.approx(0.1)
    assert load.at_s == 4 * EVERY_S


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=12), st.integers(1, 4))
def test_a_steady_stream_is_its_own_rate(more: list[int], servers: int) -> None:
    """What instances get adds up to what the service gets, and to what was counted."""
    made, total = meter(), dict.fromkeys(range(servers), 0.0)
    load = made.take(0.0, placing(*total), routed(total))["api"]
    for step, count in enumerate(more, 1):
        for number in total:
            total[number] += count
        load = made.take(EVERY_S * step, placing(*total), routed(total))["api"]
    latest = more[-WINDOW_INTERVALS:]
    assert load.requests_per_s == pytest.approx(servers * sum(latest) / (EVERY_S * len(latest)))
    assert sum(load.by_instance.values()) == pytest.approx(load.requests_per_s)
    assert load.failures_per_s <= load.requests_per_s


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 3), st.booleans()), max_size=20))
def test_whatever_the_counters_do_no_rate_is_negative(
    steps: list[tuple[int, int, bool]],
) -> None:
    made, at_s = meter(), 0.0
    for total, late, is_anew in steps:
        at_s += EVERY_S * late
        listing = routed({1: float(total)}, failed=float(total % 7), life=str(is_anew))
        load = made.take(at_s, placing(1), listing)["api"]
        for value in (load.requests_per_s, load.failures_per_s, *load.by_instance.values()):
            assert math.isnan(value) or 0.0 <= value <= 1000.0
        assert not load.failures_per_s > load.requests_per_s


def test_an_interval_with_a_reload_or_a_counter_that_fell_is_left_out() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 0.0}))
    load = made.take(5.0, placing(1), routed({1: 50.0}))["api"]
    assert load.requests_per_s == 10.0
    load = made.take(10.0, placing(1), routed({1: 7000.0}, life="2"))["api"]
    assert load.requests_per_s == 10.0, "what was known before"
    load = made.take(15.0, placing(1), routed({1: 7100.0}, life="2"))["api"]
    assert load.requests_per_s == 15.0
    load = made.take(20.0, placing(1), routed({1: 3.0}, life="2"))["api"]
    assert load.requests_per_s == 15.0


def test_what_was_long_ago_is_forgotten() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 0.0}))
    made.take(5.0, placing(1), routed({1: 50.0}))
    load = made.take(65.0, placing(1), routed({1: 60000.0}))["api"]
    assert math.isnan(load.requests_per_s), "nobody knows when they came"
    assert load.sessions == 2.0


def test_a_clock_that_was_set_back_forgets() -> None:
    made = meter()
    made.take(1000.0, placing(1), routed({1: 0.0}))
    made.take(1005.0, placing(1), routed({1: 50.0}))
    load = made.take(10.0, placing(1), routed({1: 60.0}))["api"]
    assert math.isnan(load.requests_per_s)


def test_whoever_is_added_begins_with_nothing() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 100.0}))
    load = made.take(5.0, placing(1, 2), routed({1: 150.0, 2: 25.0}))["api"]
    assert load.requests_per_s == 15.0
    assert load.by_instance == {"api-1": 10.0, "api-2": 5.0}


def test_a_server_that_becomes_an_instances_keeps_its_past_to_itself() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 100.0, 2: 9000.0}))
    load = made.take(5.0, placing(1, 2), routed({1: 150.0, 2: 9010.0}))["api"]
    assert load.by_instance["api-2"] == 2.0


def test_a_group_of_its_own_counts_what_found_no_place() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 0.0}, whole=0.0))
    load = made.take(5.0, placing(1), routed({1: 40.0}, whole=100.0, waiting=8.0, failed=5.0))
    found = load["api"]
    assert (found.requests_per_s, found.failures_per_s) == (20.0, 1.0)
    assert (found.waiting, found.sessions) == (8.0, 10.0)
    assert found.by_instance == {"api-1": 8.0}
    assert found.latency_s == pytest.approx(0.2), "with the wait for a place"


def test_a_group_that_is_shared_is_added_up_by_servers() -> None:
    made = meter()
    both = {**placing(1), **placing(2, service="web")}
    made.take(0.0, both, routed({1: 0.0, 2: 0.0}, whole=0.0))
    found = made.take(5.0, both, routed({1: 40.0, 2: 10.0}, whole=80.0, waiting=4.0))
    assert (found["api"].requests_per_s, found["web"].requests_per_s) == (8.0, 2.0)
    assert found["api"].waiting == 2.0, "its share by servers"
    assert found["api"].latency_s == pytest.approx(0.1)


def test_a_stranger_in_the_group_counts_only_while_it_works() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 0.0, 9: 5.0}, whole=5.0))
    found = made.take(5.0, placing(1), routed({1: 40.0, 9: 5.0}, whole=55.0))
    assert found["api"].requests_per_s == 10.0, "the whole group"
    found = made.take(10.0, placing(1), routed({1: 80.0, 9: 6.0}, whole=105.0))
    assert found["api"].requests_per_s == (50.0 + 40.0) / 10.0, "its servers alone"


def test_who_leaves_takes_nothing_of_what_it_did() -> None:
    made = meter()
    made.take(0.0, placing(1, 2), routed({1: 0.0, 2: 0.0}, whole=0.0))
    found = made.take(5.0, placing(1), routed({1: 50.0, 2: 50.0}, whole=100.0))
    assert found["api"].requests_per_s == 20.0
    assert found["api"].by_instance == {"api-1": 10.0}


def test_demand_is_seen_while_there_is_no_instance() -> None:
    made = meter()
    made.take(0.0, placing(1), routed({1: 0.0}, whole=0.0))
    found = made.take(5.0, {}, routed({1: 0.0}, whole=30.0, failed=30.0))
    assert (found["api"].requests_per_s, found["api"].failures_per_s) == (6.0, 6.0)
    assert found["api"].by_instance == {}
    asleep = meter(api="web")
    asleep.take(0.0, {}, routed({}, whole=0.0))
    found = asleep.take(5.0, {}, routed({}, whole=10.0))
    assert found["api"].requests_per_s == 2.0, "its owner names the group"


def test_a_router_that_does_not_count_says_what_is_under_way() -> None:
    server = RoutedServer(name(1), address="10.0.0.1", sessions=3.0)
    made = meter()
    for at_s in (0.0, 5.0):
        load = made.take(at_s, placing(1), RouterListing(0.0, (server,), "1"))["api"]
    assert math.isnan(load.requests_per_s)
    assert load.sessions == 3.0
    assert math.isnan(load.waiting)
    assert meter().take(0.0, {}, RouterListing(0.0, (server,), "1")) == {}


def test_answers_of_the_idle_are_not_timed() -> None:
    made = meter()
    for at_s in (0.0, 5.0):
        load = made.take(at_s, placing(1), routed({1: 10.0}))["api"]
    assert load.requests_per_s == 0.0
    assert math.isnan(load.latency_s)
    assert load.queue is UNKNOWN or math.isnan(load.queue)


# --- what the latest answers took ----------------------------------------------------------------

OVER = 512


class Fading:
    """A router's mean that moves by one part in OVER with each answer, told in milliseconds."""

    def __init__(self) -> None:
        self.sum_s, self.count = 0.0, 0

    def answer(self, took_s: list[float]) -> Served:
        for one in took_s:
            self.sum_s += one - self.sum_s / OVER
            self.count += 1
        return self.told()

    def told(self, more: int = 0) -> Served:
        """`more`: begun, and not ended."""
        begun = self.count + more
        mean_s = self.sum_s / min(begun, OVER) if begun else UNKNOWN
        return Served(float(begun), 0.0, round(mean_s, 3), float(OVER))


@given(
    st.lists(st.floats(0.05, 2.0), min_size=0, max_size=1500),
    st.lists(st.floats(0.05, 2.0), min_size=60, max_size=800),
)
def test_the_latest_answers_are_told_apart_from_the_earlier_ones(
    before: list[float], after: list[float]
) -> None:
    router = Fading()
    had = router.answer(before)
    found = recent(had, router.answer(after), float(len(after)))
    mean_s = found.took_s / found.count
    weights = [(1.0 - 1.0 / OVER) ** age for age in reversed(range(len(after)))]
    true_s = sum(w * took for w, took in zip(weights, after, strict=True)) / sum(weights)
    assert abs(mean_s - true_s) <= found.blur_s / found.count


def test_answers_that_turn_slow_are_seen_at_once_and_so_is_their_end() -> None:
    router, made, told = Fading(), meter(), list[float]()
    for number, took_s in enumerate([0.1] * 8 + [1.0] * 3 + [0.1] * 4):
        served = router.answer([took_s] * 150)
        server = RoutedServer(name(1), address="10.0.0.1", port=80, sessions=2.0, served=served)
        listing = RouterListing(0.0, (server,), "1")
        told.append(made.take(EVERY_S * number, placing(1), listing)["api"].latency_s)
    assert told[7] == pytest.approx(0.1, rel=0.05)
    assert told[10] == pytest.approx(1.0, rel=0.05), "three intervals later it is all of it"
    assert told[13] == pytest.approx(0.1, rel=0.2), "and as soon it is over"


def test_what_has_not_ended_is_no_answer() -> None:
    router = Fading()
    had = router.answer([0.2] * 600)
    busy = RoutedServer(name(1), address="10.0.0.1", port=80, sessions=0.0, served=had)
    made = meter()
    made.take(0.0, placing(1), RouterListing(0.0, (busy,), "1"))
    router.answer([0.4] * 100)
    busy = RoutedServer(
        name(1), address="10.0.0.1", port=80, sessions=100.0, served=router.told(more=100)
    )
    load = made.take(EVERY_S, placing(1), RouterListing(0.0, (busy,), "1"))["api"]
    assert load.latency_s == pytest.approx(0.4, rel=0.1)


@pytest.mark.parametrize("over", [UNKNOWN, float(OVER)])
def test_few_answers_or_an_unknown_mean_leave_what_is_told(over: float) -> None:
    made, load = meter(), Load(0.0)
    for number, (total, told_s) in enumerate([(1000.0, 0.1), (1001.0, 0.101)]):
        served = Served(total, 0.0, told_s, over)
        server = RoutedServer(name(1), address="10.0.0.1", port=80, sessions=0.0, served=served)
        load = made.take(EVERY_S * number, placing(1), RouterListing(0.0, (server,), "1"))["api"]
    assert load.latency_s == pytest.approx(0.101)
