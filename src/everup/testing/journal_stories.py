"""The promises of the Journal port, each as a story told in a `JournalLab`.

Flows in: a lab. Flows out: AssertionError where a journal breaks its promise. The list of all, with
their names, stands in `journal_cases`.
"""

from __future__ import annotations

import asyncio

from everup.loop.fold import fold_all
from everup.loop.ports import Journal
from everup.model import entries as e
from everup.model.errors import Contradiction, FenceLost, JournalUnavailable
from everup.model.evidence import OutcomeState
from everup.model.incident import IncidentState
from everup.model.kinds import Cause
from everup.model.state import StackState
from everup.testing.journal_lab import (
    STACK,
    JournalLab,
    Tampering,
    finished,
    intended,
    is_same,
    refused_with,
    story,
    verified,
)


async def _opened(lab: JournalLab) -> tuple[Journal, int]:
    journal = lab.journal()
    return journal, await journal.open(STACK, "one")


async def _content(journal: Journal) -> list[e.Entry]:
    return [entry for _, _, entry in await journal.entries()]


def _froze(number: int) -> e.FreezeSet:
    return e.FreezeSet(float(number), f"scope-{number}", "why", "Ann")


async def begins_empty(lab: JournalLab) -> None:
    """A store that never was written to has no state and a whole chain."""
    journal, _ = await _opened(lab)
    assert is_same(await journal.load(), StackState())
    assert await journal.entries() == []
    assert await journal.incidents() == []
    assert await journal.incident("inc-1") is None
    assert await journal.actions() == []
    assert await journal.action("act-1") is None
    assert await journal.verify_chain() == ""


async def keeps_every_kind_of_entry(lab: JournalLab) -> None:
    """What is read is what was written, unknown numbers and strange texts too."""
    journal, fence = await _opened(lab)
    await journal.append(story(), fence)
    assert {type(entry) for entry in story()} == set(e.ENTRY_TYPES.values())
    assert is_same(await _content(journal), story())
    assert await journal.verify_chain() == ""


async def loads_what_the_entries_fold_into(lab: JournalLab) -> None:
    """After every entry, and again after it was closed and opened."""
    journal, fence = await _opened(lab)
    for number, entry in enumerate(story(), start=1):
        await journal.append([entry], fence)
        expected = fold_all(StackState(), story()[:number])
        assert is_same(await journal.load(), expected), f"after entry {number}"
    await journal.close()
    again, _ = await _opened(lab)
    assert is_same(await again.load(), fold_all(StackState(), story()))


async def survives_closing(lab: JournalLab) -> None:
    """Another journal over the same store goes on where the first one ended."""
    journal, fence = await _opened(lab)
    await journal.append([_froze(1)], fence)
    await journal.close()
    again, newer = await _opened(lab)
    await again.append([_froze(2)], newer)
    assert is_same(await _content(again), [_froze(1), _froze(2)])
    assert await again.verify_chain() == ""


async def pages_through_entries(lab: JournalLab) -> None:
    """In order, from anywhere, without gap or repetition."""
    journal, fence = await _opened(lab)
    await journal.append([_froze(n) for n in range(1, 8)], fence)
    seen: list[int] = []
    while page := await journal.entries(after=seen[-1] if seen else 0, limit=3):
        assert len(page) <= 3
        seen += [sequence for sequence, _, _ in page]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    digests = [digest for _, digest, _ in await journal.entries()]
    assert len(set(digests)) == 7


async def tells_the_story_of_one_incident(lab: JournalLab) -> None:
    """Its own entries and those of its actions, and no others."""
    journal, fence = await _opened(lab)
    await journal.append(story(), fence)
    found = [entry for _, _, entry in await journal.entries(incident_id="inc-1")]
    expected = [
        entry
        for entry in story()
        if getattr(entry, "incident_id", None) == "inc-1"
        or getattr(entry, "action_id", "") in ("act-1", "act-2")
    ]
    assert is_same(found, expected)
    assert await journal.entries(incident_id="inc-9") == []


