"""Pruning on a real file: cut off at every statement, killed between any two steps, and smaller."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest

from everup.app.live import BootClock
from everup.journal import SqlJournal, open_journal, pruning
from everup.journal.session import Writing
from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.errors import JournalUnavailable
from everup.model.kinds import Cause
from everup.model.state import StackState

PER_STEP, COUNT = 60, 200


def _entries(count: int = COUNT, text: str = "why") -> list[e.Entry]:
    found: list[e.Entry] = []
    for number in range(count // 2):
        name = f"inc-{number}"
        at_s = float(number)
        found.append(e.IncidentOpened(at_s, name, f"s{number % 4}", Cause.CRASH, text))
        found.append(e.IncidentResolved(at_s + 0.5, name, f"s{number % 4}", "healed"))
    return found


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", PER_STEP)
    monkeypatch.setattr(pruning, "KEPT_LEAST", 10)
    monkeypatch.setattr(pruning, "CUT_LEAST", 20)


def _journal(path: Path) -> SqlJournal:
    return open_journal(f"sqlite:///{path}", clock=BootClock(), inline=True)


async def _filled(path: Path, entries: list[e.Entry]) -> tuple[SqlJournal, int]:
    journal = _journal(path)
    fence = await journal.open("s", "me")
    for start in range(0, len(entries), 500):
        await journal.append(entries[start : start + 500], fence)
    return journal, fence


async def _step(journal: SqlJournal, fence: int) -> bool:
    return await journal.prune(fence, before_s=1e9, bytes_most=1e15)


async def _is_whole(journal: SqlJournal, entries: list[e.Entry]) -> None:
    assert await journal.verify_chain() == ""
    assert repr(await journal.load()) == repr(fold_all(StackState(), entries))


def test_killed_between_any_two_steps(tmp_path: Path) -> None:
    async def story() -> None:
        entries = _entries()
        journal, fence = await _filled(tmp_path / "j", entries)
        number, is_more = 0, True
        while is_more:
            is_more = await _step(journal, fence)
            number += 1
            copy = tmp_path / f"copy-{number}"
            for tail in ("", "-wal"):
                shutil.copy(f"{tmp_path / 'j'}{tail}", f"{copy}{tail}")
            after = _journal(copy)
            its_fence = await after.open("s", "next")
            await _is_whole(after, entries)
            while await _step(after, its_fence):
                pass
            await _is_whole(after, entries)
            assert (await after.entries(limit=1))[0][0] > COUNT - 50
            await after.close()
        assert number >= 5
        await journal.close()

    asyncio.run(story())


def test_each_write_of_a_step_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Writing.run
    left = [10**9]

    def failing(self: Writing, statement: Any, **values: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise OSError("the disk is gone")
        return run(self, statement, **values)

    monkeypatch.setattr(Writing, "run", failing)

    async def story() -> None:
        entries = _entries()
        journal, fence = await _filled(tmp_path / "j", entries)
        at, failures = 1, 0
        while True:
            left[0] = at
            try:
                is_more = await _step(journal, fence)
            except JournalUnavailable:
                at += 1
                failures += 1
                left[0] = 10**9
                await _is_whole(journal, entries)
                continue
            at = 1
            if not is_more:
                break
        left[0] = 10**9
        await _is_whole(journal, entries)
        assert failures > 20
        await journal.close()

    asyncio.run(story())


def test_the_file_shrinks_under_its_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 500)

    async def story() -> None:
        path = tmp_path / "j"
        journal, fence = await _filled(path, _entries(6000, "x" * 1000))
        await journal.close()
        before = path.stat().st_size
        fence = await journal.open("s", "me")
        most = before / 3
        while await journal.prune(fence, before_s=0.0, bytes_most=most):
            pass
        assert len(await journal.entries(limit=1000)) > 100, "it goes no further than it must"
        await journal.close()
        assert path.stat().st_size < before / 2

    asyncio.run(story())


def test_a_checkpoint_that_was_changed_is_found(tmp_path: Path) -> None:
    async def story() -> None:
        journal, fence = await _filled(tmp_path / "j", _entries())
        while await _step(journal, fence):
            pass
        first = (await journal.entries(limit=1))[0][0]
        with journal._session.changing() as connection:
            connection.exec_driver_sql("UPDATE checkpoints SET digest = 'x'")
        assert f"the checkpoint at sequence {first} is not" in await journal.verify_chain()
        await journal.close()

    asyncio.run(story())


def test_a_beginning_that_nobody_vouches_for_is_damage(tmp_path: Path) -> None:
    async def story() -> None:
        journal, _ = await _filled(tmp_path / "j", _entries())
        with journal._session.changing() as connection:
            connection.exec_driver_sql("DELETE FROM entries WHERE seq < 100")
        assert "sequence 1 is missing" in await journal.verify_chain()
        await journal.close()

    asyncio.run(story())
