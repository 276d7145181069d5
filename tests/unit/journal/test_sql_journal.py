"""The journal on a real file and in memory: chain, fence, one in flight, batches, faults."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from everup.app.live import BootClock
from everup.journal import SqlJournal, open_journal
from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.errors import AskAHuman, Contradiction, FenceLost, JournalUnavailable
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Origin, Purpose
from everup.model.observation import Exit
from everup.model.state import StackState

INTENT = e.Intended(
    3.0,
    "act-1",
    "inc-1",
    "k",
    Origin.RECOVERY,
    Cause.CRASH,
    Step(ActionKind.CONTAINER_RESTART, "a", {"grace_s": 1.5, "may_kill": True}),
    "why",
    Sighting(3.0, logs=("x",)),
    Expectation("a", 60.0, dependents_before={"b": 0.5}),
)
STORY: list[e.Entry] = [
    e.ControllerStarted(1.0, "0", "d"),
    e.PurposeSet(1.0, "b", Purpose.STOPPED, "ann"),
    e.ExitSeen(1.5, "a", "a-0", Exit(1.4, None)),
    e.IncidentOpened(2.0, "inc-1", "a", Cause.CRASH, "died", ("b",)),
    e.FreezeSet(2.0, "b", "backup", "ann"),
    INTENT,
    e.Finished(4.0, "act-1", "a", OutcomeState.DONE, during=("log",)),
    e.Verified(9.0, "act-1", "a", True, "well", Evidence(Sighting(3.0), after=Sighting(9.0))),
    e.IncidentResolved(9.0, "inc-1", "a", "healed"),
]


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'j.sqlite3'}"


async def opened(folder: Path, **options: object) -> tuple[SqlJournal, int]:
    journal = open_journal(url(folder), clock=BootClock(), **options)  # type: ignore[arg-type]
    return journal, await journal.open("s", "me")


def test_state_survives_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        journal, fence = await opened(tmp_path)
        await journal.append(STORY, fence)
        await journal.close()
        again, _ = await opened(tmp_path)
        assert repr(await again.load()) == repr(fold_all(StackState(), STORY))
        assert await again.verify_chain() == ""
        incident = await again.incident("inc-1")
        assert incident is not None
        assert incident.attempts[0].result == "passed"
        action = await again.action("act-1")
        assert action is not None
        assert (action.state, action.during) == ("verified", ("log",))
        assert len(await again.entries(incident_id="inc-1")) == 5
        await again.close()

    asyncio.run(story())


def test_a_batch_is_written_once_and_a_fence_is_final(tmp_path: Path) -> None:
    async def story() -> None:
        journal, fence = await opened(tmp_path)
        for _ in range(3):
            await journal.append(STORY[:1], fence, batch_id="b")
        assert len(await journal.entries()) == 1
        other, newer = await opened(tmp_path)
        assert newer == fence + 1
        with pytest.raises(FenceLost):
            await journal.append(STORY[:1], fence)
        await other.append(STORY[:1], newer)
        await journal.close()
        await other.close()

    asyncio.run(story())


def test_one_action_in_flight_per_service(tmp_path: Path) -> None:
    async def story() -> None:
        journal, fence = await opened(tmp_path)
        await journal.begin([INTENT], fence)
        with pytest.raises(Contradiction, match="act-1"):
            await journal.begin([INTENT], fence)
        failed = e.Finished(4.0, "act-1", "a", OutcomeState.FAILED, error="no")
        await journal.append([failed], fence)
        assert len(await journal.entries()) == 2
        await journal.close()

    asyncio.run(story())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET payload='{}' WHERE seq=3",
        "DELETE FROM entries WHERE seq=4",
        "UPDATE entries SET prev_hash='x' WHERE seq=9",
    ],
)
def test_tampering_is_found(tmp_path: Path, damage: str) -> None:
    async def story() -> str:
        journal, fence = await opened(tmp_path)
        await journal.append(STORY, fence)
        await journal.close()
        raw = sqlite3.connect(tmp_path / "j.sqlite3")
        raw.execute(damage)
        raw.commit()
        raw.close()
        again = open_journal(url(tmp_path), clock=BootClock())
        try:
            await again.open("s", "me")
            return await again.verify_chain()
        except AskAHuman as error:
            return str(error)
        finally:
            await again.close()

    assert "sequence" in asyncio.run(story())


def test_a_locked_database_says_so_and_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        journal, fence = await opened(tmp_path, timeout_s=10.0)
        lock = sqlite3.connect(tmp_path / "j.sqlite3", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalUnavailable, match="locked"):
            await journal.append(STORY[:1], fence, batch_id="b")
        lock.execute("ROLLBACK")
        lock.close()
        await journal.append(STORY[:1], fence, batch_id="b")
        assert await journal.verify_chain() == ""
        await journal.close()

    asyncio.run(story())
