"""What `everup models` prints and ends with, over answers as the API gives them."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client
from everup.cli.verbs import app

MODEL: dict[str, Any] = {
    "version": "anomaly-1a2b3c", "standing": "champion", "trained_at_s": 1.7e9, "rows": 9060,
    "scores": {"separation": None, "calm": 0.81}, "champion_scores": {}, "reason": "nobody served",
}  # fmt: skip
CRAFT: dict[str, Any] = {
    "craft": "anomaly", "serving": "anomaly-1a2b3c", "fault": "", "drift": "", "is_training": False,
    "due_s": 1.7e9, "not_trained": "", "not_trained_at_s": None, "models": [MODEL],
}  # fmt: skip
EMPTY = {**CRAFT, "craft": "failure", "serving": "", "models": [], "due_s": None}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    calls: list[tuple[Any, ...]] = []

    def change(place: object, method: str, path: str, **query: Any) -> Any:
        calls.append((method, path, query))
        return {**CRAFT, "text": "begun"}

    monkeypatch.setattr(client, "change", change)
    return calls


def shown(monkeypatch: pytest.MonkeyPatch, *arguments: str, **changes: Any) -> tuple[int, str]:
    body = {"why_not": "", "crafts": [{**CRAFT, **changes}, EMPTY]}
    monkeypatch.setattr(client, "get", lambda place, path, **_: body)
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, ["models", *arguments])
    return done.exit_code, " ".join(done.output.split())


def test_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = shown(monkeypatch)
    assert code == 0
    assert "anomaly-1a2b3c" in said
    assert "calm 0.810" in said
    assert "separation" not in said, "what is unknown is not shown as a number"
    assert "The next one is trained" in said
    assert "No model of failure was trained yet" in said


def test_what_is_wrong_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = shown(monkeypatch, "anomaly", fault="x is damaged", drift="9 of 20 features")
    assert code == 1
    assert "None serves: x is damaged" in said
    assert "It drifts: 9 of 20 features" in said
    _, said = shown(monkeypatch, not_trained="too few rows", not_trained_at_s=1.7e9)
    assert "gave none: too few rows" in said


def test_one_is_ordered_and_given_back(asked: list[tuple[Any, ...]]) -> None:
    run = CliRunner().invoke
    assert run(app, ["models", "anomaly", "--train"]).exit_code == 0
    done = run(app, ["models", "anomaly", "--return", "--version", "v", "--reason", "loud"])
    assert "serves anomaly now" in " ".join(done.output.split())
    assert asked == [
        ("POST", "/models/anomaly/train", {}),
        ("POST", "/models/anomaly/return", {"reason": "loud", "version": "v"}),
    ]


@pytest.mark.parametrize("arguments", [["--train"], ["--return"], ["nothing"]])
def test_a_craft_must_be_named_as_there_is(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["models", *arguments]).exit_code == 2
