"""What is due besides looking, and how much of a service's last words is kept."""

from __future__ import annotations

from everup.loop.perform import bounded
from everup.loop.schedule import Work, due, is_rest
from everup.model.settings import Settings
from everup.model.state import StackState

SETTINGS = Settings()
EVERY_S = SETTINGS.journal_prune_interval_s


def test_what_was_never_done_is_due_and_then_once_per_interval() -> None:
    assert due(1e9, {}, SETTINGS) == (Work.PRUNE_JOURNAL,)
    assert due(1e9, {Work.PRUNE_JOURNAL: 1e9 - EVERY_S + 1}, SETTINGS) == ()
    assert due(1e9, {Work.PRUNE_JOURNAL: 1e9 - EVERY_S}, SETTINGS) == (Work.PRUNE_JOURNAL,)


def test_it_waits_while_nothing_can_be_written() -> None:
    assert is_rest(StackState(), "")
    assert not is_rest(StackState(), "the journal cannot be written")


def test_the_end_of_the_last_words_is_kept() -> None:
    assert bounded(["a", "", "b"], 10) == ("a", "", "b")
    assert bounded(["x" * 9, "b"], 9) == ("(left out: what is beyond 9 bytes) xx", "b")
    assert bounded(["\u00fc" * 8], 8) == ("(left out: what is beyond 8 bytes) \u00fc\u00fc",)
    assert bounded([], 8) == ()