async def refuses_an_old_fence(lab: JournalLab) -> None:
    """Whoever opened last writes; whoever opened before writes nothing at all."""
    first, old = await _opened(lab)
    await first.append([_froze(1)], old)
    second = lab.journal()
    new = await second.open(STACK, "two")
    assert new > old, "a fence only grows"
    with refused_with(FenceLost):
        await first.append([_froze(2)], old)
    with refused_with(FenceLost):
        await first.begin([intended("act-1", "db", 3.0, None)], old)
    with refused_with(FenceLost):
        await first.append([_froze(1)], old, batch_id="batch")
    await second.append([_froze(3)], new)
    assert is_same(await _content(second), [_froze(1), _froze(3)])


async def writes_a_batch_once(lab: JournalLab) -> None:
    """Repeating a batch after an answer was lost changes nothing and succeeds."""
    journal, fence = await _opened(lab)
    intent = [intended("act-1", "db", 3.0, None)]
    for _ in range(2):
        await journal.append([_froze(1), _froze(2)], fence, batch_id="one")
        await journal.begin(intent, fence, batch_id="two")
        await journal.append(intent, fence, batch_id="two")
    await journal.append([_froze(1)], fence)
    await journal.append([_froze(1)], fence)
    assert is_same(
        await _content(journal), [_froze(1), _froze(2), *intent, _froze(1), _froze(1)]
    ), "a batch without an id is written whenever it comes"


async def has_one_action_per_service(lab: JournalLab) -> None:
    """A second intent is refused whole until the first action has its end."""
    journal, fence = await _opened(lab)
    await journal.begin([intended("act-1", "db", 1.0, None)], fence)
    await _is_refused(journal, fence)
    await journal.append([finished("act-1", "db", 2.0, OutcomeState.UNKNOWN)], fence)
    await _is_refused(journal, fence)
    await journal.append([finished("act-1", "db", 3.0, OutcomeState.DONE)], fence)
    await _is_refused(journal, fence)
    await journal.append([verified("act-1", "db", 4.0, has_passed=True)], fence)
    await journal.begin([intended("act-2", "db", 5.0, None)], fence)
    await journal.begin([intended("act-3", "web", 5.0, None)], fence)
    await journal.append([finished("act-2", "db", 6.0, OutcomeState.FAILED)], fence)
    await journal.begin([intended("act-4", "db", 7.0, None)], fence)
    assert set((await journal.load()).in_flight) == {"db", "web"}


async def _is_refused(journal: Journal, fence: int) -> None:
    before = await _content(journal)
    with refused_with(Contradiction) as caught:
        await journal.begin([_froze(1), intended("act-9", "db", 9.0, None)], fence)
    assert "act-1" in str(caught[0]), "it says which action is in the way"
    assert is_same(await _content(journal), before), "nothing of the batch was written"


async def remembers_incidents(lab: JournalLab) -> None:
    """Newest first, ended ones with their attempts and their end, in pages and by state."""
    journal, fence = await _opened(lab)
    await journal.append(story(), fence)
    open_one = e.IncidentOpened(20.0, "inc-3", "api", Cause.HANG, "it hangs")
    await journal.append([open_one], fence)
    assert [i.id for i in await journal.incidents()] == ["inc-3", "inc-2", "inc-1"]
    assert [i.id for i in await journal.incidents(limit=1, before="inc-3")] == ["inc-2"]
    assert [i.id for i in await journal.incidents(state="escalated")] == ["inc-2"]
    assert [i.id for i in await journal.incidents(service="api")] == ["inc-3"]
    assert await journal.incidents(before="inc-9") == []
    healed = await journal.incident("inc-1")
    assert healed is not None
    assert [a.result for a in healed.attempts] == ["failed", "passed"]
    assert healed.attempts[0].error == "what was seen"
    assert (healed.state, healed.ending) == (IncidentState.RESOLVED, "healed")
    assert (healed.opened_at_s, healed.ended_at_s, healed.seen_at_s) == (2.0, 9.0, 1.4)
    assert (healed.cause, healed.victims) == (Cause.CRASH_LOOP, ("web", "api"))
    escalated = await journal.incident("inc-2")
    assert escalated is not None
    assert escalated.ending == "nothing helped"
    state = await journal.load()
    assert is_same(await journal.incident("inc-3"), state.incidents["inc-3"])


