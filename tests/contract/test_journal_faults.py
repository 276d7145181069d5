"""A journal on a disk that fails: it says why, leaves nothing half-written, and works again after.

The faults are real: a full database, a file-size limit, locks, permissions, missing folders, files
that vanish and files that are garbage.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from everup.journal import SqlJournal, open_journal
from everup.model import entries as e
from everup.model.errors import AskAHuman, JournalUnavailable
from tests.contract.journal_labs import WallOfTheLab

STACK = "lab"


def froze(number: int, reason: str = "why") -> e.FreezeSet:
    return e.FreezeSet(float(number), f"scope-{number}", reason, "Ann")


def exists(path: Path) -> bool:
    return path.exists()


ROOMY_S = 2.0
"""Half of it goes to waiting for a lock; a starved machine needs the rest to say so."""


def journal_in(path: Path, *, inline: bool = True, timeout_s: float = 0.4) -> SqlJournal:
    return open_journal(
        f"sqlite:///{path}", clock=WallOfTheLab(), inline=inline, timeout_s=timeout_s
    )


def told(
    path: Path,
    story: Callable[[SqlJournal], Awaitable[None]],
    *,
    inline: bool = True,
    timeout_s: float = 0.4,
) -> None:
    """Run the story with a journal at this path, closed at the end."""

    async def to_the_end() -> None:
        journal = journal_in(path, inline=inline, timeout_s=timeout_s)
        try:
            await story(journal)
        finally:
            await journal.close()

    asyncio.run(to_the_end())


async def is_whole(journal: SqlJournal, numbers: list[int]) -> None:
    """Just these entries are there, and the chain holds."""
    assert [seen.at_s for _, _, seen in await journal.entries()] == [float(n) for n in numbers]
    assert await journal.verify_chain() == ""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite3"


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_a_full_database(path: Path, inline: bool) -> None:
    async def story(journal: SqlJournal) -> None:
        fence = await journal.open(STACK, "one")
        await journal.append([froze(1)], fence)
        with journal._session.reading() as connection:
            raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(JournalUnavailable, match="disk is full"):
            await journal.append([froze(2), froze(3, "x" * 100_000)], fence, batch_id="b")
        await journal.append([froze(2), froze(3, "x" * 100_000)], fence, batch_id="b")
        await is_whole(journal, [1, 2, 3])

    told(path, story, inline=inline)


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from everup.model.errors import JournalUnavailable
from tests.contract.test_journal_faults import STACK, froze, is_whole, journal_in

async def story():
    path = Path(sys.argv[1])
    journal = journal_in(path)
    fence = await journal.open(STACK, "one")
    await journal.append([froze(1)], fence)
    written = max(found.stat().st_size for found in path.parent.iterdir())
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (written + 10_000, unlimited[1]))
    big = [froze(2), froze(3, "x" * 1_000_000)]
    for _ in range(2):
        try:
            await journal.append(big, fence, batch_id="b")
        except JournalUnavailable as error:
            print(error)
        else:
            raise AssertionError("the disk took it")
    await is_whole(journal, [1])
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    await journal.append(big, fence, batch_id="b")
    await is_whole(journal, [1, 2, 3])
    await journal.close()
    again = journal_in(path)
    await again.open(STACK, "two")
    await is_whole(again, [1, 2, 3])
    await again.close()

asyncio.run(story())
"""


