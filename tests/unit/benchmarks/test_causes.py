"""The benchmarks of causes: tables as they are written, causes that are not told, calibration."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from benchmarks.cascade import calibration, judge
from benchmarks.petshop import read_graph, read_issues, read_table
from benchmarks.root_cause import our_ranking, places, result_of
from benchmarks.simple_causes import simple_rankings

NODES = ("site", "store")
START_S, STEP_S = 1000.0, 300.0


def table(path: Path, rows: list[tuple[float, dict[str, float]]]) -> None:
    """`rows`: (seconds, node → failed percent); 100 calls each."""
    metrics = (("latency", "Average"), ("requests", "Sum"), ("availability", "Average"))
    columns = [(n, m, s) for m, s in metrics for n in NODES]
    head = [",".join(("x", *(c[level] for c in columns))) for level in range(3)]
    body = []
    for at_s, failed in rows:
        cells = ["0.1"] * 2 + ["100"] * 2 + [str(100.0 - failed.get(n, 0.0)) for n in NODES]
        body.append(",".join((str(at_s), *cells)))
    with gzip.open(path, "wt") as text:
        text.write("\n".join([*head, *body, "not a row"]) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "graph.csv").write_text("x,site,store\nsite,0,1.0\nstore,0,0\n")
    table(tmp_path / "noissue.csv.gz", [(START_S + STEP_S * i, {}) for i in range(50)])
    bad = {"site": 30.0, "store": 30.0}
    for name in ("told", "untold"):
        table(tmp_path / f"{name}.csv.gz", [(90_000.0, {}), (90_300.0, {}), (90_600.0, bad)])
        told = {"target": {"node": "site", "metric": "availability", "timestamp": 90_500.0}}
        cause = {"root_cause": {"node": "store"}} if name == "told" else {}
        (tmp_path / f"{name}.json").write_text(json.dumps(told | cause))
    (tmp_path / "other.json").write_text("{}")
    return tmp_path


def test_an_incident_is_read_and_ranked_with_and_without_its_answer(folder: Path) -> None:
    normal, calls = read_table(folder / "noissue.csv.gz"), read_graph(folder / "graph.csv")
    assert calls == {"site": ("store",), "store": ()}
    assert len(normal.at_s) == 50
    issues = read_issues(folder)
    assert [(i.name, i.cause) for i in issues] == [("told", "store"), ("untold", "")]
    ours = {i.name: places(our_ranking(i, normal, calls)) for i in issues}
    assert ours["told"] == ours["untold"] == ["store", "site"]
    found = result_of("own", ours, issues)
    assert (found.incidents, found.top_1, found.top_3) == (1, 1.0, 1.0)
    simple = simple_rankings(issues, normal, calls)
    assert simple["deepest anomalous"]["told"][0] == "store"


def test_calibration_is_the_mean_gap_of_its_bins() -> None:
    assert calibration([(0.95, 1.0)] * 10)[0] == pytest.approx(0.05)
    error, curve = calibration([(0.05, 0.0)] * 5 + [(0.85, 1.0)] * 5)
    assert error == pytest.approx(0.1)
    assert [c["count"] for c in curve] == [5.0, 5.0]
    assert calibration([])[0] == 0.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_made_up_stack_is_judged_alike_each_time_and_no_victim_is_touched(seed: int) -> None:
    (one, risks), (again, same) = judge(seed), judge(seed)
    assert one == again
    assert risks == same
    assert one.wrong == ()
    assert {what for what, _, _ in risks} >= {"declared", "learned", "true", "learned, stack"}
