"""A probation ends once, by one of three ways, whatever comes between; and who is suspected."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.automated_recovery import propose
from everup.dependency_monitor.accused import accused
from everup.loop.fold import fold, fold_all
from everup.model import entries as e
from everup.model.assessment import Finding, OwnHealth
from everup.model.decision import Allowed, Escalate, Proposal, Want
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.probation import Probation, ProbationEnding, Worse
from everup.model.safe_point import SafePoint
from everup.model.stack import Stack
from everup.model.state import PastAction, ServiceState, StackState
from everup.rollback_manager import propose as fill
from everup.rollback_manager import worth_keeping
from everup.rollback_manager.probation import begins, changed_with, end_of, is_over_for
from everup.safety import judge
from tests.unit.builders import NOW_S, SETTINGS, context, seen, service, stack, up

OLD, NEW, NEWER = "1:old.a", "1:new.a", "1:newer.a"
POINT = SafePoint("a", OLD, "app:1 (old)", NOW_S - 9000)
CHANGED_S = NOW_S - 100.0


def tried(**more: object) -> ServiceState:
    known = ServiceState(
        version=NEW,
        changed_at_s=CHANGED_S,
        safe_points=(POINT,),
        probation=Probation(CHANGED_S, OLD),
    )
    return replace(known, **more)  # type: ignore[arg-type]


def past(kind: ActionKind, *, at_s: float = NOW_S - 10, has_passed: bool = True) -> PastAction:
    return PastAction(
        *("act-1", "a", kind, Origin.ROLLBACK, Cause.BAD_DEPLOY, at_s, at_s),
        has_passed=has_passed,
        on_running=True,
    )


def ending(remembered: ServiceState, now_s: float = NOW_S) -> ProbationEnding | None:
    found = end_of(remembered, now_s, SETTINGS, has_incident=False)
    return None if found is None else found.ending


def test_it_begins_with_what_is_not_safe_and_not_twice() -> None:
    known = ServiceState(version=OLD, safe_points=(POINT,))
    assert begins(known, "", NEW)
    assert not begins(known, NEW, NEW), "Everup goes there itself"
    assert not begins(known, "", OLD), "that is safe"
    assert not begins(tried(), "", NEWER), "it is on one already"


def test_each_way_to_end() -> None:
    assert ending(tried()) is None
    kept = SafePoint("a", NEW, "app:2", NOW_S)
    assert ending(tried(safe_points=(POINT, kept))) is ProbationEnding.SAFE_POINT
    back = tried(version=OLD, past=(past(ActionKind.EMERGENCY_ROLLBACK),))
    assert ending(back) is ProbationEnding.ROLLED_BACK
    failed = (past(ActionKind.EMERGENCY_ROLLBACK, has_passed=False),)
    assert ending(tried(past=failed)) is None
    assert ending(tried(version=OLD)) is ProbationEnding.SAFE_POINT, "somebody went back"
    assert ending(tried(with_a_person="inc-1")) is ProbationEnding.ESCALATED
    before = Probation(CHANGED_S, OLD, with_a_person="inc-1")
    assert ending(tried(with_a_person="inc-1", probation=before)) is None
    late_s = CHANGED_S + SETTINGS.rollback_window_s + 1
    assert ending(tried(), late_s) is ProbationEnding.ESCALATED


def test_what_went_back_and_was_proven_too_late_ends_as_gone_back_once_it_stays_well() -> None:
    failed = past(ActionKind.EMERGENCY_ROLLBACK, has_passed=False)
    back = tried(version=OLD, past=(failed,))
    assert ending(back) is None, "it may be ill with it"
    later_s = failed.ended_at_s + SETTINGS.two_windows_s
    assert ending(back, later_s) is ProbationEnding.ROLLED_BACK
    assert end_of(back, later_s, SETTINGS, has_incident=True) is None
    kept = SafePoint("a", NEW, "app:2", NOW_S)
    new = tried(safe_points=(POINT, kept), past=(failed,))
    assert ending(new, later_s) is ProbationEnding.SAFE_POINT, "what was gone back from is well"


def test_what_is_changed_again_and_again_ends_with_a_person() -> None:
    late_s = CHANGED_S + 5 * SETTINGS.rollback_window_s
    assert ending(tried(changed_at_s=late_s - 1), late_s) is ProbationEnding.ESCALATED
    early_s = CHANGED_S + 3 * SETTINGS.rollback_window_s
    assert ending(tried(changed_at_s=early_s - 1), early_s) is None


def test_a_further_change_begins_the_watch_anew() -> None:
    assert not is_over_for(tried(), NOW_S, SETTINGS)
    late_s = CHANGED_S + SETTINGS.probation_s
    assert is_over_for(tried(), late_s, SETTINGS)
    assert not is_over_for(tried(changed_at_s=late_s - 10), late_s, SETTINGS)


def test_what_is_watched_is_not_kept_before_its_time() -> None:
    what = stack(service("a"))
    one = up("a")
    look = seen(replace(one, instance=replace(one.instance, version=NEW)))
    for since_s, expected in ((CHANGED_S, ()), (NOW_S - SETTINGS.probation_s, (("a", NEW),))):
        known = tried(changed_at_s=since_s, probation=Probation(since_s, OLD))
        state = StackState({"a": known})
        around = context(what, look, state)
        memory = replace(
            around.memory,
            services={"a": replace(around.memory.service("a"), healthy_since_s=NOW_S - 60)},
        )
        found = worth_keeping(what, look, around.assessment, state, memory, SETTINGS)
        assert tuple(found) == expected


ENTRIES = st.sampled_from(
    [
        e.VersionSeen(NOW_S, "a", NEW, OLD),
        e.VersionSeen(NOW_S, "a", NEWER, NEW),
        e.ProbationBegan(NOW_S, "a", OLD, NEW, CHANGED_S, "ann"),
        e.ProbationBegan(NOW_S, "a", NEW, NEWER, NOW_S, "bob"),
        e.RegressionSeen(NOW_S, "a", NEW, "slower"),
        e.ProbationEnded(NOW_S, "a", ProbationEnding.SAFE_POINT, "well"),
        e.ProbationEnded(NOW_S, "a", ProbationEnding.ESCALATED, "late"),
        e.ControllerStarted(NOW_S, "0", "digest"),
    ]
)


@given(st.lists(ENTRIES, max_size=20))
def test_none_is_open_twice_or_ends_twice(entries: list[e.Entry]) -> None:
    state, is_open = StackState(), False
    for entry in entries:
        before = state.service("a").past_probation
        state = fold(state, entry)
        ended = isinstance(entry, e.ProbationEnded)
        assert (state.service("a").past_probation != before) <= (ended and is_open)
        is_open = (is_open and not ended) or isinstance(entry, e.ProbationBegan)
        assert (state.service("a").probation is not None) == is_open
    assert fold_all(StackState(), entries) == state


def find(what: Stack, state: StackState, *findings: Finding) -> dict[str, Finding]:
    own = OwnHealth({})
    by_name = {f.service: f for f in findings}
    return dict(accused(what, by_name, own, state, NOW_S, SETTINGS))


def sick(name: str, since_s: float = NOW_S - 20) -> Finding:
    return Finding(name, Cause.UNHEALTHY, "answered 500", since_s, 0.1)


WORSE = Worse(NEW, "latency 0.1 s before, 0.3 s since", NOW_S - 5)


def test_what_was_measured_to_be_worse_goes_back_though_it_is_well() -> None:
    state, what = StackState({"a": tried(worse=WORSE)}), stack(service("a"))
    one = up("a")
    look = seen(replace(one, instance=replace(one.instance, version=NEW)))
    around = context(what, look, state)
    found = around.assessment.relations.findings["a"]
    assert (found.cause, found.symptom) == (Cause.BAD_DEPLOY, Cause.SLOW)
    assert around.assessment.relations.roots == ("a",)
    (want,) = propose(what, look, around.assessment, state, around.memory, SETTINGS)
    assert isinstance(want, Want)
    proposal = fill(want, what, around.assessment, state, SETTINGS)
    assert isinstance(proposal, Proposal)
    assert proposal.origin is Origin.ROLLBACK
    assert "0.3 s since" in proposal.reason
    assert isinstance(judge(proposal, around), Allowed)


@pytest.mark.parametrize(
    "known",
    [
        tried(worse=replace(WORSE, version=OLD)),
        tried(worse=WORSE, probation=None),
        tried(worse=WORSE, undone=(NEW,)),
        tried(worse=WORSE, version=OLD),
        tried(worse=WORSE, changed_at_s=NOW_S - 2 * SETTINGS.rollback_window_s),
    ],
)
def test_nothing_is_suspected_without_a_change_that_is_tried(known: ServiceState) -> None:
    assert find(stack(service("a")), StackState({"a": known})) == {}


def test_what_it_does_to_others_is_laid_to_the_changed_one() -> None:
    what = stack(service("a"), service("b", "a"), service("c", "a"))
    state = StackState({"a": tried()})
    assert find(what, state, sick("b")) == {}, "one alone may be sick by itself"
    found = find(what, state, sick("b"), sick("c"))
    assert found["a"].symptom is Cause.DEPENDENCY_DOWN
    assert "b (unhealthy), c (unhealthy)" in found["a"].reason
    assert find(what, state, sick("b", CHANGED_S - 5), sick("c")) == {}, "it was sick before"
    in_vain = ServiceState(past=(past(ActionKind.CONTAINER_RESTART, has_passed=False),))
    state = StackState({"a": tried(), "b": in_vain})
    assert "did not mend" in find(what, state, sick("b"))["a"].reason
    state = StackState({"a": tried(), "b": tried()})
    assert find(what, state, sick("b"), sick("c")) == {}, "b was changed itself"
    assert find(what, StackState(), sick("b"), sick("c")) == {}, "nothing was changed"


def test_who_is_well_and_was_changed_together_with_it_is_named_and_left() -> None:
    what = stack(service("a"), service("b", "a"), service("c"))
    gone = Probation(CHANGED_S - 20, OLD, None, NOW_S - 5, ProbationEnding.ROLLED_BACK)
    state = StackState({"a": tried(), "b": ServiceState(past_probation=gone)})
    assert find(what, state) == {}
    on = tried().probation
    assert on is not None

    def named(other: str, apart_s: float) -> tuple[str, ...]:
        later = replace(on, began_at_s=on.began_at_s + apart_s)
        known = {"a": tried(), other: ServiceState(probation=later)}
        return changed_with("a", what, StackState(known))

    assert named("b", 59) == ("b",)
    assert named("b", 61) == ()
    assert named("c", 0) == (), "not joined to it"
    assert changed_with("a", what, StackState({"a": tried()})) == ()
    assert changed_with("a", what, StackState()) == ()


def test_the_same_one_is_not_undone_twice() -> None:
    what = stack(service("a"))
    want = Want("a", ActionKind.EMERGENCY_ROLLBACK, Cause.BAD_DEPLOY, "slower")
    state = StackState({"a": tried(worse=WORSE, undone=(NEW,))})
    around = context(what, seen(up("a")), state)
    assert isinstance(fill(want, what, around.assessment, state, SETTINGS), Escalate)
