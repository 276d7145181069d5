"""Whom `status`, `approve`, `plan`, `why-not` and `heal` send where, in words for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client, hints, pages, plan_page, show
from everup.cli.place import Place
from everup.cli.verbs import app

STORIES = Path(__file__).parent / "stories"
HEALTH = {
    "status": "ok",
    "last_look_age_s": 0.2,
    "journal": "ok",
    "cannot_act": "",
    "failing": [],
    "freezes": [],
    "monitor_fault": "",
}
STATE = {
    "stack": "shop",
    "mode": "auto",
    "mismatches": [],
    "coverage": {"text": "0 of 1 services can be judged; only seen to run: catalog. Do this"},
    "components": {
        "automated_recovery": {"state": "running", "services_with_a_person": ["catalog"]},
        "auto_scaler": {"state": "running"},
    },
}
CATALOG = {"condition": "down", "score": 0.0, "explained_by": [], "reason": "x"}
SCORES = {"services": {"catalog": CATALOG}}
PLAN: dict[str, Any] = {"with_a_person": {"catalog": "inc-1"}}
ANSWERS = {
    "/health": HEALTH,
    "/status": STATE,
    "/health-scores": SCORES,
    "/approvals": {"approvals": []},
    "/plan": PLAN,
}


@pytest.fixture(autouse=True)
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(place: object, path: str, **query: Any) -> Any:
        return ANSWERS[path]

    monkeypatch.setattr(client, "get", get)
    monkeypatch.setenv("COLUMNS", "80")
    hints.remember(Place())


def test_status_says_first_that_a_person_is_needed() -> None:
    output = CliRunner().invoke(app, ["status"]).output
    assert "1 incident waits for you:\n  everup explain catalog\n" in output
    assert output.index("waits for you") < output.index("Services")
    assert "0 of 1 services can be judged; only seen to run: catalog." in output
    told = json.loads(CliRunner().invoke(app, ["status", "--json"]).output)
    assert told["status"]["components"]["auto_scaler"]["state"] == "running"


def test_approve_points_to_what_a_person_has_to_mend() -> None:
    output = CliRunner().invoke(app, ["approve", "-f", "shop.yaml"]).output
    assert "No yes or no is asked. But a person has to mend: catalog; see\n" in output
    assert "  everup explain catalog -f shop.yaml\n" in output


def test_a_heal_of_what_was_down_is_a_start(capsys: pytest.CaptureFixture[str]) -> None:
    action = json.loads((STORIES / "crash.json").read_text())["actions"][0]
    show.answer({"outcome": {**action, "kind": "graceful_restart"}, "text": "", "action_id": "a"})
    assert capsys.readouterr().out.startswith("web: start verified (act-")


def plan(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((STORIES / "plan.json").read_text())
    return {**found, **changes}


def test_the_plan_says_what_comes_after_a_proof_that_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flight = {
        "service": "redis",
        "kind": "graceful_restart",
        "phase": "verifying",
        "action_id": "act-1",
        "since_s": 1.0,
        "decided_by_s": 60.0,
        "then": [],
    }
    plan_page.plan(plan(in_flight=[flight], decisions=[]))
    text = " ".join(capsys.readouterr().out.split())
    assert "a person is asked" in text
    assert "rung" not in text
    plan_page.plan(plan(in_flight=[{**flight, "then": ["recreate"]}], decisions=[]))
    text = " ".join(capsys.readouterr().out.split())
    assert "fresh copy, then a person is" in text


def test_why_not_says_no_for_what_was_handed_over(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads((STORIES / "why.json").read_text())
    for answer in found["actions"]:
        if answer["rungs"]:
            answer["own"] = {**answer["own"], "check": "with_a_person", "until_s": None}
    pages.why_not(found)
    text = capsys.readouterr().out
    assert "not yet" not in text
    assert "handed over to a person" in text
    assert "\n  everup heal redis --type graceful_restart\n" in text


def test_where_nothing_is_at_hand_all_ways_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVERUP_URL", raising=False)
    monkeypatch.delenv("EVERUP_FILE", raising=False)
    assert "your everup.yaml with -f, your project with --project" in Place().how_to_begin()
    assert "-f" not in Place(url="http://127.0.0.1:1").how_to_begin()
    (tmp_path / "everup.yaml").touch()
    assert "-f" not in Place().how_to_begin()
