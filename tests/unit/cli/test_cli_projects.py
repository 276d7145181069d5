"""Verbs on a host where several projects run, with and without an Everup for one of them."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from everup.app import discover
from everup.cli import client, finding, release, runfile
from everup.cli import down as downs
from everup.cli.exits import Stop
from everup.cli.place import Place
from everup.cli.verbs import app
from everup.runtimes.docker import traces, undeclared
from tests.unit.runtimes.docker.discovery.worlds import document

ADDRESS = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the state of projects lies."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name in ("URL", "LISTEN", "FILE", "STATE_DIR", "PROJECT"):
        monkeypatch.delenv(f"EVERUP_{name}", raising=False)
    return tmp_path / "everup"


def hold(base: Path, project: str) -> Path:
    """As an Everup leaves it that was killed while it held a limit."""
    store = traces.store_of(base / project)
    store.put("watched", project, {"project": project})
    note = {"service": "web", "name": f"{project}_web_1", "before": {"Memory": 64}}
    store.put(undeclared.ROOM, "a" * 64, note)
    return base / project


def given(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """Whose things were given back, in place of an engine."""
    found: list[tuple[str, Path]] = []

    async def give_back(stack: Any, folder: Path, *_: object) -> list[str]:
        found.append((stack.name, folder))
        return ["web: given back"]

    monkeypatch.setattr(release, "give_back", give_back)
    return found


@pytest.mark.parametrize("how", ["option", "variable", "folder", "the only one"])
def test_release_without_everup_takes_the_project_that_is_named(
    how: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, folder = given(monkeypatch), hold(base, "shop")
    if how != "the only one":
        hold(base, "blog")
    arguments = ["release"]
    if how == "option":
        arguments += ["--project", "shop"]
    elif how == "variable":
        monkeypatch.setenv("EVERUP_PROJECT", "shop")
    elif how == "folder":
        arguments += ["--state-dir", str(folder)]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.output) == (0, "web: given back\n")
    assert found == [("shop", folder)]


def test_release_says_what_it_cannot_know(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch)
    assert CliRunner().invoke(app, ["release"]).output == "nothing is held\n"
    hold(base, "shop")
    hold(base, "blog")
    result = CliRunner().invoke(app, ["release"])
    assert (result.exit_code, "blog, shop" in result.output) == (2, True)
    result = CliRunner().invoke(app, ["release", "--project", "nosuch"])
    assert (result.exit_code, "never watched 'nosuch'" in result.output) == (2, True)
    result = CliRunner().invoke(app, ["release", "api", "--project", "shop"])
    assert (result.exit_code, "there are: web" in result.output) == (2, True)
    assert found == []


def test_release_asks_the_everup_of_the_project_that_runs(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def change(place: Place, *_: object, **__: object) -> dict[str, Any]:
        asked.append(place.address())
        return {"text": "done", "state": "done", "outcome": None, "action": None}

    monkeypatch.setattr(client, "change", change)
    monkeypatch.setattr(release, "said", lambda *_: 0)
    with runfile.announced(hold(base, "shop"), runfile.myself(ADDRESS)):
        assert CliRunner().invoke(app, ["release", "--project", "shop"]).exit_code == 0
    assert asked == [ADDRESS]


def test_a_project_is_never_answered_by_the_everup_of_another_one(base: Path) -> None:
    with runfile.announced(hold(base, "blog"), runfile.myself(ADDRESS)):
        assert Place().address() == ADDRESS
        assert Place(project="blog").address() == ADDRESS
        with pytest.raises(Stop, match="everup up --project shop"):
            Place(project="shop").address()


def test_containers_are_not_stopped_unasked(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def send(_: object, number: int, __: object) -> bool:
        sent.append(number)
        return True

    monkeypatch.setattr(runfile, "send", send)
    with runfile.announced(hold(base, "shop"), runfile.myself(ADDRESS)):
        result = CliRunner().invoke(app, ["down"])
        assert result.exit_code == 2
        assert "everup down --keep-services" in result.output
        assert "--yes" in result.output
        assert sent == []
        monkeypatch.setattr(downs, "_asked", lambda project: project != "shop")
        assert CliRunner().invoke(app, ["down"]).exit_code == 0
        assert sent == [], "after a no"
        result = CliRunner().invoke(app, ["down", "--yes"])
        assert "everup up --project shop" in result.output
        result = CliRunner().invoke(app, ["down", "--keep-services"])
        assert "start" not in result.output
    assert sent == [signal.SIGUSR1, signal.SIGTERM]


def test_a_second_everup_is_told_how_to_stop_the_first_alone(tmp_path: Path) -> None:
    (tmp_path / "here" / "everup.yaml").write_text("stack: mine\nservices: {web: {}}\n")
    with runfile.announced(tmp_path / "here" / ".everup", runfile.myself(ADDRESS)):
        for arguments in (["up"], ["up", "--detach"]):
            result = CliRunner().invoke(app, arguments)
            assert (result.exit_code, "everup down --keep-services" in result.output) == (2, True)


def test_of_several_projects_the_one_that_is_watched_is_meant(base: Path) -> None:
    documents = [document("web", project="shop"), document("web", project="blog")]
    found = replace(discover.understand("unix:///x", documents, {}), own_project="")
    with pytest.raises(Stop, match="everup try web --project NAME"):
        finding.choose(found, None, "try web")
    with runfile.announced(hold(base, "shop"), runfile.myself(ADDRESS)):
        assert finding.choose(found, None, "try web").name == "shop"
        with pytest.raises(Stop):
            finding.choose(found, None, "up")


def test_a_typo_does_not_pass_as_uninstalled(base: Path) -> None:
    result = CliRunner().invoke(app, ["uninstall", "--project", "nosuch", "--yes"])
    assert result.exit_code == 0, "nothing at all is here"
    hold(base, "shop")
    result = CliRunner().invoke(app, ["uninstall", "--project", "nosuch", "--yes"])
    assert (result.exit_code, "it watched: shop" in result.output) == (2, True)


def test_a_project_that_is_not_there_is_said_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(_: object) -> discover.Found:
        return discover.understand("unix:///x", [document("web", project="shop")], {})

    monkeypatch.setattr(discover, "look", look)
    result = CliRunner().invoke(app, ["up", "--project", "nosuch"])
    assert result.exit_code == 2
    assert "everup.yaml" not in result.output
    assert "there is no project 'nosuch'" in result.output
