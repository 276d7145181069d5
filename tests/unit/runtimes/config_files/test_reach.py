"""Whoever may write to a folder cannot have another one read or written in its place."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from everup.model.errors import GiveUp, TryAgain
from everup.model.runtime import KeptFile
from everup.runtimes.config_files import look as looking
from everup.runtimes.config_files.exchange import Change, FileExchange
from everup.runtimes.config_files.look import Found, Looker, Source
from everup.runtimes.config_files.plan import plan
from everup.runtimes.config_files.reach import folder_of
from everup.runtimes.config_files.write import copy_beside, take_away, write_in_place
from tests.unit.builders import KEY


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """A folder with one in it, and a folder of the machine's beside it."""
    below = tmp_path / "conf" / "sub"
    below.mkdir(parents=True)
    (below / "a").write_text("good")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a").write_text("the machine's own")
    return tmp_path / "conf"


def swap(conf: Path) -> None:
    """A link to the machine's folder is where the one in it was."""
    (conf / "sub").rename(conf / "was")
    (conf / "sub").symlink_to(conf.parent / "etc")


def looked(conf: Path) -> looking.Look:
    return Looker(time.time, KEY).look([Source(str(conf), str(conf))], with_content=True)


def change_of(conf: Path) -> Sequence[Change]:
    good = looked(conf)
    (conf / "sub" / "a").write_text("broken")
    return plan(good.files, looked(conf), [Source(str(conf), str(conf))], lambda _: False)


def is_untouched(conf: Path) -> bool:
    etc = conf.parent / "etc"
    return os.listdir(etc) == ["a"] and (etc / "a").read_text() == "the machine's own"


def test_a_link_that_comes_after_the_plan_is_not_written_through(conf: Path) -> None:
    changes = change_of(conf)
    swap(conf)
    exchange = FileExchange(conf.parent / "state", time.time)
    with pytest.raises((GiveUp, TryAgain)):
        exchange.write("web", changes)
    assert is_untouched(conf)


def test_a_link_that_comes_after_writing_is_not_put_back_through(conf: Path) -> None:
    good = looked(conf)
    (conf / "sub" / "job").write_text("anything")
    changes = plan(good.files, looked(conf), [Source(str(conf), str(conf))], lambda _: False)
    assert [c.new for c in changes] == [None]
    exchange = FileExchange(conf.parent / "state", time.time)
    exchange.write("web", changes)
    swap(conf)
    trouble = exchange.put_back("web")
    assert "changed by somebody" in trouble
    assert is_untouched(conf)
    assert exchange.unfinished("web") is None, "and nothing waits for it without end"


def test_a_link_that_comes_while_one_looks_is_not_read_through(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(looking._all([Source(str(conf), str(conf))]))
    swap(conf)

    def as_listed(sources: Sequence[Source]) -> Sequence[Found]:
        return found

    monkeypatch.setattr(looking, "_all", as_listed)
    assert looked(conf).files == ()


def test_no_link_on_the_way_is_followed(conf: Path) -> None:
    swap(conf)
    file = KeptFile("a", "1", b"new", 0o644, os.getuid(), os.getgid())
    at = str(conf / "sub" / "a")
    with pytest.raises(NotADirectoryError):
        write_in_place(at, file)
    with pytest.raises(NotADirectoryError):
        copy_beside(f"{at}-2", file)
    with pytest.raises(NotADirectoryError):
        take_away(at)
    assert is_untouched(conf)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    with folder_of(str(tmp_path / "x" / "y" / "z"), is_made=True) as (_, name):
        assert name == "z"
    assert (tmp_path / "x" / "y").is_dir()
    with pytest.raises(FileNotFoundError), folder_of(str(tmp_path / "n" / "z")):
        pass
