"""What `everup thresholds` prints and ends with, over answers as the API gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client
from everup.cli.verbs import app

PATH = "/predictions/thresholds"
BODY: dict[str, Any] = {
    "is_on": True, "acts_above": 0.75, "acts_above_tuned": 0.75, "anomaly_budget": 0.5,
    "settled": 60, "calibration": [{"said": 0.5, "worth": 0.25}, {"said": 0.9, "worth": 0.7}],
    "changes": [
        {"what": "acts_above", "at_s": 1.7e9, "why": "4 of 9 came to nothing",
         "held_until_s": 1.703e9},
    ],
}  # fmt: skip


def shown(monkeypatch: pytest.MonkeyPatch, *arguments: str, **changes: Any) -> tuple[int, str]:
    monkeypatch.setattr(client, "get", lambda place, path, **_: {**BODY, **changes})
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, ["thresholds", *arguments])
    return done.exit_code, done.output


def test_what_is_in_force_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = shown(monkeypatch)
    assert code == 0
    assert "acted upon from 75% on, which was tuned" in said
    assert "0.5 times what is set" in said
    assert "of 60 forecasts" in said
    assert "90%" in said
    assert "70%" in said
    assert "4 of 9 came to nothing; not tuned before" in said


def test_nothing_was_learned_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = shown(
        monkeypatch, is_on=False, acts_above=0.7, acts_above_tuned=None, calibration=[], changes=[]
    )
    assert code == 0
    assert "tuning_enabled is off" in said
    assert "acted upon from 70% on." in said
    assert "too few forecasts are settled" in said


def test_as_json_it_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = shown(monkeypatch, "--json")
    assert code == 0
    assert json.loads(said) == BODY


def test_one_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def change(place: object, method: str, path: str, **query: Any) -> Any:
        calls.append((method, path, query))
        return BODY

    monkeypatch.setattr(client, "change", change)
    arguments = ["thresholds", "--return", "acts_above", "--reason", "too timid"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0
    assert calls == [("POST", f"{PATH}/return", {"what": "acts_above", "reason": "too timid"})]


def test_what_is_not_tuned_is_named_with_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["thresholds", "--return", "height"])
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert "nothing called 'height' is tuned; calibration, acts_above, anomaly_budget are" in said
