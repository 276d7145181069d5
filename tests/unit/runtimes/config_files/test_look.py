"""What is found of configuration files, and when it counts as another."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from everup.model.errors import TryAgain
from everup.model.kinds import is_known
from everup.model.runtime import Captured
from everup.model.version import EMPTY, with_files
from everup.runtimes.config_files import look as looking
from everup.runtimes.config_files.look import Look, Looker, Source
from everup.runtimes.config_files.plan import plan
from everup.runtimes.config_files.watch import Watch
from tests.unit.builders import KEY


def of(path: Path) -> Source:
    return Source(str(path), str(path))


def look(*sources: Source, content: bool = True) -> Look:
    return Looker(time.time, KEY).look(sources, with_content=content)


def test_a_file_with_its_content_owner_and_mode(tmp_path: Path) -> None:
    file = tmp_path / "app.conf"
    file.write_bytes(b"port = 1\n")
    file.chmod(0o640)
    (kept,) = look(of(file)).files
    assert (kept.content, kept.mode, kept.uid) == (b"port = 1\n", 0o640, os.getuid())
    assert "port = 1" not in repr(kept)
    (known,) = look(of(file), content=False).files
    assert (known.content, known.digest) == (None, kept.digest)


def test_a_folder_by_its_regular_files_alone(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.conf").write_text("a")
    (tmp_path / "conf.d/more").mkdir()
    (tmp_path / "conf.d/more/b.conf").write_text("b")
    (tmp_path / "conf.d/out").symlink_to("/etc/passwd")
    (tmp_path / "conf.d/a.conf.everup-broken-20260101T000000Z").write_text("broken")
    os.mkfifo(tmp_path / "conf.d/pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "conf.d/some.sock"))
        found = look(of(tmp_path / "conf.d"))
    names = [os.path.relpath(f.path, tmp_path) for f in found.files]
    assert names == ["conf.d/a.conf", "conf.d/more/b.conf"]


def test_an_empty_folder_is_known_and_a_missing_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    assert look(of(tmp_path / "conf.d")).digest == EMPTY
    assert look(of(tmp_path / "none.d"), of(tmp_path / "conf.d")).digest == EMPTY
    for nothing in ([], [of(tmp_path / "none.d")], [of(tmp_path / "none.conf")]):
        assert look(*nothing).digest == ""
    (tmp_path / "conf.d/a.conf").write_text("a")
    assert look(of(tmp_path / "conf.d")).digest not in {"", EMPTY}


def test_what_came_into_an_empty_folder_is_to_go(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    then = look(of(tmp_path / "conf.d"))
    assert Captured("a", {}, with_files("1:x", then.digest), files=then.files).has_files
    assert not Captured("a", {}, "1:x").has_files
    (tmp_path / "conf.d/a.conf").write_text("a")
    now = look(of(tmp_path / "conf.d"))
    (change,) = plan(then.files, now, [of(tmp_path / "conf.d")], lambda _: False)
    assert (change.path, change.new) == (str(tmp_path / "conf.d/a.conf"), None)


def test_the_digest_is_equal_for_equals_alone(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    one = look(of(file)).digest
    file.write_text("two")
    assert look(of(file)).digest != one
    file.write_text("one")
    assert look(of(file)).digest == one
    file.chmod(0o600)
    assert look(of(file)).digest != one, "whose it is and who may read it counts as well"


@pytest.mark.parametrize("number", [looking.FILES_MOST, looking.FILES_MOST + 1])
def test_a_folder_with_too_much_in_it_is_no_configuration(tmp_path: Path, number: int) -> None:
    for n in range(number):
        (tmp_path / f"{n:03}").write_text("x")
    found = look(of(tmp_path))
    if number <= looking.FILES_MOST:
        assert len(found.files) == number
        assert found.digest
    else:
        assert [f.why_not for f in found.files] == [looking.TOO_MANY]
        assert not found.digest


def test_many_files_of_many_places_are_bounded(tmp_path: Path) -> None:
    sources = []
    for n in range(looking.FILES_MOST + 5):
        (tmp_path / f"{n:03}").write_text("x")
        sources.append(of(tmp_path / f"{n:03}"))
    found = look(*sources)
    assert sum(bool(f.digest) for f in found.files) == looking.FILES_MOST
    assert found.files[-1].why_not == looking.TOO_MANY


def test_what_is_too_large_is_not_kept_and_says_so(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (looking.FILE_BYTES_MOST + 1))
    sources = [of(large)]
    for n in range(9):
        (tmp_path / f"m{n}").write_bytes(b"x" * looking.FILE_BYTES_MOST)
        sources.append(of(tmp_path / f"m{n}"))
    found = {Path(f.path).name: f for f in look(*sources).files}
    assert found["large"].why_not == looking.TOO_LARGE
    assert found["m7"].why_not == looking.TOO_MUCH
    assert found["m8"].content is None
    assert found["m0"].content is not None


def test_links(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/real").write_text("x")
    (tmp_path / "in/link").symlink_to("real")
    (tmp_path / "in/out").symlink_to("/etc/hostname")
    assert look(of(tmp_path / "in/link")).files[0].content == b"x"
    (out,) = look(of(tmp_path / "in/out")).files
    assert out.content is None
    assert "leads out" in out.why_not


def test_what_is_not_there_is_nothing(tmp_path: Path) -> None:
    assert look(of(tmp_path / "gone")) == Look()
    assert look(Source("/conf", why_not="the engine is on another machine")).files[0].why_not


def test_a_file_is_read_again_only_when_it_may_be_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    reads: list[str] = []
    whole = looking.read_whole

    def counted(at: str) -> tuple[bytes, os.stat_result]:
        reads.append(at)
        return whole(at)

    monkeypatch.setattr(looking, "read_whole", counted)
    looker = Looker(lambda: time.time() + 10, KEY)
    first = looker.look([of(file)])
    assert looker.look([of(file)]) == first
    assert len(reads) == 1
    file.write_text("two")
    assert looker.look([of(file)]).digest != first.digest
    assert len(reads) == 2
    young = Looker(time.time, KEY)
    young.look([of(file)])
    young.look([of(file)])
    assert len(reads) == 4, "it may change within one tick of the kernel's clock"


def test_touching_a_file_is_no_change_of_it(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    looker = Looker(time.time, KEY)
    first = looker.look([of(file)])
    time.sleep(0.02)
    os.link(file, tmp_path / "b")
    os.utime(file)
    assert looker.look([of(file)]) == first


def test_what_was_read_once_counts_while_it_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    looker = Looker(time.time, KEY)
    first = looker.look([of(file)])

    def broken(at: str) -> tuple[bytes, os.stat_result]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(looking, "read_whole", broken)
    again = looker.look([of(file)], with_content=True)
    assert again.digest == first.digest
    assert "Input/output error" in again.files[0].why_not


def test_the_watch_knows_since_when(tmp_path: Path) -> None:
    async def story() -> None:
        a, b = tmp_path / "a", tmp_path / "b"
        a.write_text("one")
        b.write_text("b")
        old_s = time.time() - 1000
        watch = Watch(time.time, KEY, wait_s=5)
        wanted = {"web": [of(a), of(b)], "none": []}
        await watch.read(wanted)
        first = watch.of("web")
        assert abs(first.changed_at_s - time.time()) < 5
        assert not is_known(watch.of("none").changed_at_s)
        a.write_text("two")
        os.utime(a, (old_s, old_s))  # as `cp -p` leaves it
        await watch.read(wanted)
        second = watch.of("web")
        assert second.digest != first.digest
        assert second.changed_at_s >= first.changed_at_s
        await asyncio.sleep(0.02)
        b.unlink()
        await watch.read(wanted)
        third = watch.of("web")
        assert third.changed_at_s > second.changed_at_s, "one that is gone has no time of its own"
        assert third.digest != second.digest
        await watch.read({})
        assert not watch.of("web").digest, "who is gone is forgotten"

    asyncio.run(story())


def test_a_look_that_is_under_way_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    lstat = os.lstat

    def slow(at: str) -> os.stat_result:
        time.sleep(0.1)
        return lstat(at)

    async def story() -> None:
        watch = Watch(time.time, KEY, wait_s=0.01)
        monkeypatch.setattr(os, "lstat", slow)
        await watch.read({"web": [of(file)]})
        assert watch.hangs
        (kept,) = (await watch.contents("web", [of(file)])).files
        assert kept.content == b"one"

    asyncio.run(story())


def test_a_disk_that_hangs_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    free = threading.Event()

    async def story() -> None:
        watch = Watch(time.time, KEY, wait_s=0.05, most_s=0.2)
        await watch.read({"web": [of(file)]})
        for _ in range(100):
            if watch.of("web").digest:
                break
            await asyncio.sleep(0.01)
            await watch.read({"web": [of(file)]})
        known = watch.of("web")
        assert known.digest
        lstat = os.lstat

        def hangs(at: str) -> os.stat_result:
            free.wait(10)
            return lstat(at)

        monkeypatch.setattr(os, "lstat", hangs)
        before = threading.active_count()
        for _ in range(5):
            await watch.read({"web": [of(file)]})
        assert watch.hangs
        assert watch.of("web") == known
        assert threading.active_count() <= before + 1, "no second one is begun"
        with pytest.raises(TryAgain, match="does not answer"):
            await watch.contents("web", [of(file)])
        free.set()

    try:
        asyncio.run(story())
    finally:
        free.set()