async def remembers_actions(lab: JournalLab) -> None:
    """Newest first, with intent, outcome, verdict and evidence."""
    journal, fence = await _opened(lab)
    await journal.append(story(), fence)
    await journal.begin([intended("act-3", "web", 20.0, None)], fence)
    assert [a.id for a in await journal.actions()] == ["act-3", "act-2", "act-1"]
    assert [a.id for a in await journal.actions(service="db", limit=1)] == ["act-2"]
    assert [a.id for a in await journal.actions(service="db", before="act-2")] == ["act-1"]
    assert [a.state for a in await journal.actions()] == ["acting", "verified", "failed"]
    done = await journal.action("act-2")
    assert done is not None
    assert (done.outcome, done.error, done.verdict) == ("done", "", "what was seen")
    assert (done.intended_at_s, done.finished_at_s, done.ended_at_s) == (7.0, 8.0, 9.0)
    intent = intended("act-2", "db", 7.0, "inc-1")
    assert is_same(done.before, intent.before)
    assert is_same(done.after, verified("act-2", "db", 9.0, has_passed=True).evidence.after)
    assert is_same(done.parameters, intent.step.parameters)
    assert done.during == ("stopping", "gone")
    assert (done.by, done.reason, done.incident_id) == ("everup", "db crashed", "inc-1")


async def finds_tampering(lab: JournalLab) -> None:
    """Nothing is wrong before; afterwards the first bad sequence is named."""
    await _tampered(lab, Tampering.CHANGED)


async def finds_removal(lab: JournalLab) -> None:
    """A missing entry is noticed, though each of the others is whole."""
    await _tampered(lab, Tampering.REMOVED)


async def finds_reordering(lab: JournalLab) -> None:
    """Two entries that changed places are noticed."""
    await _tampered(lab, Tampering.SWAPPED)


async def _tampered(lab: JournalLab, how: Tampering) -> None:
    journal, fence = await _opened(lab)
    await journal.append([_froze(n) for n in range(1, 8)], fence)
    assert await journal.verify_chain() == ""
    lab.tamper(4, how)
    assert "sequence 4" in await journal.verify_chain()


async def says_when_it_cannot_write(lab: JournalLab) -> None:
    """A write that fails leaves nothing behind, and the next one works once the cause is gone."""
    journal, fence = await _opened(lab)
    await journal.append([_froze(1)], fence, batch_id="one")
    with lab.unavailable():
        for _ in range(2):
            with refused_with(JournalUnavailable) as caught:
                await journal.append([_froze(2), _froze(3)], fence, batch_id="two")
            assert str(caught[0]), "it says why"
    assert is_same(await _content(journal), [_froze(1)])
    await journal.append([_froze(2), _froze(3)], fence, batch_id="two")
    assert is_same(await _content(journal), [_froze(1), _froze(2), _froze(3)])
    assert await journal.verify_chain() == ""


async def a_cancelled_write_is_whole_or_nothing(lab: JournalLab) -> None:
    """Whichever it was, repeating the batch leaves it written once."""
    journal, fence = await _opened(lab)
    expected: list[e.Entry] = []
    for number in range(5):
        batch = [_froze(10 * number), _froze(10 * number + 1)]
        writing = asyncio.ensure_future(journal.append(batch, fence, batch_id=f"batch-{number}"))
        for _ in range(number):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        now = await _content(journal)
        assert is_same(now, expected) or is_same(now, [*expected, *batch]), "it is half written"
        await journal.append(batch, fence, batch_id=f"batch-{number}")
        expected += batch
        assert is_same(await _content(journal), expected)
    assert await journal.verify_chain() == ""
