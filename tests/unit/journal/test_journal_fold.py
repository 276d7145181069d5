"""What the journal loads is the fold of what was written, however it was kept in between."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.journal import SqlJournal
from everup.journal.checkpoints import CHECKPOINTS_KEPT
from everup.loop.fold import fold_all
from everup.model.entries import Entry, PurposeSet
from everup.model.kinds import Purpose
from everup.model.state import StackState
from everup.testing.journal_lab import is_same, story
from tests.contract.journal_labs import WallOfTheLab
from tests.unit.journal.histories import histories

STACK = "s"


def in_memory(*, checkpoint_every: int = 10_000) -> SqlJournal:
    return SqlJournal(
        "sqlite://", clock=WallOfTheLab(), inline=True, checkpoint_every=checkpoint_every
    )


def told(journal: SqlJournal, story: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(story)
    finally:
        journal.dispose()


@settings(max_examples=40, deadline=None)
@given(histories(), st.sampled_from([1, 3, 10_000]))
def test_load_is_the_fold(entries: list[Entry], checkpoint_every: int) -> None:
    journal = in_memory(checkpoint_every=checkpoint_every)

    async def told_here() -> None:
        fence = await journal.open(STACK, "one")
        for start in range(0, len(entries), 2):
            await journal.append(entries[start : start + 2], fence, batch_id=f"b{start}")
        expected = fold_all(StackState(), entries)
        assert is_same(await journal.load(), expected)
        await journal.close()
        await journal.open(STACK, "two")
        found = await journal.load()
        assert is_same(found, expected)
        assert list(found.incidents) == list(expected.incidents)
        assert list(found.in_flight) == list(expected.in_flight)
        assert await journal.verify_chain() == ""

    told(journal, told_here())


@settings(max_examples=40, deadline=None)
@given(histories())
def test_projections_agree_with_the_fold(entries: list[Entry]) -> None:
    journal = in_memory()

    async def told_here() -> None:
        await journal.append(entries, await journal.open(STACK, "one"))
        state = fold_all(StackState(), entries)
        still_open = await journal.incidents(state="open")
        assert {i.id for i in still_open} == set(state.incidents)
        for incident in still_open:
            assert is_same(incident, state.incidents[incident.id])
        flights = {f.action_id: f.phase for f in state.in_flight.values()}
        records = await journal.actions()
        assert {a.id: a.state for a in records if a.ended_at_s is None} == flights
        for service in state.services.values():
            for past in service.past:
                record = await journal.action(past.action_id)
                assert record is not None
                assert (record.state == "verified") is past.has_passed
                assert record.ended_at_s == past.ended_at_s

    told(journal, told_here())


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE checkpoints SET version = 'another'",
        "UPDATE checkpoints SET state = '{}'",
        "UPDATE checkpoints SET state = 'garbage'",
        "UPDATE checkpoints SET chain_hash = 'another'",
        "UPDATE checkpoints SET digest = ''",
        "UPDATE checkpoints SET state = '{}' WHERE seq = (SELECT max(seq) FROM checkpoints)",
        "DELETE FROM checkpoints",
    ],
)
def test_a_bad_checkpoint_is_not_believed(damage: str) -> None:
    journal, entries = in_memory(checkpoint_every=4), story()

    async def told_here() -> None:
        fence = await journal.open(STACK, "one")
        for entry in entries:
            await journal.append([entry], fence)
        with journal._session.changing() as connection:
            connection.exec_driver_sql(damage)
        assert is_same(await journal.load(), fold_all(StackState(), entries))

    told(journal, told_here())


def test_a_few_checkpoints_are_kept_and_folded_from() -> None:
    journal = in_memory(checkpoint_every=4)

    async def told_here() -> None:
        fence = await journal.open(STACK, "one")
        entries = list(_many(50))
        for entry in entries:
            await journal.append([entry], fence)
        with journal._session.changing() as connection:
            held = connection.exec_driver_sql("SELECT seq FROM checkpoints ORDER BY seq").all()
            assert [row.seq for row in held] == [40, 44, 48]
            assert len(held) == CHECKPOINTS_KEPT
            connection.exec_driver_sql("UPDATE entries SET payload = '{}' WHERE seq < 40")
        assert is_same(await journal.load(), fold_all(StackState(), entries))

    told(journal, told_here())


def _many(count: int) -> list[Entry]:
    return [PurposeSet(float(n), f"s{n % 5}", Purpose.STOPPED, "Ann") for n in range(count)]
