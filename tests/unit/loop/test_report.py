"""The report: spans of time, a tally of entries, and the entries of a period."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.fold import fold_all
from everup.loop.period import PAGE, pages, start_of
from everup.loop.report import Tally
from everup.loop.spans import length, overlap, union
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.episode import Ending, Hindsight
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.report import Report, ServiceReport
from everup.model.state import StackState
from tests.unit.builders import SETTINGS, service, stack

DAY = 1000.0  # the period is from 0 to here
STACK = stack(service("a"), service("b", "a"))
KIND = ActionKind.CONTAINER_RESTART
BAD, GOOD = Sighting(0, 0.0, "down"), Sighting(0, 1.0, "healthy")


def opened(at_s: float, name: str = "inc-1", *victims: str) -> e.IncidentOpened:
    return e.IncidentOpened(at_s, name, "a", Cause.CRASH, "died", victims)


def ended(
    began_s: float,
    lasted_s: float,
    ending: Ending,
    hindsight: Hindsight = Hindsight.NONE,
    name: str = "inc-1",
) -> list[e.Entry]:
    at_s = began_s + lasted_s + 10
    return [
        e.IncidentResolved(at_s, name, "a", "so"),
        e.EpisodeEnded(at_s, name, "a", Cause.CRASH, began_s, lasted_s, ending, hindsight),
    ]


def acted(
    at_s: float, name: str, *, has_passed: bool, origin: Origin = Origin.RECOVERY
) -> list[e.Entry]:
    step, expected = Step(KIND, "a"), Expectation("a", 60)
    evidence = Evidence(BAD, after=GOOD if has_passed else BAD)
    return [
        e.Intended(at_s, name, "inc-1", "k", origin, Cause.CRASH, step, "why", BAD, expected),
        e.Finished(at_s + 1, name, "a", OutcomeState.DONE),
        e.Verified(at_s + 5, name, "a", has_passed, "so", evidence),
    ]


def told(*entries: e.Entry, before: tuple[e.Entry, ...] = ()) -> tuple[Report, ServiceReport]:
    tally = Tally(STACK, SETTINGS, 0.0)
    for entry in entries:
        tally.tell(entry)
    report = tally.report(fold_all(StackState(), [*before, *entries]), DAY)
    return report, report.services[0]


def test_nothing_happened() -> None:
    report, a = told()
    assert (report.watched_s, report.frozen_s) == (DAY, 0)
    assert (a.availability, a.episodes, a.unwell_s) == (1, 0, 0)
    assert math.isnan(a.heal_mean_s)


def test_trouble_counts_from_onset_to_health_for_root_and_victims() -> None:
    report, a = told(opened(100, "inc-1", "b"), *ended(100, 50, Ending.HEALED))
    assert a.unwell_s == 50
    assert a.availability == pytest.approx(0.95)
    assert report.services[1].unwell_s == 50
    assert (a.endings, a.heal_mean_s, a.heal_p90_s) == ({"healed": 1}, 50, 50)


def test_what_began_before_or_has_not_ended_counts_within_the_period() -> None:
    before = opened(-50)
    _, a = told(before=(before,))
    assert a.unwell_s == DAY
    _, a = told(*ended(-50, 150, Ending.HEALED))
    assert a.unwell_s == 100
    _, a = told(opened(900))
    assert a.unwell_s == 100


def test_an_escalation_hurts_until_a_person_has_mended_it() -> None:
    escalated = e.IncidentEscalated(200, "inc-1", "a", "case")
    _, a = told(opened(100), escalated, e.PersonAnswered(400, "a", "healthy"))
    assert (a.escalated, a.unwell_s) == (1, 300)
    healed = acted(300, "act-1", has_passed=True, origin=Origin.PERSON)
    _, a = told(opened(100), escalated, *healed)
    assert (a.unwell_s, a.by_people, a.actions) == (205, 1, ())


def test_another_incident_does_not_end_the_one_that_hurts_the_same_service() -> None:
    other = e.IncidentOpened(150, "inc-2", "b", Cause.CRASH, "died")
    report, _ = told(opened(100, "inc-1", "b"), other)
    assert report.services[1].unwell_s == 900


def test_time_in_which_nobody_watched_is_not_counted() -> None:
    stopped, started = e.ControllerStopped(400), e.ControllerStarted(900, "1", "")
    report, a = told(opened(350), stopped, started, *ended(350, 560, Ending.BY_ITSELF))
    assert report.watched_s == 500
    assert a.unwell_s == 60
    report, _ = told(e.PersonAnswered(300, "b", "x"), started)
    assert report.watched_s == 400  # killed some time after its last word


def test_proposals_and_hindsight() -> None:
    would = e.WouldHaveDone(101, "k", "inc-1", "a", Cause.CRASH, KIND, "died")
    _, a = told(opened(100), would, *ended(100, 50, Ending.BY_ITSELF, Hindsight.WRONG))
    assert (a.would_have_done, a.would_be_right, a.would_be_wrong) == (1, 0, 1)


def test_actions_by_kind_with_their_success() -> None:
    _, a = told(
        opened(100),
        *acted(100, "act-1", has_passed=False),
        *acted(120, "act-2", has_passed=True),
        *acted(140, "act-3", has_passed=True),
    )
    (record,) = a.actions
    assert (record.kind, record.begun, record.verified, record.failed) == (KIND, 3, 2, 1)
    assert record.success_ratio == pytest.approx(2 / 3)


def test_natural_ends_per_cause_with_what_is_waited_for() -> None:
    entries: list[e.Entry] = []
    for n in range(5):
        entries += [opened(100.0 * n, f"inc-{n}")]
        entries += ended(100.0 * n, 10.0 * (n + 1), Ending.BY_ITSELF, name=f"inc-{n}")
    _, a = told(*entries)
    (ends,) = a.natural_ends
    assert (ends.count, ends.p50_s, ends.p90_s, ends.wait_s) == (5, 30, 50, 50)


def test_frozen_time_of_the_stack_and_of_one_service() -> None:
    report, a = told(
        e.FreezeSet(100, "", "x", "ann", 150),
        e.FreezeSet(120, "a", "x", "ann"),
        e.FreezeLifted(200, "a", "ann"),
        e.FreezeLifted(300, "", "ann"),
    )
    assert (report.frozen_s, a.frozen_s) == (50, 100)
    report, _ = told(e.FreezeLifted(70, "", "ann"))
    assert report.frozen_s == 70


def test_what_was_wrong_is_counted_for_the_service_that_it_was_done_to() -> None:
    first, *_ = acted(120, "act-2", has_passed=True)
    _, a = told(opened(100), *acted(110, "act-1", has_passed=True), first)
    assert a.wrong_actions == 0
    report, a = told(opened(100), first, *acted(130, "act-3", has_passed=True))
    assert (a.wrong_actions, report.services[1].wrong_actions) == (1, 0)


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8)


@given(SPANS, SPANS)
def test_spans_are_sets_of_seconds(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def seconds(spans: list[tuple[int, int]]) -> set[int]:
        return {second for start, end in spans for second in range(start, end)}

    assert length(one) == len(seconds(one))
    assert length(overlap(one, other)) == len(seconds(one) & seconds(other))
    found = union(one)
    assert all(a[1] < b[0] for a, b in pairwise(found))


class Paged:
    """A journal of one entry a second; sequences start where pruning left them."""

    def __init__(self, count: int, first: int = 1) -> None:
        self.rows = [
            (n, "", e.PersonAnswered(float(n), "a", "")) for n in range(first, first + count)
        ]
        self.asked = 0

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> list[tuple[int, str, e.Entry]]:
        self.asked += 1
        found: list[tuple[int, str, e.Entry]] = [r for r in self.rows if r[0] > after]
        return found[:limit]


@pytest.mark.parametrize(
    ("count", "first", "since_s", "starts"),
    [(0, 1, 5, 0), (3000, 1, 2500, 2439), (3000, 1, 0, 0), (3000, 1, 9000, 3000), (100, 500, 0, 0)],
)
def test_a_period_is_found_by_halving(count: int, first: int, since_s: float, starts: int) -> None:
    journal = Paged(count, first)
    assert asyncio.run(start_of(journal, since_s)) == starts
    assert journal.asked < 40


def test_pages_hold_the_whole_period() -> None:
    async def read() -> list[int]:
        return [len(page) async for page in pages(Paged(2 * PAGE + 7), 0)]

    assert asyncio.run(read()) == [PAGE, PAGE, 7]


def test_what_people_did_and_whom_it_hurt_is_counted_apart() -> None:
    by_hand = acted(200, "act-9", has_passed=True, origin=Origin.PERSON)
    report, a = told(opened(100, "inc-1", "b"), *by_hand, *ended(100, 110, Ending.BY_A_PERSON))
    assert a.actions == ()
    assert [(r.kind, r.begun, r.verified) for r in a.people_actions] == [(KIND, 1, 1)]
    assert (a.by_people, a.suffered, report.services[1].suffered) == (1, 0, 1)


def test_the_report_begins_with_the_first_look() -> None:
    report, _ = told(e.ControllerStarted(300, "1", "d"), opened(400))
    assert report.looked_since_s == 300


def test_a_second_word_to_lift_a_freeze_adds_nothing() -> None:
    report, _ = told(
        e.ControllerStarted(50, "1", "d"),
        e.FreezeSet(100, "", "x", "ann"),
        e.FreezeLifted(130, "", "ann"),
        e.FreezeLifted(160, "", "ann"),
    )
    assert report.frozen_s == 30


def test_nobody_is_frozen_for_longer_than_was_watched() -> None:
    report, _ = told(e.ControllerStarted(90, "1", "d"), e.FreezeLifted(100, "", "ann"))
    assert report.watched_s >= report.frozen_s
    assert report.frozen_s == 10
