"""Own share: whose excess is its own, what silence, views, noise and few calls are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.dependency_monitor.root_cause import Hints, RankedCause, own_shares, rank_roots
from everup.dependency_monitor.tuning import Tuning
from everup.model.signals import CallSeries, Symptom, failures_of

ROWS = 60
CALLS = {"site": ["shop", "mail"], "shop": ["gate"], "gate": ["store"], "store": [], "mail": []}
NODES = tuple(CALLS)
REQUESTS = {"site": 500.0, "shop": 300.0, "gate": 100.0, "store": 100.0, "mail": 4.0}
LATENCY_S = {"site": 0.2, "shop": 0.1, "gate": 0.05, "store": 0.04, "mail": 0.3}


def normal(seed: int = 0, rows: int = ROWS) -> CallSeries:
    draw = np.random.default_rng(seed)
    requests = draw.poisson([REQUESTS[n] for n in NODES], (rows, len(NODES))).astype(float)
    requests[:, NODES.index("gate")] = requests[:, NODES.index("store")]
    latency_s = np.array([LATENCY_S[n] for n in NODES]) * draw.lognormal(0, 0.05, requests.shape)
    return CallSeries(NODES, latency_s, requests, np.zeros_like(requests))


def window(
    slower: dict[str, float] | None = None, failed: dict[str, float] | None = None
) -> CallSeries:
    latency_s = np.array([[LATENCY_S[n] + (slower or {}).get(n, 0.0) for n in NODES]])
    requests = np.array([[REQUESTS[n] for n in NODES]])
    failures = np.array([[(failed or {}).get(n, 0.0) for n in NODES]])
    return CallSeries(NODES, latency_s, requests, failures)


def names(ranked: tuple[RankedCause, ...]) -> list[str]:
    return [cause.node for cause in ranked]


def test_the_callee_that_explains_its_callers_is_the_cause() -> None:
    seen = window(slower={"store": 0.3, "gate": 0.3, "shop": 0.1, "site": 0.06})
    ranked = rank_roots(CALLS, normal(), seen, Symptom.LATENCY)
    assert ranked[0].node == "store"
    assert ranked[0].share > 0.9
    assert "s per interval above normal" in ranked[0].reason


def test_a_caller_that_is_slow_by_itself_is_the_cause() -> None:
    seen = window(slower={"shop": 0.3, "site": 0.18})
    ranked = rank_roots(CALLS, normal(), seen, Symptom.LATENCY)
    assert ranked[0].node == "shop"
    assert "nothing that it calls explains it" in ranked[0].reason


def test_what_a_callee_explains_only_in_part_stays_the_callers_own() -> None:
    seen = window(failed={"shop": 60.0, "gate": 10.0, "store": 10.0, "site": 60.0})
    ranked = rank_roots(CALLS, normal(), seen, Symptom.FAILURES)
    assert names(ranked)[:2] == ["shop", "store"]
    assert ranked[0].own == pytest.approx(50.0, rel=0.1)
    assert "explains most of the rest" in ranked[0].reason


def test_a_view_is_one_with_what_it_shows() -> None:
    seen = window(failed={"gate": 20.0, "store": 20.0, "shop": 20.0, "site": 20.0})
    ranked = rank_roots(CALLS, normal(), seen, Symptom.FAILURES)
    assert ranked[0].node == "store"
    assert ranked[0].views == ("gate",)
    assert "gate" not in names(ranked)


def test_a_view_with_more_of_its_own_than_the_thing_could_explain_stands_for_itself() -> None:
    seen = window(slower={"gate": 0.5, "shop": 0.16, "site": 0.1})
    ranked = rank_roots(CALLS, normal(), seen, Symptom.LATENCY)
    assert ranked[0].node == "gate"


def test_one_slow_call_of_a_rarely_called_node_leads_nobody_astray() -> None:
    seen = window(slower={"mail": 1.0, "store": 0.05, "gate": 0.05})
    ranked = rank_roots(CALLS, normal(), seen, Symptom.LATENCY)
    assert ranked[0].node == "store"


def test_a_node_that_is_always_called_and_now_silent_is_suspected_before_its_caller() -> None:
    seen = window(failed={"shop": 90.0, "site": 90.0})
    silent = seen.requests.copy()
    silent[:, [NODES.index("store"), NODES.index("gate")]] = np.nan
    lost = replace(seen, requests=silent)
    ranked = rank_roots(CALLS, normal(), lost, Symptom.FAILURES)
    assert set(names(ranked)[:2]) == {"gate", "shop"} or names(ranked)[0] == "store"
    assert "nothing of it is seen" in next(c.reason for c in ranked if c.node == "store")


def test_a_normal_period_of_another_season_is_brought_up_to_date() -> None:
    doubled = normal()
    doubled = replace(doubled, latency_s=doubled.latency_s * 0.5)
    seen = window(slower={"store": 0.2, "gate": 0.2})
    recent = CallSeries(NODES, *(np.repeat(a, 2, axis=0) for a in _arrays(window())))
    assert names(rank_roots(CALLS, doubled, seen, Symptom.LATENCY, recent))[0] == "store"
    without = rank_roots(CALLS, doubled, seen, Symptom.LATENCY)
    assert without[0].excess > 0.0


def _arrays(series: CallSeries) -> tuple[np.ndarray, ...]:
    return series.latency_s, series.requests, series.failures


def test_nothing_unusual_gives_no_share_to_anybody() -> None:
    ranked = rank_roots(CALLS, normal(), window(), Symptom.FAILURES)
    assert all(cause.share == 0.0 for cause in ranked)
    assert {c.reason for c in ranked} == {"nothing unusual was seen of it"}


def test_a_change_shortly_before_and_the_order_of_onset_weigh() -> None:
    seen = window(failed={"shop": 20.0, "mail": 2.0, "store": 19.0})
    calls = {"site": ["shop", "store"]}
    plain = rank_roots(calls, normal(), seen, Symptom.FAILURES)
    assert names(plain)[0] == "shop"
    hints = Hints(changes={"store": 900.0}, onsets={"store": 1000.0, "shop": 1000.0})
    assert names(rank_roots(calls, normal(), seen, Symptom.FAILURES, hints=hints))[0] == "store"
    late = Hints(onsets={"site": 1000.0, "shop": 1200.0, "store": 1000.0})
    assert names(rank_roots(calls, normal(), seen, Symptom.FAILURES, hints=late))[0] == "store"


def test_series_of_other_nodes_are_refused() -> None:
    other = CallSeries(("x",), *(np.zeros((1, 1)) for _ in range(3)))
    with pytest.raises(ValueError, match="same nodes"):
        rank_roots(CALLS, normal(), other, Symptom.LATENCY)
    with pytest.raises(ValueError, match="intervals"):
        CallSeries(("x", "y"), *(np.zeros((1, 1)) for _ in range(3)))


def test_availability_may_be_a_share_or_in_percent() -> None:
    requests = np.array([[200.0]])
    assert failures_of(np.array([[97.0]]), requests, is_percent=True)[0, 0] == pytest.approx(6.0)
    assert failures_of(np.array([[0.97]]), requests, is_percent=False)[0, 0] == pytest.approx(6.0)


@given(
    st.lists(st.floats(0, 1e3), min_size=4, max_size=4),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8),
)
def test_own_shares_lie_between_nothing_and_all(
    totals: list[float], beliefs: list[float], edges: list[tuple[int, int]]
) -> None:
    callees = [[b for a, b in edges if a == node and b != node] for node in range(4)]
    own = own_shares(np.array(totals), np.array(beliefs), callees)
    assert ((own >= 0.0) & (own <= np.array(totals) + 1e-9)).all()
    for node in range(4):
        if not callees[node]:
            assert own[node] == totals[node]


@settings(max_examples=25)
@given(st.floats(0.5, 1.5), st.floats(0.5, 1.5), st.integers(0, 50), st.permutations(NODES))
def test_neither_half_of_a_number_nor_another_order_of_nodes_changes_a_clear_case(
    stands_out: float, few: float, seed: int, order: list[str]
) -> None:
    tuning = Tuning(stands_out=3.0 * stands_out, few_calls=5.0 * few)
    place = [NODES.index(n) for n in order]

    def shuffled(series: CallSeries) -> CallSeries:
        return CallSeries(tuple(order), *(a[:, place] for a in _arrays(series)))

    seen = window(slower={"store": 0.3, "gate": 0.3, "shop": 0.1, "site": 0.06})
    before = normal(seed)
    ranked = rank_roots(CALLS, shuffled(before), shuffled(seen), Symptom.LATENCY, tuning=tuning)
    assert ranked[0].node == "store"
    assert sum(c.share for c in ranked) == pytest.approx(1.0)
