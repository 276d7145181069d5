"""The fold, settling after a crash, verification and memory."""

from __future__ import annotations

from dataclasses import replace

from everup.loop.fold import LIVES_MOST, fold, fold_all
from everup.loop.remember import remember
from everup.loop.verify import judge_expectation
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.evidence import Evidence, Failed, OutcomeState, Passed, Pending, Sighting
from everup.model.kinds import ActionKind, Cause, Origin, Purpose, is_known
from everup.model.observation import Exit, MonitorObservation
from everup.model.state import InFlight, Memory, Phase, StackState
from tests.unit.builders import NOW_S, SETTINGS, assess, dead, failing, seen, service, stack, up

STEP = Step(ActionKind.CONTAINER_RESTART, "a")
INTENT = e.Intended(
    NOW_S,
    "act-1",
    "inc-1",
    "k",
    Origin.RECOVERY,
    Cause.CRASH,
    STEP,
    "why",
    Sighting(NOW_S, instances={"a-0": "old|running"}),
    Expectation("a", 60.0),
)
OPENED = e.IncidentOpened(NOW_S, "inc-1", "a", Cause.CRASH, "died")


def flight(**changes: object) -> InFlight:
    state = fold_all(StackState(), [OPENED, INTENT])
    return replace(state.in_flight["a"], **changes)  # type: ignore[arg-type]


def test_an_action_goes_from_intent_to_verdict() -> None:
    state = fold_all(StackState(), [OPENED, INTENT])
    assert state.in_flight["a"].phase is Phase.ACTING
    state = fold(state, e.Finished(NOW_S + 1, "act-1", "a", OutcomeState.DONE))
    assert state.in_flight["a"].phase is Phase.VERIFYING
    evidence = Evidence(INTENT.before)
    state = fold(state, e.Verified(NOW_S + 9, "act-1", "a", True, "ok", evidence))
    assert not state.in_flight
    assert state.incidents["inc-1"].attempts[0].result == "passed"
    assert state.service("a").past[0].has_passed


def test_unknown_keeps_the_service_busy_and_failed_frees_it() -> None:
    state = fold_all(StackState(), [OPENED, INTENT])
    unknown = fold(state, e.Finished(NOW_S + 1, "act-1", "a", OutcomeState.UNKNOWN))
    assert "a" in unknown.in_flight
    failed = fold(state, e.Finished(NOW_S + 1, "act-1", "a", OutcomeState.FAILED, error="no"))
    assert "a" not in failed.in_flight
    assert failed.incidents["inc-1"].attempts[0].error == "no"


def test_an_outcome_of_another_action_changes_nothing() -> None:
    state = fold_all(StackState(), [OPENED, INTENT])
    assert fold(state, e.Finished(NOW_S, "act-9", "a", OutcomeState.DONE)) == state


def test_purpose_and_escalation() -> None:
    state = fold(StackState(), e.PurposeSet(NOW_S, "a", Purpose.STOPPED, "ann"))
    assert state.service("a").purpose is Purpose.STOPPED
    state = fold_all(state, [OPENED, e.IncidentEscalated(NOW_S, "inc-1", "a", "case")])
    assert state.service("a").with_a_person == "inc-1"
    assert not state.incidents
    state = fold(state, e.PersonAnswered(NOW_S, "a", "well"))
    assert state.service("a").with_a_person is None


def test_verification_waits_for_window_and_probes_then_passes() -> None:
    what = stack(service("a"))
    good = seen(up("a"))
    young = flight(phase=Phase.VERIFYING, done_at_s=NOW_S - 3)
    assert isinstance(judge_expectation(young, good, assess(what, good), SETTINGS), Pending)
    old = flight(phase=Phase.VERIFYING, done_at_s=NOW_S - 11)
    assert isinstance(judge_expectation(old, good, assess(what, good), SETTINGS), Passed)


def test_verification_fails_at_once_on_another_death_and_in_the_end_by_time() -> None:
    what = stack(service("a"))
    late = flight(phase=Phase.VERIFYING, done_at_s=NOW_S - 61)
    sick = seen(failing("a"))
    assert isinstance(judge_expectation(late, sick, assess(what, sick), SETTINGS), Failed)
    again = seen(dead("a"), exits=(Exit(NOW_S - 1, 1),))
    young = flight(phase=Phase.VERIFYING, done_at_s=NOW_S - 3)
    assert isinstance(judge_expectation(young, again, assess(what, again), SETTINGS), Failed)


def test_only_the_death_of_the_instance_acted_upon_fails_its_proof() -> None:
    what = stack(service("a"))
    step = Step(ActionKind.CONTAINER_RESTART, "a", {"instance": "a-0"})
    young = flight(phase=Phase.VERIFYING, done_at_s=NOW_S - 3, step=step)
    other = seen(up("a"), dead("a", number=1), exits=(Exit(NOW_S - 1, 1, instance="a-1"),))
    assert isinstance(judge_expectation(young, other, assess(what, other), SETTINGS), Pending)
    itself = seen(dead("a"), up("a", 1), exits=(Exit(NOW_S - 1, 1, instance="a-0"),))
    assert isinstance(judge_expectation(young, itself, assess(what, itself), SETTINGS), Failed)


def test_the_fold_says_whose_death_it_was() -> None:
    state = fold(StackState(), e.ExitSeen(NOW_S, "a", "a-1", Exit(NOW_S, 1)))
    assert [death.instance for death in state.service("a").exits] == ["a-1"]


def test_a_gap_breaks_history() -> None:
    what = stack(service("a"))
    good = seen(up("a"))
    memory = remember(Memory(), good, assess(what, good).own, SETTINGS)
    assert is_known(memory.complete_since_s)
    jumped = replace(good, at_s=NOW_S + 500, monitor=MonitorObservation(gap_s=500))
    memory = remember(memory, jumped, assess(what, good).own, SETTINGS)
    assert memory.hold_until_s == NOW_S + 500 + SETTINGS.verify_window_s


def test_lives_are_remembered_up_to_their_bound_and_not_up_to_half_of_it() -> None:
    state = StackState()
    for number in range(LIVES_MOST + 10):
        state = fold(state, e.CameUp(NOW_S, "a", f"a-{number}", f"a-{number}#1"))
        assert len(state.service("a").lives) == min(number + 1, LIVES_MOST)
