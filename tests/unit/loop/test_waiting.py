"""What waits while the journal cannot be written: bounded, and nothing that counts is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from everup.loop.book import PATIENCE, Book
from everup.loop.fold import EXITS_MOST, fold_all
from everup.loop.waiting import Waiting
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.errors import Contradiction, JournalUnavailable, TryAgain
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Origin, Purpose
from everup.model.observation import Exit
from everup.model.state import Phase, StackState
from tests.unit.builders import SETTINGS, service, stack
from tests.unit.loop.small_world import Ids, Journal, World, until

FEW = replace(SETTINGS, pending_entries_most=8)
OPENED = e.IncidentOpened(1.0, "inc-1", "a", Cause.CRASH, "died")
INTENT = e.Intended(
    2.0,
    "act-1",
    "inc-1",
    "k",
    Origin.RECOVERY,
    Cause.CRASH,
    Step(ActionKind.START, "a"),
    "why",
    Sighting(2.0),
    Expectation("a", 60.0),
)
FINISHED = e.Finished(3.0, "act-1", "a", OutcomeState.DONE)


def answer(number: int, key: str = "k") -> e.GateAnswered:
    return e.GateAnswered(float(number), key, "a", "start", "delayed", "freeze", f"{number}")


def death(number: int) -> e.ExitSeen:
    return e.ExitSeen(float(number), "a", "a-0", Exit(float(number), 1))


def freeze(number: int) -> e.FreezeSet:
    return e.FreezeSet(float(number), "", f"{number}", "ann")


def test_only_what_later_entries_replace_is_left_out() -> None:
    waiting = Waiting(8)
    story: list[e.Entry] = [OPENED, INTENT, FINISHED]
    waiting.put("b", story)
    for number in range(50):
        both: list[e.Entry] = [answer(number), answer(number, "other"), death(number)]
        story += both
        if not waiting.is_full:
            waiting.put(f"b{number}", both)
    assert not waiting.is_full
    kept = list(waiting)
    assert kept[:3] == [OPENED, INTENT, FINISHED]
    assert waiting.shed > 0
    assert fold_all(StackState(), kept).in_flight == fold_all(StackState(), story).in_flight


def test_deaths_that_the_state_still_counts_stay_while_there_is_room() -> None:
    waiting = Waiting(20)
    for number in range(200):
        assert not waiting.is_full
        waiting.put(f"b{number}", [death(number)])
    assert len([x for x in waiting if isinstance(x, e.ExitSeen)]) >= EXITS_MOST


def test_a_batch_that_may_be_written_stays_as_it_is() -> None:
    waiting = Waiting(4)
    waiting.put("first", [answer(0)])
    assert waiting.first() == ("first", (answer(0),))
    for number in range(1, 20):
        assert not waiting.is_full
        waiting.put(f"b{number}", [answer(number)])
    assert waiting.first() == ("first", (answer(0),))


def opened_book(journal: Any) -> Book:
    return Book(journal, FEW, Ids())


def test_when_nothing_more_can_wait_a_look_takes_nothing_and_loses_nothing() -> None:
    async def story() -> None:
        journal = Journal()
        book = opened_book(journal)
        await book.open("s", "me")
        journal.fault = "the disk is full"
        for number in range(FEW.pending_entries_most):
            await book.write([freeze(number)])
        before = book.state
        await book.write([OPENED])
        assert book.state is before
        await book.write([FINISHED])
        for number in range(100, 100 + FEW.pending_entries_most - 1):
            await book.write([freeze(number)])
        with pytest.raises(TryAgain, match="the disk is full"):
            await book.write([freeze(999)])
        assert book.waiting == PATIENCE * FEW.pending_entries_most
        journal.fault = ""
        await book.write([OPENED])
        await book.write([OPENED])
        assert (book.waiting, book.shed, book.fault) == (0, 0, "")
        assert len(journal.of(e.FreezeSet)) == 2 * FEW.pending_entries_most - 1
        assert len(journal.of(e.Finished)) == 1
        assert repr(fold_all(StackState(), journal.kept)) == repr(book.state)

    asyncio.run(story())


def test_a_contradiction_is_not_taken_for_another_controller() -> None:
    """The journal has an action in flight that the memory has lost."""

    class Knows(Journal):
        async def begin(self, entries: Any, fence: int, *, batch_id: str = "") -> None:
            raise Contradiction("a already has act-1 in flight (acting); act-2 was not begun")

    async def story() -> None:
        journal = Knows([OPENED, INTENT])
        book = opened_book(journal)
        assert not await book.write_intent(replace(INTENT, action_id="act-2"))
        assert book.lost_leadership == ""
        assert book.state.in_flight["a"].action_id == "act-1"

    asyncio.run(story())


def test_an_action_that_only_the_journal_knew_is_settled_by_looking() -> None:
    class Knows(Journal):
        is_hidden = True

        async def load(self) -> StackState:
            return StackState() if self.is_hidden else await super().load()

        async def begin(self, entries: Any, fence: int, *, batch_id: str = "") -> None:
            if self.is_hidden:
                self.is_hidden = False
                self.kept += [OPENED, replace(INTENT, at_s=entries[-1].at_s)]
                raise Contradiction("a already has act-1 in flight")
            await super().begin(entries, fence, batch_id=batch_id)

    async def story() -> None:
        world = World(stack(service("a")))
        world.journal = Knows()
        world.runtime.run("a")
        world.runtime.end("a", Exit(world.clock.now(), 1))
        async with world.life() as control:
            await until(lambda: bool(world.journal.of(e.Finished)))
            assert control.halted == ""
            flight = control.state.in_flight.get("a")
            assert flight is None or flight.phase is Phase.VERIFYING or flight.action_id != "act-1"

    asyncio.run(story())


def test_what_contradicts_the_journal_for_good_halts_with_its_own_words() -> None:
    async def story() -> None:
        world = World(stack(service("a")))
        world.runtime.run("a")
        async with world.life() as control:
            world.journal.raises = Contradiction("it is the same action twice")
            await control.write([e.PurposeSet(1.0, "a", Purpose.RUN, "ann")])
            assert "restart Everup" in control.halted
            assert control.halted in control.cannot_act()

    asyncio.run(story())


def test_an_ambiguous_intent_keeps_its_batch() -> None:
    class Loses(Journal):
        async def begin(self, entries: Any, fence: int, *, batch_id: str = "") -> None:
            self.fault = "no answer in time"
            raise JournalUnavailable(self.fault)

    async def story() -> None:
        book = opened_book(Loses())
        assert not await book.write_intent(INTENT)
        for number in range(40):
            await book.write([answer(number)])
        assert [type(x) for x in book._pending][:2] == [e.Intended, e.Finished]

    asyncio.run(story())
