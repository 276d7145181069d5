"""Explain: the journal's entries of one incident, put in order."""

from __future__ import annotations

import pytest

from everup.loop.explain import afterwards, explain
from everup.loop.look import Decision
from everup.model import entries as e
from everup.model.assessment import Candidate
from everup.model.decision import (
    Check,
    Delayed,
    Expectation,
    Hold,
    HoldReason,
    Proposal,
    Refused,
    Step,
)
from everup.model.episode import Ending
from everup.model.evidence import Evidence, Sighting
from everup.model.explanation import Way
from everup.model.incident import Incident, IncidentState
from everup.model.kinds import ActionKind, Cause, Origin, Purpose, is_known
from everup.model.state import Freeze, ServiceState, StackState
from tests.unit.builders import NOW_S, assess, seen, service, stack, up

FIRST = Candidate("redis", Cause.CRASH, 0.7, "it died")
LATER = Candidate("redis", Cause.CRASH_LOOP, 0.9, "it died again")
INCIDENT = Incident("inc-1", "redis", Cause.CRASH, "died", NOW_S - 30, victims=("api", "gone"))
ENTRIES: list[e.Entry] = [
    e.IncidentOpened(
        NOW_S - 30, "inc-1", "redis", Cause.CRASH, "died", ("api",), candidates=(FIRST,)
    ),
    e.GateAnswered(
        NOW_S - 30, "k", "redis", "container_restart", "delayed", "freeze", "frozen", "inc-1", 9.0
    ),
    e.WouldHaveDone(
        NOW_S - 29, "k", "inc-1", "redis", Cause.CRASH, ActionKind.CONTAINER_RESTART, "died"
    ),
    e.IncidentChanged(
        NOW_S - 20, "inc-1", Cause.CRASH_LOOP, "again", ("api",), candidates=(LATER,)
    ),
    e.IncidentChanged(NOW_S - 19, "inc-1", Cause.CRASH_LOOP, "again", ("api",), "waits"),
    e.EpisodeEnded(NOW_S, "inc-1", "redis", Cause.CRASH_LOOP, NOW_S - 31, 31, Ending.HEALED),
]


def test_the_latest_ranking_the_gate_and_the_end_are_found() -> None:
    what = stack(service("redis"), service("api", "redis"))
    observation = seen(up("redis"), up("api"))
    found = explain(
        INCIDENT, ENTRIES, None, assess(what, observation), StackState(), acted_on={"gone"}
    )
    assert found.causes == (LATER,)
    assert [(g.check, g.until_s) for g in found.gate] == [("freeze", 9.0)]
    assert [w.kind for w in found.would_have_done] == [ActionKind.CONTAINER_RESTART]
    assert found.episode is ENTRIES[-1]
    assert [(b.service, b.condition, b.was_acted_upon) for b in found.bystanders] == [
        ("api", "healthy", False),
        ("gone", "unknown", True),
    ]


def proposed(verdict: object) -> Decision:
    steps = (Step(ActionKind.CONTAINER_RESTART, "redis"),)
    expected = Expectation("redis", 60.0)
    proposal = Proposal("k", Origin.RECOVERY, "redis", Cause.CRASH, steps, "died", expected)
    return Decision("redis", proposal=proposal, verdict=verdict)  # type: ignore[arg-type]


FROZEN = StackState(freezes={"": Freeze("", "", "ann", 0.0)})
HANDED = StackState({"redis": ServiceState(with_a_person="inc-1")})


@pytest.mark.parametrize(
    ("state", "world", "decision", "ways"),
    [
        (IncidentState.RESOLVED, StackState(), None, []),
        (IncidentState.ESCALATED, HANDED, None, [Way.LOOK, Way.ASK, Way.STOP]),
        (IncidentState.ESCALATED, StackState(), None, []),
        (IncidentState.OPEN, StackState(), None, [Way.WAIT]),
        (
            IncidentState.OPEN,
            StackState(),
            proposed(Refused(Check.MODE, "observe")),
            [Way.SET_MODE, Way.ASK],
        ),
        (
            IncidentState.OPEN,
            FROZEN,
            proposed(Delayed(Check.FREEZE, "frozen")),
            [Way.UNFREEZE, Way.OVERRIDE],
        ),
        (IncidentState.OPEN, StackState(), proposed(Delayed(Check.BUDGET, "wait")), [Way.WAIT]),
        (
            IncidentState.OPEN,
            StackState(),
            proposed(Delayed(Check.APPROVAL, "asks")),
            [Way.APPROVE, Way.ASK],
        ),
        (
            IncidentState.OPEN,
            StackState(),
            Decision("redis", hold=Hold("redis", HoldReason.BUSY, "works")),
            [Way.WAIT, Way.ASK],
        ),
    ],
)
def test_what_a_person_can_do(
    state: IncidentState, world: StackState, decision: Decision | None, ways: list[Way]
) -> None:
    incident = Incident("inc-1", "redis", Cause.CRASH, "died", NOW_S, state=state)
    found = explain(incident, [], decision, None, world)
    assert [remedy.way for remedy in found.remedies] == ways


SIGHT = Sighting(NOW_S, 0.0, "down", {})
TRY = e.Intended(
    NOW_S,
    "act-2",
    None,
    "k",
    Origin.PERSON,
    Cause.CRASH,
    Step(ActionKind.CONTAINER_RESTART, "redis"),
    "asked",
    SIGHT,
    Expectation("redis", 60.0),
    by="ann",
)


def verdict(has_passed: bool) -> e.Verified:
    return e.Verified(NOW_S + 5, "act-2", "redis", has_passed, "r", Evidence(SIGHT))


def test_after_the_handing_over_only_what_the_journal_holds_is_told() -> None:
    opened = e.IncidentOpened(NOW_S + 9, "inc-2", "redis", Cause.CRASH, "again")
    failed = afterwards(INCIDENT, [TRY, verdict(False), opened, e.PersonAnswered(99, "redis", "")])
    assert (failed.tried, failed.goes_on_as) == (("act-2",), "inc-2")
    assert not is_known(failed.well_at_s)
    helped = afterwards(INCIDENT, [TRY, verdict(True), opened])
    assert (helped.well_at_s, helped.proven_by, helped.goes_on_as) == (NOW_S + 5, "act-2", "")
    by_itself = afterwards(INCIDENT, [e.PersonAnswered(NOW_S + 7, "redis", "healthy"), opened])
    assert (by_itself.well_at_s, by_itself.tried) == (NOW_S + 7, ())
    stopped = afterwards(INCIDENT, [e.PurposeSet(NOW_S, "redis", Purpose.STOPPED, "ann")])
    assert stopped.stopped_by == "ann"
    assert not is_known(stopped.well_at_s)
