"""Notes on disk: what cannot be read now is not what makes no sense."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from everup.model.errors import TryAgain
from everup.runtimes import files
from everup.runtimes.docker.store import Store
from everup.runtimes.processes.records import Registry


def _no_descriptors(*_: object, **__: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


def test_a_shortage_of_descriptors_costs_no_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.put("aside", "shop_web_1", {"service": "web"})
    with monkeypatch.context() as short:
        short.setattr(Path, "read_text", _no_descriptors)
        with pytest.raises(TryAgain, match="Too many open files"):
            store.get("aside", "shop_web_1")
        with pytest.raises(TryAgain):
            store.all("aside")
        with pytest.raises(TryAgain):
            Registry(tmp_path / "aside").load()
    with monkeypatch.context() as short:
        short.setattr(os, "listdir", _no_descriptors)
        with pytest.raises(TryAgain):
            store.all("aside")
    assert store.all("aside") == {"shop_web_1": {"service": "web"}}
    assert not list((tmp_path / "aside").glob("*.bad"))


def test_what_makes_no_sense_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "note.json"
    path.write_text("{")
    assert files.load(path) is None
    assert path.with_suffix(".bad").read_text() == "{"
    assert files.load(path) is None, "nothing there is nothing"
    assert files.listed(tmp_path / "nowhere", ".json") == []
