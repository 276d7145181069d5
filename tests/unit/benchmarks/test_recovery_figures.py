"""Statistics, logs, tables and the plot of a run of the recovery benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.recovery.cells import Recovery
from benchmarks.recovery.control_cells import Kept
from benchmarks.recovery.everup_log import LOG, Told, achieved, first_s, messages, told, unproven
from benchmarks.recovery.figures import percentile, share_of, spread
from benchmarks.recovery.mix import NEEDS, incidents
from benchmarks.recovery.plot import plot
from benchmarks.recovery.report import Results, markdown
from benchmarks.recovery.watching import Answers


def test_a_spread_says_how_many_never_came() -> None:
    assert str(spread([2.0, 1.0, None])) == "1.5 (1.0 to 2.0), 2 of 3"
    assert str(spread([3.0])) == "3.0"
    assert str(spread([None])) == "never"
    assert str(spread([])) == "never"


@pytest.mark.parametrize(
    ("values", "p90"),
    [
        ([float(n) for n in range(1, 11)], 9.0),
        ([*(float(n) for n in range(1, 10)), None], 9.0),
        ([*(float(n) for n in range(1, 9)), None, None], None),
        ([4.0], 4.0),
        ([], None),
    ],
)
def test_what_never_came_is_the_largest(values: list[float | None], p90: float | None) -> None:
    assert percentile(values, 0.9) == p90


def test_a_share_of_nothing_is_unknown() -> None:
    assert share_of(0, 0) is None
    assert share_of(3, 4) == 0.75


def entry(event: str, at_s: float = 1.0, **more: object) -> dict[str, object]:
    return {"event": event, "at_s": at_s, "text": event, **more}


def written(folder: Path, *lines: dict[str, object]) -> list[Told]:
    (folder / LOG).parent.mkdir()
    torn = '{"event": "Verif'
    (folder / LOG).write_text("\n".join([*map(json.dumps, lines), torn]))
    return told(folder)


def test_actions_are_counted_by_kind_when_their_proof_is_there(tmp_path: Path) -> None:
    entries = written(
        tmp_path,
        entry("Intended", action_id="a", kind="container_restart", service="web"),
        entry("Verified", action_id="a", service="web", has_passed=True),
        entry("Intended", action_id="b", kind="container_restart", service="web"),
        entry("Verified", action_id="b", service="web", has_passed=False),
        entry("Intended", action_id="c", kind="graceful_restart", service="web"),
        entry("IncidentEscalated", 7.0, service="web"),
    )
    found = {one.kind: (one.passed, one.done, one.reported) for one in achieved([entries])}
    assert found["container_restart"] == (1, 2, 0.9)
    assert found["graceful_restart"] == (0, 0, 0.95)
    assert first_s(entries, "IncidentEscalated", 5.0) == 2.0
    assert messages(entries) == 1
    assert unproven(entries) == {"c"}


def test_no_log_is_no_entries(tmp_path: Path) -> None:
    assert told(tmp_path) == []


def test_a_good_answer_counts_once_it_has_lasted() -> None:
    answers = Answers()
    answers.take(0.0, is_good=True)
    assert not answers.has_recovered(), "nothing was wrong yet"
    answers.take(0.2, is_good=False)
    assert answers.failed == 1
    answers.take(0.4, is_good=True)
    assert not answers.has_recovered()
    assert answers.good_since_s is not None
    answers.good_since_s -= 3.0
    assert answers.has_recovered()
    assert (answers.asked, answers.failed, answers.down_at_s) == (3, 1, 0.2)


def test_a_seed_repeats_its_incidents() -> None:
    assert list(incidents(3, 20)) == list(incidents(3, 20))
    assert list(incidents(3, 20)) != list(incidents(4, 20))
    assert {one.target for one in incidents(1, 200)} <= set(NEEDS)


def some() -> Results:
    found = Results()
    found.recoveries = [
        Recovery("nothing", "crash", 1, "never", asked=10, failed=10),
        Recovery("everup", "crash", 1, "recovered", 1.25, lag_s=0.1, asked=10, failed=5),
        Recovery("everup", "config", 1, "never", escalated_s=28.4, again=2),
        Recovery("swarm", "crash", 1, "error", note="no"),
    ]
    found.controls = [
        Kept("nothing", "docker stop", 1),
        Kept("swarm", "docker stop", 1, 2, {"web": 2}),
    ]
    return found


def test_wrong_actions_are_said_before_times() -> None:
    text = markdown(some())
    assert text.index("Wrong actions") < text.index("Seconds from the fault")
    assert "| docker stop | 0 | 2 | – |" in text
    assert "| crash | never | error | 1.2 |" in text
    assert "never, a person told after 28 s" in text


def test_the_plot_is_a_picture_with_every_healer() -> None:
    root = ET.fromstring(plot(some().recoveries))
    said = [node.text for node in root.iter() if node.text]
    assert {"nothing", "everup", "crash", "config", "never"} <= set(said)


def test_rows_of_an_earlier_run_stay_for_what_was_not_measured_anew() -> None:
    anew = Results()
    anew.recoveries = [Recovery("everup", "crash", 1, "recovered", 3.0)]
    anew.keep(json.loads(json.dumps(some().as_json())))
    crashes = {r.healer: r.recovered_s for r in anew.recoveries if r.fault == "crash"}
    assert crashes == {"nothing": None, "swarm": None, "everup": 3.0}
    assert [row.fault for row in anew.recoveries if row.healer == "everup"] == ["config", "crash"]
    assert anew.controls == some().controls
    assert markdown(anew).index("docker stop") > 0