def test_a_disk_that_takes_no_more(path: Path) -> None:
    """A limit on the size of files, which the kernel enforces in the middle of the write."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("the disk reports an error") == 2


@pytest.mark.parametrize("inline", [True, False], ids=["inline", "thread"])
def test_a_lock(path: Path, inline: bool) -> None:
    async def story(journal: SqlJournal) -> None:
        fence = await journal.open(STACK, "one")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            for _ in range(2):
                with pytest.raises(JournalUnavailable, match="locked"):
                    await journal.append([froze(1)], fence)
            assert await journal.entries() == [], "reading goes on"
            other.execute("ROLLBACK")
        await journal.append([froze(2)], fence)
        await is_whole(journal, [2])

    told(path, story, inline=inline, timeout_s=ROOMY_S)


def test_a_lock_while_opening(path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA journal_mode=WAL")
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(JournalUnavailable, match="locked"):
                await journal.open(STACK, "one")
            other.execute("ROLLBACK")
        await journal.append([froze(1)], await journal.open(STACK, "one"))

    told(path, story)


def test_a_missing_folder(tmp_path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        with pytest.raises(JournalUnavailable, match="No such file or directory"):
            await journal.open(STACK, "one")
        (tmp_path / "later").mkdir()
        await journal.append([froze(1)], await journal.open(STACK, "one"))
        await is_whole(journal, [1])

    told(tmp_path / "later" / "journal.sqlite3", story)


def test_a_file_that_vanishes_and_comes_back(path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        fence = await journal.open(STACK, "one")
        await journal.append([froze(1)], fence)
        aside = path.with_name("aside")
        shutil.move(path, aside)
        for _ in range(2):
            with pytest.raises(JournalUnavailable):
                await journal.append([froze(2)], fence)
        assert not exists(path), "no new journal is begun in silence"
        shutil.move(aside, path)
        await journal.append([froze(3)], fence)
        await is_whole(journal, [1, 3])

    told(path, story)


def test_a_file_that_is_replaced_by_another_journal(path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        fence = await journal.open(STACK, "one")
        await journal.append([froze(1)], fence)
        other = journal_in(path.with_name("other"))
        await other.open("another stack", "two")
        await other.close()
        path.with_name("other").replace(path)
        for left in ("journal.sqlite3-wal", "journal.sqlite3-shm"):
            path.with_name(left).unlink(missing_ok=True)
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="replaced"):
                await journal.append([froze(2)], fence)

    told(path, story)


def test_a_read_only_database(path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        fence = await journal.open(STACK, "one")
        with journal._session.reading() as connection:
            connection.exec_driver_sql("PRAGMA query_only=ON")
        with pytest.raises(JournalUnavailable, match="read-only"):
            await journal.append([froze(1)], fence)
        await journal.append([froze(2)], fence)
        await is_whole(journal, [2])

    told(path, story)


@pytest.mark.parametrize("content", [b"this is no database at all, and long enough" * 100])
def test_garbage_instead_of_a_database(path: Path, content: bytes) -> None:
    path.write_bytes(content)

    async def story(journal: SqlJournal) -> None:
        with pytest.raises(AskAHuman, match="Restore it from a copy, or move it away"):
            await journal.open(STACK, "one")

    told(path, story)
    assert path.read_bytes() == content, "it is left as it was found"


def filled(path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        fence = await journal.open(STACK, "one")
        await journal.append([froze(n, "x" * 500) for n in range(1, 201)], fence)

    told(path, story)


def test_a_database_with_a_hole(path: Path) -> None:
    filled(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xff" * (size // 2))

    async def story(journal: SqlJournal) -> None:
        await journal.open(STACK, "one")
        await journal.load()

    with pytest.raises(AskAHuman, match="damaged"):
        told(path, story)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE entries SET payload = '{}' WHERE seq = 150", "sequence 150 was changed"),
        ("DELETE FROM entries WHERE seq = 200", "sequence 200 is missing"),
        ("DELETE FROM entries", "is missing"),
        ("UPDATE leases SET head_hash = 'x'", "sequence 200 is not the one"),
        ("UPDATE leases SET head_seq = 190", "sequence 200 was added behind the end"),
        ("DELETE FROM leases", "sequence 200 was added behind the end"),
    ],
)
def test_a_chain_that_ends_wrong_is_not_opened(path: Path, damage: str, found: str) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(damage)

    async def story(journal: SqlJournal) -> None:
        with pytest.raises(AskAHuman, match=found):
            await journal.open(STACK, "one")

    told(path, story)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("UPDATE entries SET payload = '{}' WHERE seq = 7", "sequence 7 was changed"),
        ("DELETE FROM entries WHERE seq = 7", "sequence 7 is missing"),
    ],
)
def test_a_chain_that_is_broken_further_back_is_not_loaded(
    path: Path, damage: str, found: str
) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(damage)

    async def story(journal: SqlJournal) -> None:
        await journal.open(STACK, "one")
        with pytest.raises(AskAHuman, match=found):
            await journal.load()
        assert found in await journal.verify_chain()

    told(path, story)


def test_relabelled_entries_are_found(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE entries SET incident_id = 'inc-1' WHERE seq = 7")

    async def story(journal: SqlJournal) -> None:
        await journal.open(STACK, "one")
        assert "sequence 7 was relabelled: incident_id" in await journal.verify_chain()

    told(path, story)


def test_an_entry_of_a_newer_version_is_named(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE entries SET kind = 'Teleported' WHERE seq = 1")

    async def story(journal: SqlJournal) -> None:
        await journal.open(STACK, "one")
        with pytest.raises(JournalUnavailable, match="Teleported is no entry that this version"):
            await journal.entries()

    told(path, story)


def test_the_file_is_its_owners_alone(path: Path) -> None:
    filled(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_commit_is_synced_and_others_may_read(path: Path) -> None:
    async def story(journal: SqlJournal) -> None:
        await journal.open(STACK, "one")
        with journal._session.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"

    told(path, story)


def test_a_copy_taken_after_closing_is_whole(path: Path) -> None:
    filled(path)
    copy = path.with_name("copy.sqlite3")
    shutil.copyfile(path, copy)

    async def story(journal: SqlJournal) -> None:
        await journal.open(STACK, "one")
        assert len(await journal.entries()) == 200
        assert await journal.verify_chain() == ""

    told(copy, story)
