"""How good predictions were: the formulas, on numbers that can be counted by hand and on any."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.accuracy import AccuracyReport, Failure, ForecastTally, SignalBefore
from everup.model.kinds import Cause
from everup.model.prediction import MadePrediction, PredictionEnding
from everup.predictive_monitor.accuracy import accuracy, has_moved, reliability, tenth_of

DAY = 10_000.0


def made(
    service: str, ending: PredictionEnding, *, took_s: float = 100.0, at_s: float = 1000.0
) -> MadePrediction:
    return MadePrediction(
        *("p", service, Cause.LEAK, 0.8, at_s, at_s, at_s, at_s, (), "m", 900.0, 0.7),
        ending=ending,
        settled_at_s=at_s + took_s,
    )


def failed(service: str, lead_s: float | None, *, at_s: float = 2000.0, why: str = "") -> Failure:
    named = ("", math.nan) if lead_s is None else ("p", lead_s)
    return Failure(at_s, service, Cause.CRASH, "i", *named, left_out=why, horizon_s=900.0)


def tally(tenth: int, count: int, came: int, p: float, service: str = "a") -> ForecastTally:
    squared = came * (1 - p) ** 2 + (count - came) * p**2
    return ForecastTally(service, tenth, count, came, count * p, squared)


def judged(
    settled: list[MadePrediction], failures: list[Failure], *tallies: ForecastTally
) -> AccuracyReport:
    return accuracy(settled, failures, tallies, since_s=0.0, until_s=DAY)


HIT, FALSE = PredictionEnding.HIT, PredictionEnding.FALSE_ALARM


def test_precision_is_of_those_that_were_left_to_come() -> None:
    settled = [made("a", HIT), made("a", HIT), made("a", FALSE)]
    settled += [made("a", PredictionEnding.AVERTED), made("b", PredictionEnding.VOID)]
    found = judged(settled, [])
    assert found.overall.precision == 2 / 3
    assert (found.overall.averted, found.overall.void) == (1, 1)
    assert [s.name for s in found.services] == ["a", "b"]
    assert math.isnan(found.services[1].precision), "of nothing there is no share"
    assert math.isnan(found.overall.recall)


def test_what_came_after_the_horizon_is_no_hit() -> None:
    found = judged([made("a", HIT), made("a", HIT, took_s=901.0)], []).overall
    assert (found.hits, found.late, found.precision) == (1, 1, 0.5)


def test_recall_and_lead_time_are_of_failures_that_count() -> None:
    failures = [failed("a", lead) for lead in (100.0, 200.0, 300.0)]
    failures += [failed("b", None), failed("b", 901.0), failed("b", None, why="a change")]
    found = judged([], failures)
    overall = found.overall
    assert (overall.failures, overall.foreseen, overall.early, overall.missed) == (5, 3, 1, 1)
    assert overall.recall == 3 / 5
    assert (overall.lead_p10_s, overall.lead_p50_s, overall.lead_p90_s) == (100.0, 200.0, 300.0)
    assert found.left_out == {"a change": 1}
    assert [m.service for m in found.misses] == ["b", "b"]


def test_what_is_outside_of_the_period_does_not_count() -> None:
    found = judged([made("a", HIT, at_s=-500.0)], [failed("a", None, at_s=DAY + 1)]).overall
    assert (found.hits, found.failures) == (0, 0)


def test_brier_beside_that_of_the_base_rate() -> None:
    found = judged([], [], tally(0, 90, 0, 0.0), tally(8, 10, 8, 0.8)).overall
    assert found.forecasts == 100
    assert found.base_rate == pytest.approx(0.08)
    assert found.brier == pytest.approx((8 * 0.04 + 2 * 0.64) / 100)
    assert found.brier_of_base == pytest.approx(0.08 * 0.92)
    assert found.calibration_error == pytest.approx(0.0)
    assert [(t.count, t.said, t.came) for t in found.reliability] == [
        (90, 0.0, 0.0),
        (10, 0.8, 0.8),
    ]


def test_misses_that_nothing_showed_are_counted() -> None:
    still = SignalBefore("memory_ratio", 0.5, 0.51, 0.5, 0.51)
    rose = SignalBefore("memory_ratio", 0.5, 0.9, 0.5, 0.9)
    misses = [replace(failed("a", None), visible=(s,)) for s in (still, rose)]
    misses.append(replace(failed("a", None), anomalies=("latency",)))
    assert (judged([], misses).overall.missed, judged([], misses).overall.unseen) == (3, 1)
    assert not has_moved(SignalBefore("latency_s", 0.001, 0.004, 0.001, 0.004)), "noise"
    assert has_moved(SignalBefore("latency_s", 0.1, 0.4, 0.1, 0.4))
    assert not has_moved(SignalBefore("latency_s", math.nan, 0.4, 0.4, 0.4))


SHARE = st.floats(0.0, 1.0)


@given(st.lists(st.tuples(SHARE, st.booleans()), min_size=1, max_size=200))
def test_of_any_forecasts_the_tallies_say_what_the_forecasts_say(
    forecasts: list[tuple[float, bool]],
) -> None:
    tallies = [
        ForecastTally("a", tenth_of(p), 1, int(came), p, (p - came) ** 2) for p, came in forecasts
    ]
    found = judged([], [], *tallies).overall
    assert found.brier == pytest.approx(sum((p - y) ** 2 for p, y in forecasts) / len(forecasts))
    assert 0.0 <= found.brier <= 1.0
    assert 0.0 <= found.calibration_error <= 1.0
    points = reliability(tallies)
    assert sum(point.count for point in points) == len(forecasts)
    for point in points:
        assert point.low - 1e-6 <= point.said <= point.high + 1e-6
        assert 0.0 <= point.came <= 1.0


@given(st.lists(st.sampled_from(list(PredictionEnding)), max_size=50))
def test_every_prediction_is_counted_once(endings: list[PredictionEnding]) -> None:
    found = judged([made("a", one) for one in endings], []).overall
    counted = found.hits + found.late + found.averted + found.false_alarms + found.void
    assert counted == sum(1 for one in endings if one is not PredictionEnding.OPEN)
    assert math.isnan(found.precision) or 0.0 <= found.precision <= 1.0
