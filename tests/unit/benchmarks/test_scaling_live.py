"""The pure parts of the load laboratory: profile, plain rule, figures, what HAProxy says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling_live import haproxy
from benchmarks.scaling_live.figures import (
    WINDOW_S,
    Asked,
    Sight,
    by_time,
    figures,
    percentile,
    within,
)
from benchmarks.scaling_live.profile import Profile
from benchmarks.scaling_live.rule import STABILISED_S, SYNC_S, TARGET, Fleet, Rule, recommended

LEAST, MOST, CAPACITY = 2, 40, 20.0
rates = st.floats(0.0, 2000.0)
counts = st.integers(1, MOST)
lasts = st.floats(1.0, 300.0)
profiles = st.builds(
    Profile, st.floats(1.0, 50.0), st.floats(50.0, 500.0), lasts, lasts, lasts, lasts, lasts
)

# --- the profile --------------------------------------------------------------------------------


def test_it_rises_five_times_within_two_minutes() -> None:
    profile = Profile()
    assert profile.high_rps == 5 * profile.low_rps
    assert profile.rise_s == 120.0
    assert profile.rate(profile.lead_s) == profile.low_rps
    assert profile.rate(profile.lead_s + 60.0) == pytest.approx(90.0)
    assert profile.rate(profile.lead_s + 120.0) == profile.high_rps
    assert profile.rate(-1.0) == profile.rate(profile.total_s) == 0.0


@given(profiles, st.floats(0.0, 1.0))
def test_the_rate_stays_between_low_and_high(profile: Profile, share: float) -> None:
    rate = profile.rate(share * profile.total_s * (1 - 1e-9))
    assert profile.low_rps * (1 - 1e-9) <= rate <= profile.high_rps * (1 + 1e-9)
    assert profile.points()[-1][0] == pytest.approx(profile.total_s)


@given(profiles, st.floats(1.0, 100.0))
def test_what_is_needed_carries_the_rate_and_one_fewer_would_not(
    profile: Profile, capacity: float
) -> None:
    needed = profile.needed(capacity)
    assert len(needed) == int(profile.total_s)
    for second, count in enumerate(needed):
        rate = profile.rate(second + 0.5)
        assert count * capacity >= rate * (1 - 1e-9)
        assert count == 1 or (count - 1) * capacity < rate * (1 + 1e-9)


# --- the plain rule -----------------------------------------------------------------------------


@given(rates, counts, counts)
def test_the_recommendation_is_just_enough_at_the_target(
    rps: float, instances: int, ready: int
) -> None:
    ready = min(ready, instances)
    fleet = Fleet(instances, ready, rps, CAPACITY)
    found = recommended(fleet)
    if found != instances:
        enough = rps / (CAPACITY * TARGET)
        assert enough <= found + 1e-6
        assert found < enough + 1
    if instances == ready and 0.9 < rps / (instances * CAPACITY * TARGET) < 1.1:
        assert found == instances, "within the tolerance"


@given(st.lists(rates, min_size=2, max_size=2), counts)
def test_more_load_never_wants_fewer(pair: list[float], instances: int) -> None:
    low, high = (recommended(Fleet(instances, instances, rps, CAPACITY)) for rps in sorted(pair))
    assert low <= high


@given(st.lists(rates, min_size=1, max_size=80), st.floats(0.1, 1.0))
def test_bounds_growth_and_stabilisation(loads: Sequence[float], time_scale: float) -> None:
    rule, count = Rule(LEAST, MOST, time_scale), LEAST
    said: list[tuple[float, int]] = []
    for step, rps in enumerate(loads):
        now_s = step * SYNC_S * time_scale
        fleet = Fleet(count, count, rps, CAPACITY)
        said.append((now_s, min(MOST, max(LEAST, recommended(fleet)))))
        wanted = rule.wanted(now_s, fleet)
        assert LEAST <= wanted <= MOST
        assert wanted <= max(2 * count, count + 4)
        if wanted < count:
            since_s = now_s - STABILISED_S * time_scale
            assert wanted == max(c for at_s, c in said if at_s > since_s)
        count = wanted


def test_who_starts_counts_as_idle_and_never_turns_the_answer_around() -> None:
    assert recommended(Fleet(2, 2, 60.0, CAPACITY)) == 5
    assert recommended(Fleet(5, 2, 60.0, CAPACITY)) == 5, "three of them are on their way"
    assert recommended(Fleet(5, 2, 200.0, CAPACITY)) == 15
    assert recommended(Fleet(5, 0, 200.0, CAPACITY)) == 5, "nothing is known of them"


# --- figures ------------------------------------------------------------------------------------


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=200))
def test_the_percentile_is_one_of_the_values_and_enough_are_within_it(took: list[float]) -> None:
    found = percentile(took)
    assert found in took
    assert sum(value <= found for value in took) >= 0.95 * len(took)
    assert sum(value < found for value in took) < 0.95 * len(took)


def test_of_nothing_there_is_no_percentile_and_it_is_within() -> None:
    assert math.isnan(percentile([]))
    assert within([math.nan, 0.1, 0.4, math.inf], 0.3) == 0.5
    assert within([], 0.3) == 1.0


def test_who_failed_is_never_within() -> None:
    asked = [Asked(0.1 * n, 0.1, 200) for n in range(9)] + [Asked(0.95, 0.01, 503)]
    assert by_time(asked, 3, 1)[0] == math.inf
    assert math.isnan(by_time(asked, 3, 1)[1])


def test_what_came_of_a_side() -> None:
    asked = [Asked(n / 2, 0.1 if n < 10 else 0.5, 200) for n in range(20)]
    asked.append(Asked(9.9, 0.2, 0, late_s=0.1))
    sights = [Sight(0.0, 2, 2), Sight(4.0, 3, 5)]
    found = figures(asked, sights, [1] * 10, 0.3, (1, 0))
    assert (found.requests, found.failed, found.by_status) == (21, 1, {"0": 1, "200": 20})
    assert found.seconds_within == 0.5
    assert found.windows_within == 0.5
    assert WINDOW_S == 5
    assert found.worst_window_s == math.inf
    assert found.taking_s == 2 * 4 + 3 * 6
    assert found.running_s == 2 * 4 + 5 * 6
    assert found.needed_s == 10
    assert (found.least, found.most) == (2, 3)
    assert (found.changes_out, found.changes_in) == (1, 0)
    assert found.late_share == pytest.approx(1 / 21)


@given(st.lists(st.tuples(st.floats(0.1, 5.0), st.integers(0, 20)), min_size=1, max_size=30))
def test_instance_seconds_lie_between_those_of_the_least_and_of_the_most(
    steps: list[tuple[float, int]],
) -> None:
    at_s, sights = 0.0, []
    for lasts_s, count in steps:
        sights.append(Sight(at_s, count, count))
        at_s += lasts_s
    found = figures([], sights, [1] * math.ceil(at_s), 0.3, (0, 0))
    total_s = math.ceil(at_s)
    assert found.least * total_s <= found.taking_s + 1e-6
    assert found.taking_s <= found.most * total_s + 1e-6


# --- HAProxy ------------------------------------------------------------------------------------

COLUMNS = "# pxname,svname,qcur,scur,stot,status,weight,check_status,addr,req_tot"
ROWS = [
    "web,FRONTEND,,9,100,OPEN,,,,321",
    "web,web0,0,2,50,UP,100,L7OK,127.0.0.1:8000,",
    "web,web1,0,1,50,UP 1/2,100,L7STS,127.0.0.1:8001,",
    "web,web2,0,0,0,DRAIN,100,L7OK,127.0.0.1:8002,",
    "web,web3,0,0,0,DOWN 1/2,100,L7OK,127.0.0.1:8003,",
    "web,web4,0,0,0,MAINT (resolution),100,,,",
    "web,web5,0,0,0,UP,0,L7OK,127.0.0.1:8005,",
    "web,BACKEND,4,3,100,UP,300,,,",
]


def test_who_gets_requests_is_up_not_drained_and_has_a_weight() -> None:
    found = haproxy.seen(7.0, "\n".join([COLUMNS, *ROWS]))
    assert [one.name for one in found.servers if one.takes] == ["web0", "web1"]
    assert [one.name for one in found.servers if one.is_up] == ["web0", "web2", "web3", "web5"]
    assert (found.taking, found.asked, found.sessions, found.at_s) == (2, 321, 7, 7.0)


def test_each_place_has_a_server() -> None:
    told = haproxy.of_processes(Path("/run/a.sock"), 80, range(8000, 8003))
    assert told.count("  server web") == 3
    assert "retry-on" not in told, "nobody listens on a place that is free"
    assert "server-template web 1-14 web:8000" in haproxy.of_containers("/run/a.sock", 80, 14)
