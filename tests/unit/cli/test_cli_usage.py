"""What the verbs say and end with when Everup does not run, or when it is asked wrongly."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from everup.cli import client, durations, events, runfile
from everup.cli.exits import Stop
from everup.cli.place import Place
from everup.cli.verbs import app
from everup.model import entries as e
from everup.model.episode import Ending, Hindsight, WouldDo
from everup.model.kinds import ActionKind, Cause


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("EVERUP_URL", "EVERUP_LISTEN", "EVERUP_FILE", "EVERUP_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_a_verb_without_everup_says_how_to_start_it() -> None:
    result = CliRunner().invoke(app, ["status", "--url", "http://127.0.0.1:9"])
    assert result.exit_code == 3
    assert "everup up" in result.output


def test_a_folder_with_a_stack_never_reaches_another_stacks_everup(tmp_path: Path) -> None:
    (tmp_path / "everup.yaml").write_text("stack: mine\nservices: {web: {}}\n")
    result = CliRunner().invoke(app, ["stop", "web"])
    assert result.exit_code == 3
    assert "everup.yaml" in result.output


def test_a_kind_that_is_none_is_named_by_its_option() -> None:
    result = CliRunner().invoke(app, ["heal", "web", "--type", "nosuch"])
    assert result.exit_code == 2
    assert result.output.startswith("everup: --type: 'nosuch' is none; there are: restart, ")
    assert result.output.count("graceful_restart") == 1


def test_paths_of_the_api_are_told_as_verbs() -> None:
    said = str(
        client._refusal(Place(), 404, {"detail": "no x", "fix": "GET /approvals lists them"})
    )
    assert said.splitlines() == ["no x", "everup approve lists what waits"]


def test_wrong_usage_and_a_wrong_configuration_end_with_2() -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["stop"]).exit_code == 2
    assert runner.invoke(app, ["check", "nowhere.yaml"]).exit_code == 2
    assert runner.invoke(app, ["up", "-f", "no-such-file.yaml"]).exit_code == 2
    assert runner.invoke(app, ["freeze", "--for", "soon"]).exit_code == 2


def test_without_a_file_and_without_an_engine_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-such-socket")
    result = CliRunner().invoke(app, ["up"])
    assert result.exit_code == 1
    assert "no everup.yaml here" in result.output
    assert "no-such-socket" in result.output


def test_a_good_configuration_ends_with_0(tmp_path: Path) -> None:
    text = "stack: mine\nservices: {web: http://127.0.0.1:8080/health}\n"
    (tmp_path / "everup.yaml").write_text(text)
    result = CliRunner().invoke(app, ["check", "--json"])
    assert result.exit_code == 0
    assert '"ok": true' in result.output


@pytest.mark.parametrize(
    ("text", "value_s"), [("90", 90), ("2h", 7200), ("1.5m", 90), ("1d", 86400)]
)
def test_durations(text: str, value_s: float) -> None:
    assert durations.seconds(text) == value_s


@pytest.mark.parametrize("text", ["", "0", "-1", "2w", "inf", "31d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Stop):
        durations.seconds(text)


def test_the_run_file_names_this_very_process(tmp_path: Path) -> None:
    me = runfile.myself("http://127.0.0.1:1")
    with runfile.announced(tmp_path, me):
        assert runfile.find(tmp_path) == me
        assert Place(state_dir=tmp_path).address() == "http://127.0.0.1:1"
    assert runfile.find(tmp_path) is None


def test_another_life_of_a_pid_is_never_signalled() -> None:
    stranger = runfile.Running(os.getpid(), 1, "another boot", "http://127.0.0.1:1")
    assert runfile.send(stranger, signal.SIGKILL, 0) is None


def test_what_would_have_been_done_is_told_and_judged_later() -> None:
    kind = ActionKind.CONTAINER_RESTART
    would = e.WouldHaveDone(1.0, "k", "inc-1", "redis", Cause.CRASH, kind, "died")
    assert "would act redis: restart, because died" in (events.line(would) or "")
    over = e.EpisodeEnded(
        9.0, "inc-1", "redis", Cause.CRASH, 1.0, 5.0, Ending.BY_ITSELF, Hindsight.WRONG, "too soon"
    )
    assert events.line(over) is None  # nothing had been proposed
    judged = replace(over, proposed=(WouldDo("k", kind, 1.0),))
    assert "hindsight redis: wrong, too soon" in (events.line(judged) or "")


def test_events_are_one_clean_line() -> None:
    entry = e.IncidentOpened(1.0, "inc-1", "redis", Cause.HANG, "no\nanswer\x1b[0m", ("api",))
    said = events.line(entry)
    assert said is not None
    assert "incident redis: it hung: no" in said
    assert "\n" not in said
    assert "\x1b" not in said


def test_a_hint_of_the_api_becomes_one_of_the_command_line() -> None:
    body = {
        "detail": "the stack is frozen by ann",
        "check": "freeze",
        "fix": "add override=freeze and a reason if it must be now",
    }
    said = str(client._refusal(Place(), 409, body))
    assert said.splitlines()[-1] == "add --override freeze --reason WHY if it must be now"
