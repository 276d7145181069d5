"""The craft of anomalies: what teaches, what does not, both exams, the same result each time."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dask.distributed import Client, LocalCluster

from everup.model.history import Columns, Signal
from everup.model.kinds import Cause
from everup.model.learned import Craft, Failure, Trained
from everup.predictive_monitor.anomaly import Detector, ServiceModel
from everup.predictive_monitor.anomaly.services import features_of
from everup.predictive_monitor.champion import judge
from everup.training import folder as place
from everup.training import services
from everup.training.crafts import learn
from everup.training.work import Cores, NothingToLearn
from tests.unit.training.pasts import DAY_S, NAMES, START_S, failures, order, past, put

FAILURES = failures()
PASTS = [past(name, failures=FAILURES) for name in NAMES]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    given = order(failures=FAILURES)
    return learn(given, put(tmp_path_factory.mktemp("t"), given, PASTS), Cores())


def test_a_model_comes_out_with_its_exam(trained: Trained) -> None:
    model = ServiceModel.unpack(trained.content)
    assert model.features == trained.features
    assert model.spread is not None
    assert trained.unseen_from_s == pytest.approx(START_S + 0.75 * 3 * DAY_S, abs=60.0)
    assert trained.scores["separation"] > 0.9, "all signals move before each failure"
    assert trained.scores["calm"] > 0.3
    assert "shortly before 6 failures" in " ".join(trained.notes)
    assert judge(Craft.ANOMALY, trained.scores, None).takes_over


def test_measured_features_are_those_of_the_detector_that_serves() -> None:
    """To measure is to step without judging: the same numbers, lone spikes and gaps included."""
    rng = np.random.default_rng(1)
    judging, measuring = Detector(2, ("x", "y")), Detector(2, ("x", "y"))
    at_s = 0.0
    for row in range(400):
        at_s += 300.0 if row != 250 else 30_000.0
        values = rng.normal(5, 1, (2, 2)).astype(np.float32)
        values[0, 0] += 100.0 if row == 300 else 0.0
        values[1, 1] = np.nan if row % 7 == 0 else values[1, 1]
        times_s = np.array([at_s, np.nan if row % 11 == 0 else at_s])
        step, seen = judging.step(times_s, values), measuring.measure(times_s, values)
        assert np.array_equal(features_of(step.seen), features_of(seen))
        assert np.array_equal(np.isfinite(step.seen.rarest), np.isfinite(seen.rarest))


def test_champion_and_challenger_sit_the_same_exam(trained: Trained, tmp_path: Path) -> None:
    given = order(failures=FAILURES, champion=trained.content)
    again = learn(given, put(tmp_path, given, PASTS), Cores())
    assert again.content == trained.content, "the same order, the same bytes"
    assert again.champion_scores == again.scores
    assert not judge(Craft.ANOMALY, again.scores, again.champion_scores).takes_over


@pytest.mark.parametrize("bad", [b"", b"nonsense", b"\xff" * 5000])
def test_a_champion_that_cannot_be_read_is_beaten(bad: bytes, tmp_path: Path) -> None:
    given = order(champion=bad)
    found = learn(given, put(tmp_path, given, PASTS), Cores())
    assert math.isnan(found.champion_scores[""])
    assert judge(Craft.ANOMALY, found.scores, found.champion_scores).takes_over
    assert any("could not be asked" in note for note in found.notes)


@pytest.mark.filterwarnings("ignore:Couldn't detect a suitable IP address")
def test_on_a_cluster_the_result_is_the_same(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "SERVICES_A_PART", 2)  # so that there is something to share out
    given = order(failures=FAILURES)
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster),  # type: ignore[no-untyped-call]
    ):
        found = learn(given, put(tmp_path, given, PASTS), Cores("dask", -1))
    assert found.content == trained.content
    assert found.scores == pytest.approx(trained.scores)


def test_time_before_and_during_failures_teaches_nothing(tmp_path: Path) -> None:
    at_s = START_S + 1.5 * DAY_S
    early = (Failure("a", Cause.HANG, at_s, at_s + 7200.0),)
    given = order(failures=early)
    pasts = put(tmp_path, given, PASTS)
    first_s, last_s = pasts.span_s()
    stretches = int(last_s // 300) - int(first_s // 300) + 1
    (part,) = services._parts(given, pasts, first_s, stretches)
    sheet = services.measured(part, given, START_S + 2.25 * DAY_S, 288, 1)
    teaches = {name: part.times_s[sheet.teaches[:, n], n] for n, name in enumerate(NAMES)}
    left_out = (teaches["a"] > at_s - 900.0) & (teaches["a"] - 300.0 < at_s + 7200.0)
    assert not left_out.any()
    assert len(teaches["b"]) - len(teaches["a"]) == pytest.approx((7200 + 900) / 300, abs=2)
    assert sheet.teaches[:288].sum() == 0, "the first day only settles what is usual"
    assert not (sheet.teaches & sheet.is_late).any()
    assert not sheet.is_before.any(), "it lay in the earlier part"


def test_more_rows_than_may_be_are_thinned_evenly(tmp_path: Path) -> None:
    given = order(rows_most=1000, failures=FAILURES)
    found = learn(given, put(tmp_path, given, PASTS), Cores())
    assert 256 <= found.rows <= 1000
    assert found.scores["separation"] > 0.8, "rows before failures are never thinned"
    assert any("every 3" in note for note in found.notes)


def test_a_service_that_came_later_and_one_that_was_never_seen(tmp_path: Path) -> None:
    late = past("b")
    begin = len(late.times_s) // 6
    late = Columns("b", late.times_s[begin:], {s: v[begin:] for s, v in late.values.items()})
    nobody = Columns("c", late.times_s[:0], {s: v[:0] for s, v in late.values.items()})
    given = order()
    found = learn(given, put(tmp_path, given, [PASTS[0], late, nobody]), Cores())
    assert found.from_s == START_S
    assert "2 services taught it" in found.notes


def test_a_past_may_come_in_pieces_and_begins_when_something_is_known(tmp_path: Path) -> None:
    whole = past("a", 0.5)
    values = {signal: column.copy() for signal, column in whole.values.items()}
    for column in values.values():
        column[:7] = np.nan  # it was not there yet
    given = order(services=("a",))
    (tmp_path / "pieces").mkdir()
    pasts = put(tmp_path / "pieces", given, [])
    for part in np.array_split(np.arange(len(whole.times_s)), 5)[::-1]:
        piece = {signal: column[part] for signal, column in values.items()}
        place.put_past(pasts.folder, 0, Columns("a", whole.times_s[part], piece))
    (found,) = list(pasts)
    np.testing.assert_array_equal(found.times_s, whole.times_s[7:])
    for signal, column in values.items():
        np.testing.assert_array_equal(found.values[signal], column[7:])
    assert pasts.span_s() == (whole.times_s[7], whole.times_s[-1])
    nothing = put(tmp_path, given, [])
    assert list(nothing) == []
    assert np.isnan(nothing.span_s()).all()


def test_of_too_little_nothing_is_learned_and_it_says_what_lacks(tmp_path: Path) -> None:
    short = [past(name, 1.0) for name in NAMES]
    given = order(1.0)
    with pytest.raises(NothingToLearn, match="the first 288 of each service"):
        learn(given, put(tmp_path, given, short), Cores())
    for path in tmp_path.glob("*.past"):
        path.unlink()
    with pytest.raises(NothingToLearn, match="nothing of this time"):
        learn(given, put(tmp_path, given, []), Cores())


def test_unknown_and_infinite_values_are_no_obstacle(tmp_path: Path) -> None:
    holed = past("a", failures=FAILURES)
    cpu = holed.values[Signal.CPU_RATIO].copy()
    cpu[::5], cpu[::7], cpu[500:900] = np.nan, np.inf, np.nan
    holed = replace(holed, values={**holed.values, Signal.CPU_RATIO: cpu})
    given = order(failures=FAILURES)
    found = learn(given, put(tmp_path, given, [holed, *PASTS[1:]]), Cores())
    assert found.rows > 256
