"""The pure parts of the run-to-failure benchmark: cases, peers, figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from benchmarks.run_to_failure.cases import (
    FAILURES,
    LOOK_ALIKES,
    ROUND_MIN,
    Case,
    Kind,
    Shape,
    assigned,
    case,
    cases,
)
from benchmarks.run_to_failure.driver import FAULTS
from benchmarks.run_to_failure.figures import (
    Forecast,
    beginnings,
    calibration,
    forecasts,
    score,
)
from benchmarks.run_to_failure.peers import STATIC, alerts, held, meets_limit, over_threshold

SERVICES = tuple(f"s{index}" for index in range(60))


def _case(*, fails: bool = True) -> Case:
    return case(3, Kind.MEMORY, Shape.LINEAR if fails else Shape.PEAK, fails=fails)


def test_half_of_sixty_cases_are_failures() -> None:
    assert len(FAILURES) == len(LOOK_ALIKES) == 30
    chosen = cases(0)
    assert len({one.seed for one in chosen}) == 60
    assert sum(one.fails for one in chosen) == 30
    assert len(cases(0, quick=True)) == 12


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_a_fault(kind: Kind) -> None:
    driver = cast(Any, SimpleNamespace(stage=SimpleNamespace(port_of=lambda _: 1)))
    one = case(3, kind, Shape.LINEAR, fails=True)
    assert FAULTS[kind](driver, "api", one).case is one


def test_a_seed_says_everything() -> None:
    assert cases(7) == cases(7) != cases(8)
    assert np.array_equal(cases(7)[0].levels(), cases(7)[0].levels())
    assert assigned(cases(7), SERVICES) == assigned(cases(7), SERVICES)


def test_failures_reach_their_limit_within_the_round_and_look_alikes_never() -> None:
    for seed in range(0, 600, 60):
        for one in cases(seed):
            ends = min(one.reaches_limit_min(), ROUND_MIN)
            levels = [one.mean_level(at) for at in np.arange(0.0, ends, 0.1)]
            assert max(levels) <= 1.0 + 1e-9
            if one.fails:
                assert one.reaches_limit_min() < ROUND_MIN
                after = [one.mean_level(ends + at) for at in np.arange(0.0, one.period_min, 0.05)]
                assert max(after) >= 1.0 - 1e-9
            else:
                assert max(levels) < 0.95


def test_an_alarm_begins_where_there_was_none_for_five_minutes() -> None:
    assert beginnings([1.0, 2.0, 6.5, 12.0, 12.1]) == [1.0, 12.0]
    assert beginnings([1.0, 12.0], until_min=12.0) == [1.0]


def test_a_right_alarm_is_followed_by_the_failure_within_the_horizon() -> None:
    bad, good = _case(), _case(fails=False)
    owners = {"a": bad, "b": bad, "c": bad, "d": good}
    failed = {"a": 30.0, "b": 30.0, "c": 30.0}
    alarms = {"a": [20.0], "b": [28.0], "c": [2.0], "d": [5.0], "nobody's": [1.0]}
    found = score("x", alarms, owners, failed)
    assert (found.failures, found.foreseen) == (3, 1)  # b: too late, c: too early
    assert (found.alarms, found.right, found.early) == (5, 2, 1)
    assert found.leads_min == (2.0, 10.0)


def test_forecasts_end_with_the_failure_and_where_no_horizon_is_left() -> None:
    told = [(19.8, "a", 0.9), (10.0, "b", 0.2)]
    found = forecasts(told, {"a": _case(), "b": _case(fails=False)}, {"a": 24.0}, 40.0)
    assert [(f.at_min, f.probability, f.came) for f in found if f.service == "a"] == [
        (10.0, 0.0, True),
        (15.0, 0.0, True),
        (20.0, 0.9, True),
    ]
    assert [f.at_min for f in found if f.service == "b"] == [10.0, 15.0, 20.0, 25.0]


def test_perfect_forecasts_have_no_error_and_gain_over_the_base_rate() -> None:
    found = [Forecast(f"s{i}", 10.0, float(i % 2), bool(i % 2)) for i in range(40)]
    said = calibration(found)
    assert said.brier == said.error == 0.0
    assert said.base_brier == pytest.approx(0.25)
    assert said.gain_low > 0.0


def test_a_threshold_and_a_line_as_prometheus_has_them() -> None:
    times = np.arange(0.0, 60.0, 0.1)
    rising = 0.2 + 0.8 * times / 50.0
    at = np.arange(0.0, 60.0, 0.25)
    above = over_threshold(times, rising, at)
    assert at[above][0] == pytest.approx(40.75, abs=0.25)
    foretold = meets_limit(times, rising, at, 60.0)
    assert at[foretold][0] == pytest.approx(35.25, abs=0.5)
    assert not meets_limit(times, np.full(600, np.nan), at, 60.0).any()


def test_an_alert_holds_for_a_minute_first() -> None:
    on = np.array([0, 1, 1, 1, 1, 1, 1, 0, 1], dtype=bool)
    assert held(on).tolist() == [False] * 5 + [True, True, False, False]


def test_alerts_are_of_the_worst_share_of_each_service() -> None:
    times = np.arange(0.0, 20.0, 0.1)
    values = np.full((200, 2, 2), 0.1)
    values[:, 1, 1] = 0.9
    fired = alerts(times, values, ("calm", "full"))[STATIC]
    assert not fired["calm"][1].any()
    assert fired["full"][1].any()
