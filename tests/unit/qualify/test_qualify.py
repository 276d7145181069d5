"""The qualifying run: cut into chunks, resumed, bound to one state of the code, and told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from everup.simulation.mixes import mix_of
from tests.qualify import __main__ as verbs
from tests.qualify import background, play, record, report
from tests.qualify.chunks import (
    SEEDS_IN_A_CHUNK,
    Chunk,
    all_chunks,
    counted_files,
    full_counts,
    seeds,
)
from tests.qualify.record import Failure, Record
from tests.qualify.work import Done, Workers, understood
from tests.simulation.regressions import Case, cases, suggest


@dataclass(frozen=True, slots=True)
class Scripted(Chunk):
    """A chunk whose child is a line of Python."""

    script: str = ""
    limit_s: float = 60.0

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", self.script]

    @property
    def most_s(self) -> float:
        return self.limit_s


def said(seed: int, *found: str) -> str:
    line = {"class": mix_of(seed), "seed": seed, "hours": 2.0, "found": found, "figures": {"n": 1}}
    return f"print({json.dumps(line)!r}, flush=True);"


def worked(*chunks: Chunk) -> list[Done]:
    done: list[Done] = []
    Workers(2).work(chunks, done.append)
    return done


def test_the_full_counts_are_covered_seed_by_seed() -> None:
    counts = full_counts()
    chunks = all_chunks(counts)
    runs = [
        n for c in chunks if c.part == "simulation_runs" for n in range(c.first, c.first + c.count)
    ]
    assert runs == list(range(1, counts["simulation_runs"] + 1))
    assert sum(c.part == "simulation_days" for c in chunks) == counts["simulation_days"]
    assert len({c.key for c in chunks}) == len(chunks)
    assert [c.file for c in chunks if c.part == "tests"] == counted_files()


def test_a_last_chunk_is_as_short_as_it_must_be() -> None:
    assert [c.count for c in seeds("x", 5, SEEDS_IN_A_CHUNK + 1)] == [SEEDS_IN_A_CHUNK, 1]


def test_chunks_give_figures_and_failures_with_the_line_that_repeats_them() -> None:
    script = said(2) + said(3, "4 victim: api was restarted")
    (done,) = worked(Scripted("simulation_runs", 2, 2, script=script))
    assert done.figures == {"n": 2}
    (failure,) = done.failures
    assert (failure.name, failure.seed) == (mix_of(3), 3)
    assert failure.repeat == (f"python -m everup.simulation --class {mix_of(3)} --seed 3 --trace")


def test_a_crash_is_a_failure_of_the_seed_that_was_playing() -> None:
    (done,) = worked(Scripted("simulation_runs", 2, 3, script=said(2) + "raise SystemExit(9)"))
    (failure,) = done.failures
    assert failure.seed == 3
    assert "ended with 9" in failure.found[0]
    assert "not played" in failure.found[1]


def test_what_does_not_end_is_ended() -> None:
    script = said(2) + "import time; time.sleep(60)"
    (done,) = worked(Scripted("simulation_runs", 2, 2, script=script, limit_s=1.0))
    assert [failure.found for failure in done.failures] == [["it did not end in time"]]


def test_stopping_throws_away_what_is_not_whole() -> None:
    workers, done = Workers(1), list[Done]()
    slow = Scripted("simulation_runs", 2, 1, script="import time; time.sleep(60)")
    threading.Timer(0.5, workers.stop).start()
    workers.work([slow, slow], done.append)
    assert done == []


def test_a_day_says_its_hours_and_tests_their_file() -> None:
    day = Chunk("simulation_days", 7, 1, 24.0)
    text = json.dumps({"class": "mixed", "seed": 7, "hours": 24.0, "found": ["x"], "figures": {}})
    (failure,) = understood(day, text, 0)[1]
    assert "--hours 24 " in failure.repeat
    tests = Chunk("tests", file="tests/system/test_kills.py")
    assert understood(tests, "", 0) == ({"files_passed": 1}, [])
    (failure,) = understood(tests, "1 failed", 1)[1]
    assert failure.repeat.endswith("pytest tests/system/test_kills.py")
    assert failure.found == ["1 failed"]


def failed(seed: int = 3) -> Failure:
    return Failure("simulation_runs", "mixed", seed, 2.0, ["4 victim"], "python …")


def test_a_record_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    kept = record.current(tmp_path)
    kept.wanted = {"simulation_runs": 40}
    kept.add(Chunk("simulation_runs", 1, 20), 2.0, {"entries": 5}, [failed()])
    kept.save(tmp_path)
    again = record.current(tmp_path)
    assert again == kept
    assert not again.is_complete
    again.add(Chunk("simulation_runs", 21, 20), 1.5, {"entries": 2}, [])
    again.save(tmp_path)
    written = json.loads(again.path(tmp_path).read_text())
    assert (written["is_complete"], written["has_passed"]) == (True, False)
    assert written["parts"]["simulation_runs"] == {
        "wanted": 40,
        "done": 40,
        "failed": 1,
        "took_s": 3.5,
        "figures": {"entries": 7},
    }
    assert written["commit"] == again.commit
    assert written["failures"][0]["repeat"] == "python …"


def test_other_code_begins_another_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = record.current(tmp_path)
    kept.add(Chunk("simulation_runs", 1, 20), 2.0, {}, [])
    kept.save(tmp_path)
    monkeypatch.setattr(record, "state_of_code", lambda: ("f" * 40, ""))
    assert record.current(tmp_path).done == {}
    monkeypatch.setattr(record, "state_of_code", lambda: (kept.commit, "changed"))
    assert record.current(tmp_path).done == {}
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_failures_are_bounded_and_counted() -> None:
    kept = Record("c")
    kept.add(Chunk("x", 1, 1), 1.0, {}, [failed(n) for n in range(record.FAILURES_MOST + 5)])
    assert (len(kept.failures), kept.failures_not_kept) == (record.FAILURES_MOST, 5)
    assert not kept.has_passed


def test_status_says_how_far_it_is_and_what_failed() -> None:
    kept = Record("0123456789abcdef", wanted={"simulation_runs": 40})
    kept.add(Chunk("simulation_runs", 1, 20), 120.0, {}, [failed()])
    text = report.status(kept, None)
    assert "commit 0123456789ab, not running" in text
    assert "simulation_runs: 20 of 40, 1 failed, 2 min of work" in text
    assert "class mixed, seed 3" in text
    assert "repeat: python …" in text


def test_the_run_in_the_background_is_known_by_pid_and_start(tmp_path: Path) -> None:
    assert background.found(tmp_path) is None
    background.announce(tmp_path)
    assert background.found(tmp_path) == psutil.Process()
    stranger = {"pid": psutil.Process().pid, "started": 1.0}
    (tmp_path / "pid").write_text(json.dumps(stranger))
    assert background.found(tmp_path) is None


def test_it_can_be_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        assert background.end(psutil.Process(child.pid))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A run of two chunks, one of which fails, kept in a folder of its own."""

    def prepare(second: str) -> Path:
        chunks = [
            Scripted("simulation_runs", 2, 1, script=said(2)),
            Scripted("simulation_runs", 3, 1, script=second),
        ]
        regressions = tmp_path / "regressions.toml"
        regressions.write_text("")
        monkeypatch.setattr(verbs, "all_chunks", lambda counts: chunks)
        monkeypatch.setattr(verbs, "suggest", lambda new: suggest(new, regressions))
        monkeypatch.setattr(verbs, "_stoppable", Workers)
        monkeypatch.setattr(background, "found", lambda: None)
        monkeypatch.setattr(background, "announce", lambda: None)
        monkeypatch.setattr(record, "state_of_code", lambda: ("a" * 40, ""))
        current, save = record.current, Record.save
        monkeypatch.setattr(record, "current", lambda: current(tmp_path))
        monkeypatch.setattr(Record, "save", lambda self: save(self, tmp_path))
        return tmp_path

    return prepare


