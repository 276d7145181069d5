"""What `everup up` tells: every entry once, and no question to the journal while nothing is new."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from everup.cli import events
from everup.model import entries as e
from everup.model import words
from everup.model.decision import Expectation, Step
from everup.model.entries import Entry, FreezeSet
from everup.model.errors import JournalUnavailable
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Origin


class _Journal:
    def __init__(self) -> None:
        self.held: list[tuple[int, str, Entry]] = []
        self.asked = 0
        self.is_down = False

    def add(self) -> None:
        number = len(self.held) + 1
        self.held.append((number, "", FreezeSet(0.0, f"scope-{number}", "why", "Ann")))

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]:
        self.asked += 1
        if self.is_down:
            raise JournalUnavailable("the disk is full")
        return self.held[after : after + limit]


def test_it_reads_when_there_is_news_and_only_then() -> None:
    journal, said = _Journal(), list[str]()

    async def story() -> None:
        news = asyncio.Event()
        telling = asyncio.create_task(events.tell(journal, 0, said.append, news))
        await asyncio.sleep(0.02)
        assert (journal.asked, said) == (1, [])
        journal.add()
        journal.add()
        news.set()
        await asyncio.sleep(0.02)
        assert [line.split()[2] for line in said] == ["scope-1", "scope-2"]
        asked = journal.asked
        await asyncio.sleep(0.05)
        assert journal.asked == asked
        journal.is_down = True
        journal.add()
        news.set()
        await asyncio.sleep(0.02)
        journal.is_down = False
        await asyncio.sleep(events.AGAIN_AFTER_S + 0.1)
        assert len(said) == 3
        telling.cancel()

    asyncio.run(story())


CASE = "it: crash_loop. died. Attempt 1: container_restart failed."
STEP = Step(ActionKind.CONTAINER_RESTART, "it")


def begun(condition: str) -> Entry:
    before = Sighting(1.0, condition=condition)
    origin, cause = Origin.RECOVERY, Cause.CRASH
    return e.Intended(
        1.0, "a", "i", "k", origin, cause, STEP, "died", before, Expectation("it", 9.0)
    )


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            e.IncidentOpened(1.0, "i", "it", Cause.CRASH_LOOP, "died"),
            "incident it: it kept crashing: died",
        ),
        (begun("down"), "action it: start by everup, because died"),
        (begun("unhealthy"), "action it: restart by everup, because died"),
        (
            e.IncidentEscalated(1.0, "i", "it", CASE),
            "a person is needed: it: crash loop. died. Attempt 1: restart failed.",
        ),
        (
            e.IncidentResolved(1.0, "i", "it", "healed by graceful_restart (act-1), verified"),
            "resolved it: healed by graceful restart (act-1), verified",
        ),
    ],
)
def test_a_person_reads_words_and_no_terms(entry: Entry, says: str) -> None:
    assert (events.line(entry) or "").endswith(says)


@pytest.mark.parametrize("term", [*ActionKind, *Cause])
def test_no_term_is_left_in_a_sentence(term: str) -> None:
    assert "_" not in words.plain(f"after {term}, nothing")
    assert "_" not in words.named(term)


def test_what_ends_a_blindness_is_told_once() -> None:
    whole = e.MonitorFaultSeen(0.0, "the engine does not answer; ends when it does", "when it does")
    assert str(events.line(whole)).endswith(f"blind, nothing is done: {whole.fault}")
    short = e.MonitorFaultSeen(0.0, "the loop failed", "a look passes")
    assert str(events.line(short)).endswith(f": {short.fault}; ends when a look passes")
