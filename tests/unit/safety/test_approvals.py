"""Approvals from the question to its end, and freezes by label and file."""

from __future__ import annotations

from dataclasses import replace

from everup.automated_recovery import propose
from everup.loop import approvals
from everup.loop.fold import fold_all
from everup.loop.look import Decision
from everup.model import entries as e
from everup.model.approval import ApprovalState
from everup.model.decision import Allowed, Delayed, Proposal, Refused
from everup.model.evidence import Sighting
from everup.model.kinds import Cause, Mode
from everup.model.request import Request, Verb
from everup.model.stack import FREEZE_LABEL
from everup.model.state import StackState
from everup.safety import Context, freezes_in_force, judge, risk_of
from tests.unit.builders import NOW_S, SETTINGS, context, dead, failing, seen, service, stack

ASKING = stack(service("a"), service("b", "a"), mode=Mode.APPROVE)
OPENED = e.IncidentOpened(NOW_S - 60, "inc-1", "a", Cause.CRASH, "died")


class Ids:
    def new(self, prefix: str) -> str:
        return f"{prefix}-1"


def world(*more: e.Entry) -> tuple[Context, Proposal]:
    state = fold_all(StackState(), [OPENED, *more])
    around = context(ASKING, seen(dead("a")), state)
    (proposal,) = [
        p
        for p in propose(
            ASKING, around.observation, around.assessment, state, around.memory, SETTINGS
        )
        if isinstance(p, Proposal)
    ]
    return around, proposal


def follow(around: Context, *proposals: Proposal) -> list[e.Entry]:
    decided = [Decision(p.service, proposal=p, verdict=judge(p, around)) for p in proposals]
    return approvals.follow_approvals(decided, around, Ids())


def question(at_s: float = NOW_S - 30) -> e.ApprovalAsked:
    around, proposal = world()
    (asked,) = follow(around, proposal)
    assert isinstance(asked, e.ApprovalAsked)
    lives_s = asked.expires_at_s - asked.at_s
    return replace(asked, at_s=at_s, expires_at_s=at_s + lives_s)


def answer(is_approved: bool) -> e.ApprovalAnswered:
    return e.ApprovalAnswered(NOW_S - 5, "apr-1", is_approved, "ann", "not now")


def test_a_proposal_that_needs_a_word_is_asked_for_once() -> None:
    asked = question()
    assert asked.expires_at_s - asked.at_s == SETTINGS.approval_lives_s
    assert "nothing is taken away" in asked.risk
    assert "a is well within" in asked.expected
    around, proposal = world(asked)
    assert follow(around, proposal) == []
    verdict = judge(proposal, around)
    assert isinstance(verdict, Delayed)
    assert "everup approve apr-1" in verdict.reason


def test_yes_lets_it_pass_and_is_used_once() -> None:
    around, proposal = world(question(), answer(True))
    assert isinstance(judge(proposal, around), Allowed)
    intent = e.Intended(
        NOW_S, "act-1", "inc-1", proposal.key, proposal.origin, proposal.cause,
        proposal.steps[0], "why", Sighting(NOW_S), proposal.expectation,
    )  # fmt: skip
    state = fold_all(around.state, [intent])
    assert not state.approvals
    (used,) = state.past_approvals
    assert (used.state, used.action_id) == (ApprovalState.USED, "act-1")


def test_yes_overrules_no_other_check() -> None:
    around, proposal = world(question(), answer(True), e.FreezeSet(NOW_S, "", "hands off", "bob"))
    assert isinstance(judge(proposal, around), Delayed)


def test_no_holds_while_the_incident_lasts() -> None:
    around, proposal = world(question(NOW_S - 5000), answer(False))
    verdict = judge(proposal, around)
    assert isinstance(verdict, Refused)
    assert "ann said no" in verdict.reason
    assert follow(around, proposal) == []


def test_an_old_question_expires_and_is_asked_anew() -> None:
    around, proposal = world(question(NOW_S - 1000))
    ended, asked = follow(around, proposal)
    assert isinstance(ended, e.ApprovalEnded)
    assert ended.state is ApprovalState.EXPIRED
    assert isinstance(asked, e.ApprovalAsked)


def test_an_approval_that_came_too_late_is_not_used() -> None:
    around, proposal = world(question(NOW_S - 1000), answer(True))
    assert isinstance(judge(proposal, around), Delayed)


def test_what_is_no_longer_proposed_is_withdrawn() -> None:
    around, proposal = world(question())
    other = replace(proposal, key="another")
    assert [type(x) for x in follow(around, other)] == [e.ApprovalEnded, e.ApprovalAsked]
    assert follow(around) == []
    healed = fold_all(around.state, [e.IncidentResolved(NOW_S, "inc-1", "a", "well")])
    (ended,) = follow(replace(around, state=healed))
    assert isinstance(ended, e.ApprovalEnded)
    assert ended.state is ApprovalState.WITHDRAWN


def test_only_an_open_question_can_be_answered() -> None:
    state = fold_all(StackState(), [OPENED, question()])
    found = state.approval("apr-1")
    wish = Request(Verb.APPROVE, by="ann", approval_id="apr-1")
    assert approvals.refusal(wish, found, NOW_S) is None
    assert found is not None
    answered = replace(found, state=ApprovalState.REJECTED)
    for wrong in (None, answered, replace(found, expires_at_s=NOW_S - 1)):
        assert approvals.refusal(wish, wrong, NOW_S) is not None


def test_risk_grows_with_data_and_with_those_who_need_it() -> None:
    around, proposal = world()
    running = replace(proposal, on_running=True)
    data = stack(service("a", is_stateful=True), *(service(n, "a") for n in "bcd"))
    assert risk_of(running, around).startswith("medium")
    hung = context(data, seen(failing("a", letter="T")))
    assert risk_of(running, hung).startswith("high: it keeps data and runs")


def test_a_label_and_a_file_freeze_like_a_word_does() -> None:
    labelled = stack(service("a", labels={FREEZE_LABEL: "moving it"}), service("b"))
    around = context(labelled, replace(seen(dead("a")), freezes={"b": "file freeze-b", "z": "?"}))
    (proposal,) = [
        p
        for p in propose(
            labelled, around.observation, around.assessment, around.state, around.memory, SETTINGS
        )
        if isinstance(p, Proposal)
    ]
    verdict = judge(proposal, around)
    assert isinstance(verdict, Delayed)
    assert verdict.reason.endswith("moving it; remove the label to lift it")
    on_b = judge(replace(proposal, service="b"), around)
    assert isinstance(on_b, Delayed)
    assert "remove the file" in on_b.reason
    found = freezes_in_force(labelled, around.state, around.observation, NOW_S)
    assert [(f.scope, f.by) for f in found] == [("a", "a label"), ("b", "a file")]


def test_a_freeze_that_is_over_is_not_in_force() -> None:
    state = fold_all(StackState(), [e.FreezeSet(NOW_S - 9, "", "x", "ann", NOW_S - 1)])
    assert freezes_in_force(ASKING, state, seen(), NOW_S) == []


def test_no_word_of_a_label_freezes() -> None:
    for word in ("false", "no", "off", "0", ""):
        assert service("a", labels={FREEZE_LABEL: word}).frozen_by_label == ""
