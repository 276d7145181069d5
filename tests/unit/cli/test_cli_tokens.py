"""The token as the command line finds it, shows it and prints it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from everup.cli import client, tokens
from everup.cli.exits import Stop
from everup.cli.place import Place
from everup.cli.verbs import app

TOKEN = "kept-in-the-state-folder"
HERE, THERE = "http://0.0.0.0:8010", "http://192.168.1.5:8010"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "token").write_text(TOKEN + "\n")
    return Place(state_dir=tmp_path)


@pytest.mark.parametrize(
    "url", [HERE, "http://127.0.0.1:1", "http://[::1]:8010", "http://localhost"]
)
def test_that_of_the_state_folder_is_shown_to_this_machine(place: Place, url: str) -> None:
    assert tokens.bearer(place, url) == {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("url", [THERE, "http://localhost.evil.example", "http://everup.lan"])
def test_and_to_nobody_else(place: Place, url: str) -> None:
    assert tokens.bearer(place, url) == {}


def test_a_variable_goes_first_and_everywhere(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("of-a-file-of-mine-1")
    monkeypatch.setenv("EVERUP_TOKEN_FILE", str(tmp_path / "mine"))
    assert tokens.bearer(place, THERE) == {"Authorization": "Bearer of-a-file-of-mine-1"}
    monkeypatch.setenv("EVERUP_TOKEN", "of-a-variable-of-mine")
    assert tokens.bearer(place, HERE) == {"Authorization": "Bearer of-a-variable-of-mine"}


def test_a_variable_that_holds_none_is_said_and_not_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERUP_TOKEN", "hunter2 hunter2")
    with pytest.raises(Stop, match="EVERUP_TOKEN is no token") as stopped:
        tokens.bearer(place, HERE)
    assert "hunter2" not in str(stopped.value)
    monkeypatch.setenv("EVERUP_TOKEN", "")
    monkeypatch.setenv("EVERUP_TOKEN_FILE", "/nowhere/at/all")
    with pytest.raises(Stop, match="EVERUP_TOKEN_FILE: /nowhere/at/all cannot be read"):
        tokens.bearer(place, HERE)


def test_a_refusal_says_where_the_command_line_takes_it_from(place: Place) -> None:
    said = str(client._refusal(place, 401, {"detail": "this call needs the token", "fix": "do"}))
    expected = "the command line takes the token from EVERUP_TOKEN or EVERUP_TOKEN_FILE"
    assert said.splitlines() == ["this call needs the token", "do", expected]


def test_the_verb_prints_it_alone(place: Place, tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["token", "--state-dir", str(tmp_path)])
    assert (printed.exit_code, printed.output) == (0, TOKEN + "\n")
    none = CliRunner().invoke(app, ["token", "--state-dir", str(tmp_path / "other")])
    assert none.exit_code == 1
    assert "there is no token" in none.output
