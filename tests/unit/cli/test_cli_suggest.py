"""`everup suggest` never writes over a file, and says what is wrong where no engine answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from everup.cli import suggest as verb
from everup.cli.verbs import app
from everup.runtimes.docker.discovery import ProjectKind
from tests.unit.app.suggest.test_suggest import container, found_by


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")


def answer(monkeypatch: pytest.MonkeyPatch, image: str, *command: str) -> None:
    """What the engine would have told."""
    found = found_by(container("store", image, command))
    assert found.seen.project.kind is ProjectKind.COMPOSE

    async def look(*_: object) -> object:
        return found

    monkeypatch.setattr(verb, "look_closely", look)


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    there = tmp_path / "docker-compose.yml"
    there.write_text("mine")
    dangling = tmp_path / "link.yml"
    dangling.symlink_to(tmp_path / "nowhere")
    for name in (there, dangling):
        result = CliRunner().invoke(app, ["suggest", "--output", str(name)])
        assert result.exit_code == 2
        assert "is there already" in result.output
    assert there.read_text() == "mine"


def test_without_an_engine_it_says_so() -> None:
    result = CliRunner().invoke(app, ["suggest"])
    assert result.exit_code in {1, 2}
    assert "no-engine.sock" in result.output


def test_it_writes_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "redis:7", "redis-server")
    result = CliRunner().invoke(app, ["suggest", "-o", "new.yml"])
    assert result.exit_code == 0
    assert "0 of 1 services can be judged; with this file 1" in result.output
    assert f"-f {tmp_path}/new.yml up -d" in result.output
    assert "redis-cli" in (tmp_path / "new.yml").read_text()
    refused = CliRunner().invoke(app, ["suggest", "-o", "no/such/folder.yml"])
    assert refused.exit_code == 2
    assert "cannot be written" in refused.output


def test_where_nothing_is_missing_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, "app:1", "app")
    result = CliRunner().invoke(app, ["suggest", "--output", "new.yml"])
    assert result.exit_code == 0
    assert "nothing to suggest" in result.output
    assert "store: only its owner knows" in result.output
    assert not (tmp_path / "new.yml").exists()
