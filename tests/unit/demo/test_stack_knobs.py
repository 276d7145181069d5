"""Knobs: what can be turned, how far, and what survives a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from everup.demo.stack import control
from everup.demo.stack.ballast import Ballast
from everup.demo.stack.knobs import BadKnob, Knobs, knobs_at_start


def test_all_are_at_rest_to_begin_with() -> None:
    assert not any(value for name, value in Knobs().show().items() if name != "hang_s")


def test_turning_takes_numbers_and_words() -> None:
    knobs = Knobs()
    knobs.turn({"slow_ms": 250, "hang": True, "exit_code": 3, "fail": True})
    assert (knobs.slow_ms, knobs.hang, knobs.exit_code, knobs.fail) == (250.0, "block", 3, True)
    knobs.turn({"exit_code": None, "hang": "stop"})
    assert (knobs.exit_code, knobs.hang) == (None, "stop")


@pytest.mark.parametrize(
    "wish",
    [
        {"speed": 1},
        {"slow_ms": -1},
        {"slow_ms": 1e9},
        {"slow_ms": "fast"},
        {"leak_mb_per_s": True},
        {"fail": 1},
        {"hang": "up"},
        {"hang": ["block"]},
        {"exit_code": 256},
    ],
)
def test_what_cannot_be_turned_changes_nothing(wish: dict[str, Any]) -> None:
    knobs = Knobs()
    with pytest.raises(BadKnob):
        knobs.turn({"work_ms": 5, **wish})
    assert knobs == Knobs()


def test_the_file_wins_over_the_variable(tmp_path: Path) -> None:
    (tmp_path / "knobs").mkdir()
    control.keep_broken(tmp_path, "worker", exit_on_start=1, after_s=0.2)
    environment = {
        "EVERUP_KNOBS": '{"slow_ms": 10, "after_s": 9}',
        "EVERUP_KNOBS_DIR": str(tmp_path / "knobs"),
    }
    knobs = knobs_at_start("worker", environment)
    assert (knobs.exit_on_start, knobs.after_s, knobs.slow_ms) == (1, 0.2, 10.0)
    control.mend(tmp_path, "worker")
    assert knobs_at_start("worker", environment).exit_on_start is None
    control.mend(tmp_path, "worker")


@pytest.mark.parametrize("text", ["{", "[]", '{"speed": 1}'])
def test_a_corrupt_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "api.json").write_text(text)
    with pytest.raises(BadKnob, match=r"api\.json"):
        knobs_at_start("api", {"EVERUP_KNOBS_DIR": str(tmp_path)})


def test_only_services_of_the_stack_can_be_broken(tmp_path: Path) -> None:
    with pytest.raises(LookupError):
        control.keep_broken(tmp_path, "../elsewhere", fail=True)


def test_what_is_held_follows_its_knob_up_and_down() -> None:
    ballast = Ballast()
    ballast.hold(2, 3)
    assert (ballast.mib, len(ballast.files)) == (2, 3)
    ballast.hold(1, 0)
    assert (ballast.mib, len(ballast.files)) == (1, 0)
    ballast.hold(0, 0)
