"""Files are exchanged in place, all or none, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.errors import GiveUp, TryAgain
from everup.model.runtime import KeptFile
from everup.runtimes import files as state_files
from everup.runtimes.config_files import exchange as exchanging
from everup.runtimes.config_files.exchange import Change, FileExchange
from everup.runtimes.config_files.look import Looker, Source
from everup.runtimes.config_files.plan import place_of, plan
from everup.runtimes.config_files.write import is_between, write_in_place
from tests.unit.builders import KEY


class Crash(BaseException):
    """Everup dies here."""


def kept(path: Path, content: bytes, mode: int = 0o644) -> KeptFile:
    digest = hashlib.sha256(content).hexdigest()
    return KeptFile(str(path), digest, content, mode, os.getuid(), os.getgid())


def changed(path: Path, new: bytes, *, is_beside: bool = True) -> Change:
    old = kept(path, path.read_bytes()) if path.exists() else None
    return Change(str(path), str(path), old, kept(path, new), is_beside)


def broken_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.everup-broken-*"))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "a").write_bytes(b"broken a, which is quite long\n")
    (folder / "b").write_bytes(b"broken b\n")
    return folder / "a", folder / "b"


def of(tmp_path: Path) -> FileExchange:
    return FileExchange(tmp_path / "state", time.time)


def test_in_place_and_the_broken_one_beside(tmp_path: Path, files: tuple[Path, Path]) -> None:
    a, _ = files
    a.chmod(0o600)
    inode, exchange = a.stat().st_ino, of(tmp_path)
    exchange.write(
        "web", [Change(str(a), str(a), kept(a, a.read_bytes(), 0o600), kept(a, b"good"))]
    )
    said = exchange.keep("web")
    assert a.read_bytes() == b"good"
    assert (a.stat().st_ino, a.stat().st_mode & 0o777) == (inode, 0o644)
    (aside,) = broken_of(tmp_path)
    assert aside.parent != a.parent, "where it must not lie beside, it lies in the state folder"
    assert aside.read_bytes() == b"broken a, which is quite long\n"
    assert aside.stat().st_mode & 0o777 == 0o600
    assert str(aside) in said[0]
    exchange.write("web", [changed(a, b"better", is_beside=True)])
    exchange.keep("web")
    assert [p.read_bytes() for p in broken_of(a.parent)] == [b"good"]
    assert not exchange.all_unfinished()


def test_a_few_broken_ones_are_kept(tmp_path: Path, files: tuple[Path, Path]) -> None:
    a, _ = files
    stranger = a.with_name("a.everup-broken-by-hand")
    stranger.write_text("not ours")
    now_s = [1_800_000_000.0]
    exchange = FileExchange(tmp_path / "state", lambda: now_s[0])
    for n in range(6):
        now_s[0] += 10
        exchange.write("web", [changed(a, f"{n}".encode())])
        exchange.keep("web")
    kept_ones = [p.read_bytes() for p in broken_of(a.parent) if p != stranger]
    assert kept_ones == [b"2", b"3", b"4"]
    assert stranger.exists()


def test_put_back(tmp_path: Path, files: tuple[Path, Path]) -> None:
    a, b = files
    new = a.with_name("new")
    before = a.read_bytes(), b.read_bytes()
    exchange = of(tmp_path)
    gone = Change(str(b), str(b), kept(b, b.read_bytes()), None)
    exchange.write("web", [changed(a, b"good"), gone, changed(new, b"made")])
    assert (a.read_bytes(), b.exists(), new.read_bytes()) == (b"good", False, b"made")
    note = exchange.unfinished("web")
    assert note is not None
    assert note.is_written
    assert exchange.put_back("web") == ""
    assert (a.read_bytes(), b.read_bytes(), new.exists()) == (*before, False)
    assert not broken_of(tmp_path), "what is there needs no copy"
    assert exchange.unfinished("web") is None


def test_whoever_edits_meanwhile_has_the_last_word(
    tmp_path: Path, files: tuple[Path, Path]
) -> None:
    a, b = files
    exchange = of(tmp_path)
    exchange.write("web", [changed(a, b"good"), changed(b, b"good")])
    a.write_bytes(b"edited by a person")
    assert "changed by somebody" in exchange.put_back("web")
    assert a.read_bytes() == b"edited by a person"
    assert b.read_bytes() == b"broken b\n"
    assert [p.name.partition(".")[0] for p in broken_of(a.parent)] == ["a"]


def test_a_full_disk_changes_nothing(
    tmp_path: Path, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = files
    before = a.read_bytes(), b.read_bytes()

    def full(handle: int, offset: int, length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(GiveUp, match="No space left"):
        of(tmp_path).write("web", [changed(b, b"good"), changed(a, b"x" * 1000)])
    assert (a.read_bytes(), b.read_bytes()) == before
    assert of(tmp_path).unfinished("web") is None


def test_one_at_a_time(tmp_path: Path, files: tuple[Path, Path]) -> None:
    a, _ = files
    exchange = of(tmp_path)
    exchange.write("web", [changed(a, b"good")])
    with pytest.raises(TryAgain, match="not over"):
        exchange.write("web", [changed(a, b"other")])


STEPS = ("save", "copy_beside", "write_in_place", "take_away")


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("number", range(8))
def test_after_a_crash_at_any_step_it_is_the_old_or_the_new(
    tmp_path: Path,
    files: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_after: bool,
) -> None:
    a, b = files
    old = {a: a.read_bytes(), b: b.read_bytes()}
    changes = [changed(a, b"good a"), changed(b, b"good b, and longer than before\n")]
    done = [0]

    def dies(real: object) -> object:
        def step(*arguments: object, **named: object) -> object:
            done[0] += 1
            if done[0] == number + 1 and not is_after:
                raise Crash
            found = real(*arguments, **named)  # type: ignore[operator]
            if done[0] == number + 1:
                raise Crash
            return found

        return step

    for name in STEPS[1:]:
        monkeypatch.setattr(exchanging, name, dies(getattr(exchanging, name)))
    monkeypatch.setattr(state_files, "save", dies(state_files.save))
    try:
        of(tmp_path).write("web", changes)
        has_died = False
    except Crash:
        has_died = True
    monkeypatch.undo()
    next_life = of(tmp_path)
    note = next_life.unfinished("web")
    if note is not None and note.is_written:
        assert (a.read_bytes(), b.read_bytes()) == (
            b"good a",
            changes[1].new and changes[1].new.content,
        )
    if note is not None:
        assert next_life.put_back("web") == ""
        assert {p: p.read_bytes() for p in old} == old
    else:
        assert has_died
        assert {p: p.read_bytes() for p in old} == old
    assert not broken_of(tmp_path)


@given(st.binary(max_size=60), st.binary(max_size=60), st.data())
def test_whatever_a_cut_write_leaves_is_known_as_ours(
    old: bytes, new: bytes, data: st.DataObject
) -> None:
    longest = max(len(old), len(new))
    padded = old.ljust(longest, b"\0")
    cut = data.draw(st.integers(0, len(new)))
    assert is_between(new[:cut] + padded[cut:], old, new)
    assert is_between(new, old, new)
    assert is_between(old, old, new)


def test_something_else_is_not_ours() -> None:
    assert not is_between(b"port = 3\n", b"port = 1\n", b"port = 2\n")
    assert not is_between(b"quite another text", b"old", b"new one")


def test_a_file_that_is_a_folder_by_now_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_in_place(str(tmp_path / "a"), kept(tmp_path / "a", b"x"))


class TestPlan:
    def test_what_differs_and_where_the_broken_one_goes(self, tmp_path: Path) -> None:
        alone, parts, strange = tmp_path / "app.conf", tmp_path / "conf.d", tmp_path / "x/y.conf"
        parts.mkdir()
        strange.parent.mkdir()
        for file in (alone, parts / "a", parts / "b", strange):
            file.write_text("good")
        sources = [Source(str(p), str(p)) for p in (alone, parts, strange)]
        looker = Looker(time.time, KEY)
        before = looker.look(sources, with_content=True).files
        alone.write_text("bad")
        strange.write_text("bad")
        (parts / "a").write_text("bad")
        (parts / "b").unlink()
        (parts / "c").write_text("new")
        now = looker.look(sources, with_content=True)
        found = plan(before, now, sources, lambda folder: folder == str(strange.parent))
        did = {
            Path(c.path).name: (c.old and c.old.content, c.new and c.new.content, c.is_beside)
            for c in found
        }
        assert did == {
            "app.conf": (b"bad", b"good", True),
            "a": (b"bad", b"good", False),
            "b": (None, b"good", False),
            "c": (b"new", None, False),
            "y.conf": (b"bad", b"good", False),
        }

    def test_nothing_differs(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("good")
        sources = [Source(str(tmp_path), str(tmp_path))]
        now = Looker(time.time, KEY).look(sources, with_content=True)
        assert plan(now.files, now, sources, lambda _: False) == ()

    def test_what_is_not_the_services_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in/link").symlink_to("/etc")
        sources = [Source(str(tmp_path / "in"), str(tmp_path / "in"))]
        for path in ("in/../passwd", "in/link/passwd", "other"):
            assert place_of(f"{tmp_path}/{path}", sources)[0] == ""
        stranger = kept(tmp_path / "other", b"x")
        with pytest.raises(GiveUp, match="no file that the service reads"):
            plan([stranger], Looker(time.time, KEY).look(sources), sources, lambda _: False)


@pytest.mark.parametrize("is_wanted", [True, False])
def test_an_edit_that_comes_after_the_plan_is_not_lost(
    tmp_path: Path, files: tuple[Path, Path], is_wanted: bool
) -> None:
    a, b = files
    wanted = kept(b, b"good b") if is_wanted else None
    changes = [changed(a, b"good a"), Change(str(b), str(b), kept(b, b.read_bytes()), wanted)]
    b.write_bytes(b"mended by hand\n")
    exchange = of(tmp_path)
    with pytest.raises((GiveUp, TryAgain), match="changed just now"):
        exchange.write("web", changes)
    assert b.read_bytes() == b"mended by hand\n"
    assert a.read_bytes() == b"broken a, which is quite long\n"
    assert exchange.unfinished("web") is None
