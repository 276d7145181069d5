"""Runtimes come in by entry points: ours by the same door as a stranger's."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from everup.app import load_runtime, plugins, runtime_names
from everup.model.errors import GiveUp
from everup.runtimes import processes


def install(monkeypatch: pytest.MonkeyPatch, **runtimes: str) -> None:
    found = [EntryPoint(name, value, plugins.RUNTIMES) for name, value in runtimes.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: found)


def test_our_own_is_declared_like_anyone_elses() -> None:
    assert "processes" in runtime_names()
    plugin: object = load_runtime("processes")
    assert plugin is processes


def test_an_unknown_one_is_named_with_those_that_there_are() -> None:
    with pytest.raises(GiveUp, match=r"^runtime: 'podman' is not installed; known are: .*process"):
        load_runtime("podman")


def test_nothing_installed_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(GiveUp, match="install everup again"):
        load_runtime("processes")


@pytest.mark.parametrize(
    ("value", "said"),
    [("no_such_module", "ModuleNotFoundError"), ("json", "has no MANIFEST and no create")],
)
def test_a_broken_one_is_named(monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    install(monkeypatch, theirs=value)
    assert runtime_names() == ("theirs",)
    with pytest.raises(GiveUp, match=rf"^runtime: 'theirs' .*{said}"):
        load_runtime("theirs")
