"""Evidence becomes one probability: what adds to it, what it is worth, and who is threatened."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.dependency_monitor.foretold import foretell
from everup.model.assessment import OwnHealth, Prediction, Predictions, ServiceHealth
from everup.model.kinds import Cause, Condition, DependencyKind
from everup.model.stack import Dependency
from everup.model.state import StackState
from everup.model.tuning import Calibration
from everup.predictive_monitor.combine import (
    LEARNED_MOST,
    LIFTED_MOST,
    Learned,
    combine,
    log_odds,
    probability_of,
)
from tests.unit.builders import NOW_S, SETTINGS, service, stack

SHARES = st.floats(0.0, 1.0)
ALONE = stack(service("a"))


def leak(p: float, of: str = "a") -> Prediction:
    return Prediction(
        of, Cause.LEAK, p, NOW_S, NOW_S + 300.0, ("memory climbs",), "trend-prior-5", NOW_S
    )


def says(p: float, base: float = 0.02, of: str = "a") -> Learned:
    return Learned("failure-abc", base, {of: p})


def of(found: Predictions, name: str = "a") -> Prediction:
    return next(item for item in found.items if item.service == name)


def test_without_more_evidence_a_line_says_what_it_said() -> None:
    found = Predictions((leak(0.6),))
    assert combine(found, ALONE, NOW_S, SETTINGS) == found


def test_an_anomaly_makes_likelier_what_is_foretold_and_says_so() -> None:
    found = of(combine(Predictions((leak(0.6),)), ALONE, NOW_S, SETTINGS, anomalies={"a": 1.5}))
    assert found.probability == pytest.approx(probability_of(log_odds(0.6) + 0.75))
    assert found.evidence[0] == "memory climbs"
    assert "anomaly: 1.5 times" in found.evidence[1]
    assert "60% becomes 76%" in found.evidence[1]


@pytest.mark.parametrize("level", [0.0, 0.99, float("nan")])
def test_what_is_usual_adds_nothing(level: float) -> None:
    found = Predictions((leak(0.6),))
    assert combine(found, ALONE, NOW_S, SETTINGS, anomalies={"a": level}) == found


def test_an_anomaly_alone_foretells_nothing() -> None:
    assert combine(Predictions(), ALONE, NOW_S, SETTINGS, anomalies={"a": 9.0}).items == ()


def test_a_model_counts_by_how_far_it_departs_from_its_base_rate() -> None:
    usual = of(combine(Predictions((leak(0.5),)), ALONE, NOW_S, SETTINGS, learned=says(0.02)))
    assert usual.probability == pytest.approx(0.5)
    more = of(combine(Predictions((leak(0.5),)), ALONE, NOW_S, SETTINGS, learned=says(0.4)))
    assert more.probability > 0.8
    assert more.model_version == "trend-prior-5+failure-abc"
    assert "failure-abc" in more.evidence[-1]


@given(p=SHARES, said=SHARES, base=st.floats(0.001, 0.999))
def test_no_model_moves_it_further_than_its_bound(p: float, said: float, base: float) -> None:
    found = combine(Predictions((leak(p),)), ALONE, NOW_S, SETTINGS, learned=says(said, base))
    for item in found.items:
        if item.cause is Cause.LEAK:
            assert 0.0 <= item.probability <= 1.0
            assert abs(log_odds(item.probability) - log_odds(p)) <= LEARNED_MOST + 1e-9


@given(p=SHARES, said=SHARES, base=st.floats(0.001, 0.999), level=st.floats(0.0, 50.0))
def test_what_names_no_cause_lifts_a_line_by_so_much_together(
    p: float, said: float, base: float, level: float
) -> None:
    learned = says(said, base)
    found = combine(
        Predictions((leak(p),)), ALONE, NOW_S, SETTINGS, anomalies={"a": level}, learned=learned
    )
    for item in found.items:
        if item.cause is Cause.LEAK:
            assert log_odds(item.probability) - log_odds(p) <= LIFTED_MOST + 1e-9


def test_a_weak_line_is_not_acted_upon_for_what_names_no_cause() -> None:
    found = combine(
        Predictions((leak(0.3),)),
        *(ALONE, NOW_S, SETTINGS),
        anomalies={"a": 9.0},
        learned=says(0.98),
    )
    assert of(found).probability < SETTINGS.prediction_acts_above


def test_what_only_a_model_says_has_a_cause_of_its_own_that_is_told() -> None:
    found = combine(Predictions(), ALONE, NOW_S, SETTINGS, learned=says(0.8))
    item = of(found)
    assert (item.cause, item.probability) == (Cause.ABOUT_TO_FAIL, 0.8)
    assert item.model_version == "failure-abc"
    own = OwnHealth({"a": ServiceHealth("a", 1.0, Condition.HEALTHY)})
    finding = foretell(found, own, StackState(), SETTINGS)["a"]
    assert finding.cause is Cause.ABOUT_TO_FAIL
    assert "within 15 min" in finding.reason


def test_the_calibration_comes_last_and_what_was_before_is_kept() -> None:
    calibration = Calibration((0.5, 0.9), (0.3, 0.6), 80)
    found = Predictions((leak(0.7),))
    item = of(combine(found, ALONE, NOW_S, SETTINGS, calibration=calibration))
    assert item.probability == pytest.approx(0.45)
    assert item.raw == 0.7
    assert "of 80 earlier forecasts" in item.evidence[-1]


@given(a=SHARES, b=SHARES)
def test_order_is_kept_by_all_of_it(a: float, b: float) -> None:
    """Whoever is foretold as likelier by its line stays so, whatever else is equal."""
    low, high = sorted((max(a, 0.06), max(b, 0.06)))
    found = combine(
        Predictions((leak(low), leak(high, "b"))),
        stack(service("a"), service("b")),
        NOW_S,
        SETTINGS,
        anomalies={"a": 1.2, "b": 1.2},
        learned=Learned("m", 0.1, {"a": 0.3, "b": 0.3}),
        calibration=Calibration((0.4, 0.9), (0.2, 0.8), 60),
    )
    assert of(found, "a").probability <= of(found, "b").probability + 1e-9


def test_a_dependent_is_threatened_and_nothing_acts_on_it() -> None:
    soft = replace(
        service("c"), depends_on=(Dependency("db", DependencyKind.SOFT), Dependency("x"))
    )
    weighed = replace(service("b"), depends_on=(Dependency("a", weight=0.5),))
    made = stack(service("db"), service("a", "db"), weighed, soft, service("x"))
    found = combine(Predictions((leak(0.8, "db"),)), made, NOW_S, SETTINGS)
    assert [item.service for item in found.items] == ["db"]
    told = {item.service: item for item in found.threatened}
    assert set(told) == {"a", "b"}
    assert told["a"].probability == pytest.approx(0.8)
    assert told["b"].probability == pytest.approx(0.4)
    assert told["b"].cause is Cause.DEPENDENCY_DOWN
    assert "db, which is foretold to fail (leak, 80%)" in told["b"].evidence[0]
    well = {n: ServiceHealth(n, 1.0, Condition.HEALTHY) for n in made.services}
    assert set(foretell(found, OwnHealth(well), StackState(), SETTINGS)) == {"db"}


def test_circles_end() -> None:
    made = stack(service("a", "b"), service("b", "a"))
    found = combine(Predictions((leak(0.8),)), made, NOW_S, SETTINGS)
    assert [(item.service, item.probability) for item in found.threatened] == [("b", 0.8)]