def test_a_run_is_written_down_and_not_done_twice(
    small: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small(said(3))
    assert verbs.run() == 0
    assert "3-3: held" in capsys.readouterr().out
    assert verbs.run() == 0
    assert "held," not in capsys.readouterr().out
    assert verbs.status() == 0
    (written,) = folder.glob("*.json")
    content: dict[str, Any] = json.loads(written.read_text())
    assert content["has_passed"]
    assert content["ended_at"]


def test_a_failed_seed_is_suggested_as_a_regression(
    small: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small(said(3, "4 victim"))
    assert verbs.run() == 1
    assert verbs.status() == 1
    assert cases(folder / "regressions.toml") == (Case(mix_of(3), 3, 2.0, "4 victim"),)
    assert "to be looked at" in capsys.readouterr().out


def test_a_run_ends_when_the_code_changes(
    small: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(said(3))
    states = iter([("a" * 40, ""), *[("b" * 40, "")] * 9])
    monkeypatch.setattr(record, "state_of_code", lambda: next(states))
    assert verbs.run() == 1
    (written,) = folder.glob("*.json")
    assert json.loads(written.read_text())["done"] == {}


def test_soaking_plays_real_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert verbs.main(["soak", "--from", "2", "--seeds", "0"]) == 0
    assert "0 of 0 seeds from 2" in capsys.readouterr().out
    line = play.line(2, 2.0)
    assert (line["class"], line["seed"], line["hours"]) == (mix_of(2), 2, 2.0)
    assert line["figures"]["steps"] > 0
    assert line["journal"]


def test_a_run_that_raises_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, hours: float) -> None:
        raise RuntimeError("no world")

    monkeypatch.setattr(play, "play", broken)
    assert "no world" in play.line(2, 2.0)["found"][0]
