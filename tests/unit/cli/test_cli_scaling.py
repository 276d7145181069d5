"""`everup scale` on a terminal: numbers side by side, one service in sentences, what to change."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from everup.api import create_api
from everup.cli import client, hints, pages, plan_page, scaling, show
from everup.cli.place import Place
from everup.cli.verbs import app
from tests.unit.api.scaled import scaled_engine
from tests.unit.cli.shown import story


@cache
def answer() -> Any:
    with TestClient(create_api(scaled_engine()), base_url="http://localhost:8010") as asked:
        return asked.get("/scaling").json()


@pytest.fixture(autouse=True)
def answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "get", lambda *_, **__: answer())
    monkeypatch.setenv("COLUMNS", "80")
    hints.remember(Place())


def scale(*words: str) -> str:
    found = CliRunner().invoke(app, ["scale", *words])
    assert found.exit_code == 0, found.output
    return found.output


@pytest.mark.parametrize("columns", [80, 120])
def test_a_table_with_what_is_asked_and_what_should_be(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    output = scale()
    assert max(len(line) for line in output.splitlines()) <= columns
    (web,) = [line for line in output.splitlines() if line.startswith(" web ")]
    assert web.split()[:5] == ["web", "3", "60.3/s", "≥", "19.4/s"]
    assert "(159)/s" in web
    text = " ".join(output.split())
    assert "everup only watches in mode" in text
    assert "left alone" in text
    assert "no more of db, since no_router" in text
    assert "Together 152.62 USD a month." in text
    assert "Recommended first: 4 instead of 3 instances of web" in text


def test_one_service_is_told_in_sentences() -> None:
    output = scale("web")
    assert max(len(line) for line in output.splitlines()) <= 80
    text = " ".join(output.split())
    for sentence in answer()["services"]["web"]["told"]:
        assert sentence.strip() in text
    assert "Declared: 2, from 1 to 6; 3 run, 2 are wanted." in text
    assert "First to go: web-3." in text
    assert "Declared: 1, without bounds (a person may have up to" in " ".join(
        scale("worker").split()
    )
    assert "What should have been, lately" in text


def test_what_was_never_seen_has_no_numbers() -> None:
    output = scale("quiet")
    assert "There are 0 instances. What there should be was not thought over yet." in output
    assert "None" not in output
    assert "nan" not in output


def test_recommendations_as_text_and_as_a_file() -> None:
    text = " ".join(scale("--recommend").split())
    assert "4 instead of 3 instances of web" in text
    assert "costs 30.36 USD a month; by the last day, a moment in" in text
    file = scale("--recommend", "--compose")
    assert file.startswith("# What is recommended.")
    assert "  web:\n    scale: 4\n" in file
    assert scale("quiet", "--recommend").strip() == "Nothing is recommended."
    assert scale("--compose").strip() == "# everything is as your Compose files say"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["web", "3", "--recommend"], "leave the amount out"),
        (["web", "--memory", "512m", "--compose"], "leave the amount out"),
        (["--memory", "512m"], "say of which service"),
        (["web", "--compose"], "leave web out"),
    ],
)
def test_what_would_be_left_out_is_refused(words: list[str], said: str) -> None:
    found = CliRunner().invoke(app, ["scale", *words])
    assert found.exit_code == 2
    assert said in " ".join(found.output.split())


def test_what_no_file_can_say_is_not_called_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {**answer(), "recommended_override": ""}
    monkeypatch.setattr(client, "get", lambda *_, **__: found)
    assert "everup scale --recommend" in scale("--recommend", "--compose")
    assert "As a Compose file" not in scale("--recommend")


def test_a_queue_that_cannot_be_read_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found, why = answer(), "redis cache:6379/0: refused"
    worker = {**found["services"]["worker"], "queue_fault": why}
    scaling.put_all({**found, "services": {**found["services"], "worker": worker}})
    text = " ".join(capsys.readouterr().out.split())
    assert f"the queue of worker cannot be read: {why}" in text


def test_for_scripts_it_is_the_apis_answer() -> None:
    assert json.loads(scale("web", "--json")) == answer()["services"]["web"]


@pytest.mark.parametrize("state", ["off", "waiting", "learning"])
def test_it_says_when_it_does_not_decide(state: str, capsys: pytest.CaptureFixture[str]) -> None:
    scaling.put_all({**answer(), "state": state, "fault": "the past could not be read"})
    text = " ".join(capsys.readouterr().out.split())
    assert scaling.STATES[state] in text
    assert "the past could not be read" in text


def proposal() -> dict[str, Any]:
    return {
        "service": "web",
        "proposal": {
            "origin": "scaling",
            "kind": "scale_out",
            "cause": "demand",
            "reason": "3 to 4 instances: 60/s now (by forecast)",
        },
        "verdict": {
            "answer": "refused",
            "check": "mode",
            "reason": "mode observe",
            "until_s": None,
        },
        "but_for_the_mode": {"answer": "allowed", "check": ""},
        "hold": None,
        "escalate": None,
        "then": [],
        "finding": None,
    }


def test_the_plan_names_scaling_without_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    plan_page.plan({**story("plan"), "in_flight": [], "decisions": [proposal()]})
    text = " ".join(capsys.readouterr().out.split())
    assert "scale out" in text
    assert "3 to 4 instances: 60/s now (by forecast)" in text
    assert "in mode auto: allowed" in text
    assert "taken back" in text
    assert "unwell" not in text
    assert "a person is asked" not in text


def test_the_plan_names_sizes_that_wait(capsys: pytest.CaptureFixture[str]) -> None:
    waits = {"web": "a change of it is being watched"}
    plan_page.plan({**story("plan"), "in_flight": [], "decisions": [], "sizes_wait": waits})
    text = " ".join(capsys.readouterr().out.split())
    assert "another size waits" in text
    assert waits["web"] in text
    assert "Nothing is wrong" not in text


def test_why_not_shows_what_scaling_would_do(capsys: pytest.CaptureFixture[str]) -> None:
    found = story("why")
    found["finding"] = None
    for one in found["actions"]:
        one["rungs"] = []
        if one["kind"] == "scale_out":
            one["is_wished"] = True
            one["own"] = {
                "state": "held",
                "check": "waits",
                "reason": "2 to 3 instances: 60/s now; inc-1 is open on it",
                "until_s": None,
            }
    pages.why_not(found)
    text = " ".join(capsys.readouterr().out.split())
    assert "scale_out" in text
    assert "not yet" in text
    assert "inc-1 is open on it" in text
    assert "Everup does nothing; what you may" not in text


def test_status_names_what_should_be_of_another_size(
    capsys: pytest.CaptureFixture[str],
) -> None:
    health = {
        "status": "ok",
        "last_look_age_s": 0.2,
        "journal": "ok",
        "cannot_act": "",
        "failing": [],
        "freezes": [],
        "monitor_fault": "",
    }
    part = {"state": "learning", "scalable": 3, "services_learned": 1}
    state = {
        "stack": "shop",
        "mode": "observe",
        "mismatches": [],
        "coverage": {"text": "all"},
        "components": {
            "automated_recovery": {"state": "running", "services_with_a_person": []},
            "auto_scaler": {**part, "wants": ["web: 4 instances instead of 3"]},
        },
    }
    show.status(health, state, {"services": {}})
    text = capsys.readouterr().out
    assert "should be web: 4 instances instead of 3 (everup scale)" in text
    assert "learning (1 of 3)" in text
