"""What is told of an incident after a person was asked, and of who suffers from another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client, handover, hints, telling, timeline, words
from everup.cli.place import Place
from everup.cli.verbs import app

STORIES = Path(__file__).parent / "stories"
LOOP = json.loads((STORIES / "loop.json").read_text())
HANG = json.loads((STORIES / "hang.json").read_text())
BEGAN_S = LOOP["origin_s"]


def tried(state: str, verdict: str, **changes: Any) -> dict[str, Any]:
    action: dict[str, Any] = {
        **LOOP["actions"][0],
        "id": "act-9",
        "by": "cli:ann",
        "state": state,
        "verdict": verdict,
        "error": "" if state == "verified" else verdict,
        "intended_at_s": BEGAN_S + 100,
        "ended_at_s": BEGAN_S + 103,
    }
    return {**action, **changes}


def handed(**after: Any) -> dict[str, Any]:
    found = {**handover.NOBODY, **after}
    return {**LOOP, "is_with_a_person": False, "afterwards": found, "remedies": []}


HELPED = tried("verified", "runs, 3 good answers in a row over 2.0 s; 2.4 s after the intent")
FAILED = tried("failed", "it exited with 3 again after 0.0 s")


def test_a_heal_that_failed_is_told_with_the_incident_it_goes_on_as() -> None:
    story = handed(actions=[FAILED], goes_on_as="inc-2", condition="down")
    text = telling.summary(story)
    assert "taken care of" not in text
    assert "cli:ann started it again at" in text
    twice = telling.summary(handed(actions=[FAILED, FAILED], condition="down"))
    assert ", 2 times, and it did not help" in twice
    assert "and it did not help: it exited with 3 again after 0.0 s." in text
    assert "\n  everup explain inc-2\n" in text
    assert text.endswith("mailer is still down.")
    assert handover.state_word(story) == "goes on as another"


def test_a_heal_that_helped_is_told_with_its_proof_and_the_length_of_the_outage() -> None:
    story = handed(
        actions=[HELPED], well_at_s=BEGAN_S + 103, proven_by="act-9", condition="healthy"
    )
    text = telling.summary(story)
    assert "and it helped. It was unwell for 1 min 43 s in all." in text
    assert handover.state_word(story) == "mended by a person"
    said = [line for _, line in timeline.lines(story)]
    assert said[-3:] == [
        "start, asked by cli:ann",
        "proven: runs, 3 good answers in a row over 2.0 s",
        "well again, 1 min 43 s after the first sign",
    ]


def test_a_heal_of_a_person_before_the_end_is_told_as_mended() -> None:
    episode = {"ending": "by_a_person", "lasted_s": 15.0, "hindsight": "none", "reason": ""}
    ended = {"state": "resolved", "episode": episode, "actions": [*LOOP["actions"], HELPED]}
    story = {**LOOP, **ended, "ended_at_s": BEGAN_S + 103}
    assert handover.state_word(story) == "mended by a person"
    assert "It was unwell for 15 s in all, and was then proven well." in telling.summary(story)


def test_what_was_stopped_on_purpose_is_not_called_well() -> None:
    story = handed(stopped_by="cli:ann", condition="stopped")
    assert "cli:ann stopped it on purpose. mailer is stopped." in telling.summary(story)
    assert handover.state_word(story) == "stopped on purpose"


def test_a_command_in_the_summary_stands_alone_and_victims_are_told_as_they_are() -> None:
    victims = [{"service": "web", "condition": "unhealthy", "was_acted_upon": False}]
    lines = telling.summary({**LOOP, "victims": ["web"], "bystanders": victims}).split("\n")
    assert lines[1] == "  everup heal mailer"
    assert lines[2] == "Left alone: web, because restarting cannot help."
    assert "Because of it, web is unhealthy." in lines[0]


def test_a_kill_at_the_end_of_the_grace_is_not_called_graceful() -> None:
    killed = "ended redis-0 still ran 12 s after SIGTERM and was killed"
    action = {**HANG["actions"][0], "during": [*HANG["actions"][0]["during"], killed]}
    text = telling.summary({**HANG, "actions": [action]})
    assert "gracefully" not in text
    assert "asked redis to stop 12 s later: redis-0 still ran 12 s after SIGTERM and was" in text
    assert "killed, then it was started anew, and it helped." in text


def test_the_last_words_are_a_line_of_the_log() -> None:
    during = ["probe web-0: 0.8 s ago: pass", "log fatal", "  memory map: 162 parts"]
    actions = [{**action, "during": during} for action in LOOP["actions"]]
    assert "The last thing it said: “fatal”." in telling.summary({**LOOP, "actions": actions})


def test_hints_name_the_file_that_was_given(tmp_path: Path) -> None:
    hints.remember(Place(tmp_path))
    try:
        way = {"way": "start", "service": "web", "kind": None, "check": "", "hook": ""}
        assert words.remedy(way)[0] == f"everup start web -f {tmp_path}"
    finally:
        hints.remember(Place())


ROOT = {
    "id": "inc-1",
    "service": "catalog",
    "victims": ["web"],
    "seen_at_s": 60.0,
    "opened_at_s": 61.0,
}


@pytest.mark.parametrize(
    ("finding", "says"),
    [
        ({"explained_by": ["catalog"], "since_s": 60.0}, "because of catalog. Nothing is done"),
        (None, "web had no incident of its own. It suffered from catalog at"),
    ],
)
def test_a_victim_is_told_whose_incident_it_is(
    finding: dict[str, Any] | None, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(place: object, path: str, *, service: str | None = None, **query: Any) -> Any:
        if path == "/services/web/actions":
            return {"condition": "unhealthy", "finding": finding}
        return {"incidents": [] if service else [ROOT]}

    monkeypatch.setattr(client, "get", get)
    output = CliRunner().invoke(app, ["explain", "web"]).output
    assert says in output
    assert "\n  everup explain inc-1\n" in output
    told = json.loads(CliRunner().invoke(app, ["explain", "web", "--json"]).output)
    assert told["incident_id"] == "inc-1"
