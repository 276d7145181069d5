"""The promises of the Journal port about staying bounded, each as a story told in a `JournalLab`.

Flows in: a lab. Flows out: AssertionError where a journal breaks its promise. Listed in
`journal_cases` with the others.
"""

from __future__ import annotations

from everup.loop.ports import Journal
from everup.model import entries as e
from everup.model.errors import FenceLost, JournalUnavailable
from everup.model.evidence import OutcomeState
from everup.model.kinds import Cause
from everup.testing.journal_lab import (
    STACK,
    JournalLab,
    Tampering,
    finished,
    intended,
    is_same,
    refused_with,
    story,
)

BATCH, BATCHES = 500, 6
STEPS_MOST = 100
LATER_S = 1e6
NO_BOUND = 1e15


def _froze(number: int) -> e.FreezeSet:
    return e.FreezeSet(100.0 + number, f"scope-{number % 5}", "why", "Ann")


async def _filled(lab: JournalLab) -> tuple[Journal, int]:
    """A story, then thousands of entries about next to nothing."""
    journal = lab.journal()
    fence = await journal.open(STACK, "one")
    await journal.append(story(), fence)
    for start in range(0, BATCH * BATCHES, BATCH):
        await journal.append([_froze(start + n) for n in range(BATCH)], fence)
    return journal, fence


async def _pruned(
    journal: Journal, fence: int, *, before_s: float = LATER_S, bytes_most: float = NO_BOUND
) -> int:
    """The sequence of the first entry that is left."""
    for _ in range(STEPS_MOST):
        if not await journal.prune(fence, before_s=before_s, bytes_most=bytes_most):
            return (await journal.entries(limit=1))[0][0]
    raise AssertionError(f"pruning does not end within {STEPS_MOST} steps")


async def leaves_what_is_within_bounds(lab: JournalLab) -> None:
    """Nothing is old, nothing too large: nothing goes."""
    journal, fence = await _filled(lab)
    assert await _pruned(journal, fence, before_s=0.0) == 1
    assert await journal.action("act-1") is not None


async def forgets_what_is_old(lab: JournalLab) -> None:
    """Old entries and the records that ended go; the state and the rest of the chain stay."""
    journal, fence = await _filled(lab)
    before = await journal.load()
    (last, _, newest) = (await journal.entries(after=BATCH * BATCHES))[-1]
    assert await _pruned(journal, fence) > 1
    assert is_same(await journal.load(), before)
    assert await journal.verify_chain() == ""
    assert await journal.incident("inc-1") is None
    assert await journal.action("act-1") is None
    assert is_same((await journal.entries(after=last - 1, limit=1))[0][2], newest)
    await journal.append([_froze(1)], fence)
    await journal.close()
    again = lab.journal()
    fence = await again.open(STACK, "one")
    assert is_same(dict((await again.load()).freezes).keys(), dict(before.freezes).keys())
    assert await again.verify_chain() == ""
    await again.append([_froze(2)], fence)


async def forgets_when_it_is_large(lab: JournalLab) -> None:
    """Over its size the oldest goes, whatever its age, and no more than is needed for ever."""
    journal, fence = await _filled(lab)
    before = await journal.load()
    assert await _pruned(journal, fence, before_s=0.0, bytes_most=1.0) > 1
    assert is_same(await journal.load(), before)
    assert await journal.verify_chain() == ""


async def keeps_what_is_open(lab: JournalLab) -> None:
    """An open incident with its entries, an action in flight, a purpose: they stay for ever."""
    journal = lab.journal()
    fence = await journal.open(STACK, "one")
    await journal.append(story(), fence)
    opened = e.IncidentOpened(20.0, "inc-open", "api", Cause.HANG, "it hangs")
    await journal.append([_froze(n) for n in range(BATCH)], fence)
    await journal.begin([opened, intended("act-open", "api", 21.0, "inc-open")], fence)
    await journal.append([finished("act-open", "api", 22.0, OutcomeState.DONE)], fence)
    for start in range(0, BATCH * BATCHES, BATCH):
        await journal.append([_froze(start + n) for n in range(BATCH)], fence)
    before = await journal.load()
    assert await _pruned(journal, fence, bytes_most=1.0) > 1
    assert is_same(await journal.load(), before)
    assert is_same(await journal.incident("inc-open"), before.incidents["inc-open"])
    assert await journal.action("act-open") is not None
    kept = [entry for _, _, entry in await journal.entries(incident_id="inc-open")]
    assert [type(entry) for entry in kept] == [e.IncidentOpened, e.Intended, e.Finished]


async def finds_tampering_after_pruning(lab: JournalLab) -> None:
    """What is left is proven as before, and so is where it begins."""
    journal, fence = await _filled(lab)
    first = await _pruned(journal, fence)
    lab.tamper(first, Tampering.REMOVED)
    assert str(first) in await journal.verify_chain()


async def prunes_for_the_holder_alone(lab: JournalLab) -> None:
    """An earlier holder removes nothing any more."""
    journal, old = await _filled(lab)
    fence = await lab.journal().open(STACK, "two")
    assert fence > old
    with refused_with(FenceLost):
        await journal.prune(old, before_s=LATER_S, bytes_most=1.0)


async def prunes_whole_steps_or_nothing(lab: JournalLab) -> None:
    """A step that cannot be written changes nothing, and the next one goes on."""
    journal, fence = await _filled(lab)
    before = await journal.load()
    for _ in range(3):
        with lab.unavailable(), refused_with(JournalUnavailable):
            await journal.prune(fence, before_s=LATER_S, bytes_most=NO_BOUND)
        assert await journal.verify_chain() == ""
        assert is_same(await journal.load(), before)
        await journal.prune(fence, before_s=LATER_S, bytes_most=NO_BOUND)
    assert await _pruned(journal, fence) > 1
    assert is_same(await journal.load(), before)
