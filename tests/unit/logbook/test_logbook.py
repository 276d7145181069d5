"""The log file: one JSON line per entry with its ids, rotated, and never in anybody's way."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.logbook import LogBook, open_logbook
from everup.logbook.book import QUEUE_MOST
from everup.logbook.file import RotatingFile
from everup.logbook.lines import TEXT_MOST, fields_of, level_of
from everup.model import entries as e
from everup.model.errors import GiveUp
from everup.model.kinds import Cause
from everup.testing.journal_lab import story


def book(folder: Path, level: str = "info", file_bytes: int = 2**20, files: int = 3) -> LogBook:
    return open_logbook(folder, level=level, stack="s", file_bytes=file_bytes, files=files)


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "everup.log").read_text().splitlines()]


def test_every_kind_of_entry_is_a_line_with_its_ids(tmp_path: Path) -> None:
    log = book(tmp_path / "logs")
    for entry in story():
        log.entry(entry)
    log.close()
    found = lines(tmp_path / "logs")
    assert [line["event"] for line in found] == [type(entry).__name__ for entry in story()]
    assert all(list(line)[:4] == ["time", "level", "event", "text"] for line in found)
    by_event = {line["event"]: line for line in found}
    assert by_event["Intended"]["action_id"] == "act-2"
    assert by_event["IncidentEscalated"]["incident_id"] == "inc-2"
    assert by_event["IncidentEscalated"]["text"] == "incident escalated web: nothing helped"
    assert by_event["IncidentEscalated"]["level"] == "warning"
    assert log.counts() == (len(story()), 0)


def test_the_level_leaves_out_what_is_less(tmp_path: Path) -> None:
    log = book(tmp_path, level="warning")
    log.entry(e.ControllerStopped(1.0))
    log.warning("entries_shed", text="3")
    log.close()
    (line,) = lines(tmp_path)
    assert (line["event"], line["text"]) == ("entries_shed", "3")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    log = book(tmp_path / "logs")
    log.warning("x")
    log.close()
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "logs" / "everup.log").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_had_is_said_at_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GiveUp, match="set log_directory"):
        book(tmp_path / "file")


@settings(max_examples=30)
@given(st.lists(st.integers(0, 120), max_size=60), st.integers(1, 4))
def test_files_are_bounded_and_hold_the_latest_lines_whole(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], files: int
) -> None:
    folder = tmp_path_factory.mktemp("rotated")
    file = RotatingFile(folder / "x.log", 200, files)
    written = [f"{number}:{'y' * size}" for number, size in enumerate(sizes)]
    file.write(written)
    file.close()
    found = sorted(folder.iterdir(), key=lambda p: p.suffix, reverse=True)
    assert len(found) <= files
    assert all(path.stat().st_size <= 200 for path in found)
    numbered = sorted(
        found, key=lambda p: -int(p.name.rpartition(".")[2]) if p.name != "x.log" else 0
    )
    kept = [line for path in numbered for line in path.read_text().splitlines()]
    assert kept == written[len(written) - len(kept) :]
    assert (file.written, file.lost) == (len(written), 0)


def test_another_life_appends(tmp_path: Path) -> None:
    for number in range(3):
        log = book(tmp_path)
        log.warning("life", number=number)
        log.close()
    assert [line["number"] for line in lines(tmp_path)] == [0, 1, 2]


def test_a_full_disk_loses_lines_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = RotatingFile(tmp_path / "x.log", 1000, 2)
    file.open()
    whole = os.write

    def full(descriptor: int, data: bytes) -> int:
        if descriptor < 3:
            return whole(descriptor, data)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    file.write(["a", "b"])
    monkeypatch.undo()
    file.write(["c"])
    assert (file.written, file.lost) == (0, 3)  # it waits before it tries again
    monkeypatch.setattr(file, "_not_before_s", 0.0)
    file.write(["d"])
    file.close()
    assert (tmp_path / "x.log").read_text() == "d\n"


def test_half_a_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RotatingFile(tmp_path / "x.log", 1000, 2)
    file.write(["whole"])
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    file.write(["torn"])
    monkeypatch.undo()
    file.close()
    assert (tmp_path / "x.log").read_text() == "whole\n"


def test_a_disk_that_hangs_makes_nobody_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, hangs = threading.Event(), threading.Event()
    whole = RotatingFile.write

    def stuck(file: RotatingFile, lines: list[str]) -> None:
        hangs.set()
        goes_on.wait(10)
        whole(file, lines)

    monkeypatch.setattr(RotatingFile, "write", stuck)
    log = book(tmp_path)
    log.warning("first")
    assert hangs.wait(5)
    for number in range(QUEUE_MOST + 5):
        log.warning("x", number=number)
    assert log.counts() == (0, 5)
    goes_on.set()
    log.close()
    assert log.counts() == (QUEUE_MOST + 1, 5)


def test_long_and_strange_texts_are_cut_and_written(tmp_path: Path) -> None:
    log = book(tmp_path)
    log.entry(e.IncidentOpened(1.0, "i", "a", Cause.CRASH, "\0\udc80\n" + "x" * 99999))
    log.close()
    (line,) = lines(tmp_path)
    assert len(str(line["reason"])) == TEXT_MOST


def test_unknown_numbers_are_left_out() -> None:
    assert "until_s" not in fields_of(e.FreezeSet(1.0, "", "why", "Ann"))
    assert level_of(e.ControllerStopped(1.0)) == "info"
