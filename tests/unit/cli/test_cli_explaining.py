"""Explanations on the terminal: answers of a small real stack, printed as the docs show them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client, pages, telling, timeline, words
from everup.cli.exits import Stop
from everup.cli.verbs import app
from everup.model.explanation import KindState, Way
from tests.unit.cli.shown import BLOCK, PAGE, SHOWN, story, tidy


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLUMNS", "80")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def printed(name: str, show: Callable[[Any], None], capsys: pytest.CaptureFixture[str]) -> str:
    show(story(name))
    return tidy(capsys.readouterr().out)


@pytest.mark.parametrize("command", SHOWN)
def test_the_docs_show_what_is_printed(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = {what: body.strip() for what, body in BLOCK.findall(PAGE.read_text())}
    assert shown[command] == printed(*SHOWN[command], capsys)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", SHOWN)
def test_nothing_is_wider_than_the_terminal(
    command: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    text = printed(*SHOWN[command], capsys)
    assert max(map(len, text.splitlines())) <= width


def test_what_a_service_wrote_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" in "".join(story("crash")["actions"][0]["during"])
    text = printed("crash", partial(pages.incident, is_long=True), capsys)
    assert "\x1b" not in text
    assert "[bold]text[/bold]" in text


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "crash",
            ["web crashed at", "exited with 1", "started it again at once", "then proven well"],
        ),
        (
            "hang",
            ["redis hung", "stopped by a signal", "api, web and worker suffered", "12 s later"],
        ),
        ("hang", ["Nobody touched api, web and worker"]),
        (
            "loop",
            ["mailer kept crashing", "3 times, and it did not help", "The last thing it said"],
        ),
        ("loop", ["mailer.conf is not there", "a person has to mend", "everup heal mailer"]),
        ("observe", ["its mode is observe", "would have done this: graceful restart", "by itself"]),
        ("crash", ["Nothing is left to do."]),
        ("observe", ["acting would have been right"]),
    ],
)
def test_the_summary_says_what_happened_why_and_what_comes_next(name: str, says: list[str]) -> None:
    text = telling.summary(story(name))
    assert [part for part in says if part not in text] == []


def changed(name: str, **changes: Any) -> Any:
    return {**story(name), **changes}


HOLD = {"reason": "stateful_wait", "text": "stateful: nothing yet", "until_s": 30.0}
NOW: dict[str, Any] = {
    "service": "web",
    "proposal": None,
    "verdict": None,
    "hold": None,
    "escalate": None,
    "but_for_the_mode": None,
    "then": [],
}
PROPOSAL = {"kind": "container_restart"}
SAID = {"check": "freeze", "reason": "frozen by ann", "until_s": None}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"now": {**NOW, "hold": HOLD}}, "Next: nothing until 00:00:30 (in 10 s): stateful"),
        ({"now": {**NOW, "escalate": {"text": "x"}}}, "Next: a person is asked."),
        (
            {"now": {**NOW, "proposal": PROPOSAL, "verdict": {**SAID, "answer": "delayed"}}},
            "Next: a restart as soon as this is over; it waits: frozen by ann.",
        ),
        (
            {"now": {**NOW, "proposal": PROPOSAL, "verdict": {**SAID, "answer": "allowed"}}},
            "Next: a restart, in a moment.",
        ),
        ({"now": None, "waiting_for": "budget: wait"}, "it waits for: budget: wait."),
        (
            {"in_flight": {"kind": "restart", "phase": "verifying", "decided_by_s": 80.0}},
            "Next: whether the restart helped is being watched until 00:01:20 (in 1 min).",
        ),
        ({"state": "escalated", "is_with_a_person": False}, "handed over to a person at 00:00:01."),
        (
            {"now": {**NOW, "hold": HOLD, "then": ["graceful_restart"]}},
            "Next: a graceful restart at 00:00:30 (in 10 s), unless it is well before.",
        ),
        (
            {"state": "escalated", "is_with_a_person": True, "cause": "stopped_on_purpose"},
            "since a person stopped it",
        ),
    ],
)
def test_what_comes_next(changes: dict[str, Any], says: str) -> None:
    base = {"state": "open", "now_s": 20.0, "actions": [], "in_flight": None, "ended_at_s": 1.0}
    assert says in telling.summary(changed("crash", **{**base, **changes}))


def test_the_timeline_names_a_better_diagnosis_and_repeats_nothing() -> None:
    said = [text for _, text in timeline.lines(story("loop"))]
    assert any(text.startswith("better diagnosis: it kept crashing") for text in said)
    assert not any(one == other for one, other in pairwise(said))
    assert said[-1] == "handed over to a person: nothing more is tried"


@pytest.mark.parametrize(
    ("value_s", "text"),
    [
        (0.44, "0.4 s"),
        (59.6, "1 min"),
        (12.0, "12 s"),
        (185, "3 min 5 s"),
        (7800, "2 h 10 min"),
        (270_000, "3.1 d"),
        (None, "?"),
    ],
)
def test_spans(value_s: float | None, text: str) -> None:
    assert words.span(value_s) == text


@pytest.mark.parametrize("way", Way)
def test_every_remedy_says_what_to_do_and_what_it_does(way: Way) -> None:
    given = {"way": way, "service": "api", "kind": "graceful_restart", "check": "freeze"}
    typed, does = words.remedy({**given, "hook": "cache_clear"})
    assert typed
    assert does


def test_every_state_of_a_kind_has_its_word() -> None:
    assert set(words.STATES) == set(KindState)


ANSWERS = {
    "/incidents": {
        "incidents": [{"id": "inc-1", "service": "web", "victims": []}],
        "next_before": None,
    },
    "/incidents/inc-1": story("crash"),
    "/services/web/actions": {"condition": "healthy", "finding": None},
    "/services/redis/actions": story("why"),
    "/plan": story("plan"),
    "/report": story("report"),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    calls: list[tuple[str, dict[str, Any]]] = []

    def get(place: object, path: str, *, accept: tuple[int, ...] = (), **query: Any) -> Any:
        calls.append((path, query))
        if path not in ANSWERS:
            raise Stop(2, "there is none")
        return ANSWERS[path]

    monkeypatch.setattr(client, "get", get)
    return calls


Asked = list[tuple[str, dict[str, Any]]]


@pytest.mark.parametrize(
    ("command", "paths"),
    [
        (["explain"], ["/incidents", "/incidents/inc-1"]),
        (["explain", "inc-1"], ["/incidents/inc-1"]),
        (["why-not", "redis"], ["/services/redis/actions"]),
        (["plan"], ["/plan"]),
        (["report", "--since", "12h"], ["/report"]),
    ],
)
def test_each_verb_asks_prints_and_ends_with_0(
    asked: Asked, command: list[str], paths: list[str]
) -> None:
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert [path for path, _ in asked] == paths
    as_json = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(as_json.output) == ANSWERS[paths[-1]]


def test_the_latest_incident_of_a_service_and_how_far_back(asked: Asked) -> None:
    CliRunner().invoke(app, ["explain", "web"])
    CliRunner().invoke(app, ["report", "--since", "2d"])
    assert asked[0][1] == {"limit": 1, "service": "web"}
    assert asked[-1][1] == {"last_s": 172_800.0}


def test_no_incident_yet_is_no_error(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "/incidents", {"incidents": [], "next_before": None})
    result = CliRunner().invoke(app, ["explain", "web"])
    assert (result.exit_code, result.output.strip()) == (0, "There was no incident on web yet.")


def test_what_nobody_knows_is_wrong_usage(asked: Asked) -> None:
    assert CliRunner().invoke(app, ["explain", "inc-9"]).exit_code == 2
    assert CliRunner().invoke(app, ["why-not", "nobody"]).exit_code == 2
    assert CliRunner().invoke(app, ["report", "--since", "soon"]).exit_code == 2
