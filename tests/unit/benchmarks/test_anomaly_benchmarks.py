"""The benchmarks of the detector run on any folder of their shape, with labels and without."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks import anomalies, detector_speed, server_incidents
from benchmarks.events import alarms_of, found_in
from benchmarks.nab import best_threshold, rows_of, score_at, score_optimised
from benchmarks.series import Series, read_folder
from benchmarks.simple_detectors import told_once
from everup.predictive_monitor.anomaly.reports import RARE
from everup.training.anomaly import fit

START = datetime(2024, 5, 1, tzinfo=UTC)
ROWS, AT = 420, 370


def write_series(folder: Path, name: str, values: np.ndarray, *, is_packed: bool) -> None:
    path = folder / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    moments = (START + timedelta(minutes=5 * row) for row in range(len(values)))
    lines = [f"{m:%Y-%m-%d %H:%M:%S},{v}" for m, v in zip(moments, values, strict=True)]
    text = "\n".join(["timestamp,value", *lines]) + "\n"
    if is_packed:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text)


def moment(row: int) -> str:
    return f"{START + timedelta(minutes=5 * row):%Y-%m-%d %H:%M:%S}.000000"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(2):
        values = rng.normal(20, 1, ROWS)
        values[AT:] += 15
        write_series(tmp_path, f"some{number}/a.csv", values, is_packed=bool(number))
    return tmp_path


def test_series_are_scored_and_written(folder: Path, tmp_path: Path) -> None:
    windows = [[moment(AT - 5), moment(AT + 30)]]
    (folder / "labels.json").write_text(json.dumps({f"some{n}/a.csv": windows for n in (0, 1)}))
    out, scores = tmp_path / "out.json", tmp_path / "scores.json"
    told = ["--data", str(folder), "--json", str(out), "--scores", str(scores)]
    assert anomalies.main(told) == 0
    found = json.loads(out.read_text())["sets"]["all files"]
    assert found["Everup"]["ships"]["hit"] == 2
    assert {"windowed Gaussian", "Isolation Forest, told once"} <= set(found)
    written = json.loads(scores.read_text())
    assert {name: len(rows) for name, rows in written.items()} == {
        "some0/a.csv": ROWS,
        "some1/a.csv": ROWS,
    }
    files = read_folder(folder)
    again = score_at(files, {n: np.array(s) for n, s in written.items()}, RARE)
    assert again.score == pytest.approx(found["Everup"]["ships"]["score"])


def test_series_without_labels_get_scores(folder: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.json"
    assert anomalies.main(["--data", str(folder), "--scores", str(scores)]) == 0
    assert len(json.loads(scores.read_text())) == 2


def labelled(windows: tuple[tuple[int, int], ...], rows: int = 1000) -> Series:
    return Series("a", np.arange(rows, dtype=np.float64) * 300.0, np.zeros(rows), windows)


def alerts(*at: int, rows: int = 1000) -> dict[str, np.ndarray]:
    scores = np.zeros(rows)
    scores[list(at)] = 1.0
    return {"a": scores}


def test_the_score_has_the_ends_it_should() -> None:
    files = [labelled(((300, 399), (600, 699)))]
    assert score_at(files, alerts(), 0.5).score == pytest.approx(0.0)
    assert score_at(files, alerts(300, 600), 0.5).score == pytest.approx(100.0)
    early, late = (score_at(files, alerts(a), 0.5).score for a in (305, 395))
    assert 0 < late < early < 50
    assert score_at(files, alerts(200), 0.5).score == pytest.approx(-100 * 0.11 / 4)
    near, far = (score_at(files, alerts(a), 0.5).score for a in (401, 550))
    assert far < near < 0
    assert score_at(files, alerts(20), 0.5).score == 0.0  # not scored yet


def test_the_best_threshold_is_the_best() -> None:
    rng = np.random.default_rng(2)
    files, scores = [labelled(((300, 399), (600, 699)))], {"a": rng.integers(0, 30, 1000) / 30}
    best = score_optimised(files, scores)
    assert best.threshold == best_threshold(files, scores)
    tried = [score_at(files, scores, t / 30).score for t in range(31)]
    assert best.score == pytest.approx(max(0.0, *tried))
    assert rows_of(files[0]).first == 150


def test_told_once_keeps_the_highest_alone() -> None:
    scores = np.array([0.2, 0.5, 0.4, 0.5, 0.9, 0.1])
    assert told_once(scores, rows=3).tolist() == [0.2, 0.5, 0, 0, 0.9, 0]


def write_server(folder: Path, name: str, rng: np.random.Generator, *, has_events: bool) -> None:
    shared = rng.normal(0, 1, (1700, 1))
    values = 0.5 + 0.02 * shared + rng.normal(0, 0.01, (1700, 4))
    values[1600:1620] += np.array([0.3, 0.3, -0.2, 0.3])
    for part, rows in (("train", values[:1500]), ("test", values[1500:])):
        body = "\n".join(",".join(f"{v:.4f}" for v in row) for row in rows)
        content = gzip.compress(f"m1,m2,m3,m4\n{body}\n".encode())
        (folder / f"{name}_{part}.csv.gz").write_bytes(content)
    if has_events:
        (folder / f"{name}_events.csv").write_text("start,end,metrics\n100,119,1 2 3 4\n")


@pytest.mark.parametrize("has_events", [True, False])
def test_servers_are_judged_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_events: bool
) -> None:
    monkeypatch.setattr(server_incidents, "fit", partial(fit, trees=50))
    rng = np.random.default_rng(1)
    (tmp_path / "asd").mkdir()
    for name in ("one", "two")[: 1 + has_events]:
        write_server(tmp_path / "asd", name, rng, has_events=has_events)
    out, alarms = tmp_path / "out.json", tmp_path / "alarms.json"
    told = ["--data", str(tmp_path), "--json", str(out), "--alarms", str(alarms)]
    assert server_incidents.main(told) == 0
    spans = json.loads(alarms.read_text())
    assert set(spans) == ({"one", "two"} if has_events else {"one"})
    assert all(any(95 < first < 125 for first, _ in given) for given in spans.values())
    found = json.loads(out.read_text())
    assert ("detectors" in found) == has_events
    if has_events:
        assert found["detectors"]["Everup"]["found"] == 2
        assert "z, root mean square, 0.999" in found["detectors"]


def test_events_are_counted_without_point_adjustment() -> None:
    rows = np.zeros(100, dtype=bool)
    rows[[10, 12, 30, 31, 60]] = True
    assert alarms_of(rows) == ((10, 12), (30, 31), (60, 60))
    found = found_in([rows], [((11, 20), (40, 50), (60, 70))])
    assert (found.events, found.found, found.alarms, found.right) == (3, 2, 3, 2)
    assert found.recall == pytest.approx(found.precision) == pytest.approx(2 / 3)
    assert found.median_delay_rows == 0.5


def test_speed_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    detector_speed.main(["--services", "5", "--json", str(out)])
    assert [one["has_model"] for one in json.loads(out.read_text())] == [False, True]
