"""The contract of the Journal port as cases that any journal's author can run.

Flows in: a function that makes a fresh `JournalLab` for each case. Flows out: a `CaseReport`, or
one pytest parameter per case:

    @pytest.mark.parametrize("case", journal_cases(), ids=str)
    def test_contract(case, tmp_path):
        case.run(MyLab(tmp_path))

No case can be left out: a journal that breaks one of these promises loses what Everup did.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from everup.testing import journal_bounds as bounds
from everup.testing import journal_stories as stories
from everup.testing.journal_lab import JournalLab
from everup.testing.runtime_cases import CaseReport

Story = Callable[[JournalLab], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class JournalCase:
    """One promise of the port: its story, named as the function that tells it."""

    story: Story

    @property
    def name(self) -> str:
        """What a person reads in a report."""
        return self.story.__name__

    def run(self, lab: JournalLab) -> None:
        """Tell the story in this lab. Raises AssertionError where the promise is broken."""
        lab.run(self.story(lab))

    def __str__(self) -> str:
        return self.name


_CASES = tuple(
    JournalCase(story)
    for story in (
        stories.begins_empty,
        stories.keeps_every_kind_of_entry,
        stories.loads_what_the_entries_fold_into,
        stories.survives_closing,
        stories.pages_through_entries,
        stories.tells_the_story_of_one_incident,
        stories.refuses_an_old_fence,
        stories.writes_a_batch_once,
        stories.has_one_action_per_service,
        stories.remembers_incidents,
        stories.remembers_actions,
        stories.finds_tampering,
        stories.finds_removal,
        stories.finds_reordering,
        stories.says_when_it_cannot_write,
        stories.a_cancelled_write_is_whole_or_nothing,
        bounds.leaves_what_is_within_bounds,
        bounds.forgets_what_is_old,
        bounds.forgets_when_it_is_large,
        bounds.keeps_what_is_open,
        bounds.finds_tampering_after_pruning,
        bounds.prunes_for_the_holder_alone,
        bounds.prunes_whole_steps_or_nothing,
    )
)


def journal_cases() -> Sequence[JournalCase]:
    """Every case, in the order in which a person would want them to fail."""
    return _CASES


def check_journal(make_lab: Callable[[], JournalLab]) -> CaseReport:
    """Run every case, each in a lab of its own, and report; never raises for a failing case."""
    passed: list[str] = []
    failed: dict[str, str] = {}
    for case in _CASES:
        try:
            case.run(make_lab())
        except Exception as error:  # noqa: BLE001 - a broken journal may raise anything
            failed[case.name] = f"{type(error).__name__}: {error}"
        else:
            passed.append(case.name)
    return CaseReport(tuple(passed), failed=failed)
