"""What is in force follows from the journal alone: carried out, taken back, or ended by others."""

from __future__ import annotations

import pytest

from everup.loop.fold import fold, fold_all
from everup.model import entries as e
from everup.model.breaker import BreakerState, TurnedBy
from everup.model.decision import Expectation, Step
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.incident import Incident
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.mitigation import BECAUSE, NEEDS
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.state import StackState, streak
from everup.model.undo import undo_of

DEGRADE = Step(ActionKind.DEGRADE, "api", {BECAUSE: "db", NEEDS: "db"})
SHED = Step(ActionKind.SHED, "web", {BECAUSE: "web", "instance": "web-1"})
ISOLATE = Step(ActionKind.ISOLATE, "web", {BECAUSE: "web", "instance": "web-1"})
GROWN = Step(ActionKind.SCALE_OUT, "web", {BECAUSE: "web", INSTANCES: 3, BEFORE: 2})


def intended(
    step: Step, action_id: str = "act-1", origin: Origin = Origin.MITIGATION
) -> e.Intended:
    expected = Expectation(step.target, 60.0)
    return e.Intended(
        *(10.0, action_id, "inc-1", "k", origin, Cause.UNHEALTHY, step, "why"),
        *(Sighting(10.0), expected),
        on_running=True,
    )


def done(step: Step, action_id: str = "act-1") -> e.Finished:
    return e.Finished(11.0, action_id, step.target, OutcomeState.DONE)


def verified(step: Step, action_id: str = "act-1", *, has_passed: bool = True) -> e.Verified:
    evidence = Evidence(Sighting(10.0), (), Sighting(12.0), "seen")
    return e.Verified(12.0, action_id, step.target, has_passed, "seen", evidence)


def in_force(step: Step) -> StackState:
    opened = e.IncidentOpened(9.0, "inc-1", "web", Cause.UNHEALTHY, "it says no")
    return fold_all(StackState(), [opened, intended(step), done(step), verified(step)])


@pytest.mark.parametrize("step", [DEGRADE, SHED, ISOLATE, GROWN])
def test_it_is_in_force_from_its_outcome_until_its_undo(step: Step) -> None:
    state = in_force(step)
    (held,) = state.mitigated.values()
    assert (held.kind, held.because, held.has_passed) == (step.kind, step.parameters[BECAUSE], True)
    incident = state.incidents["inc-1"]
    assert isinstance(incident, Incident)
    assert not incident.attempts, "it is no attempt to heal"
    past = state.service(step.target).past
    assert not streak(past, 13.0, 600.0), "and no reason to back off from one"
    undo = undo_of(step, "act-1")
    assert undo is not None
    state = fold_all(state, [intended(undo, "act-2", Origin.PERSON), done(undo, "act-2")])
    assert not state.mitigated


def test_what_is_not_proven_is_owed_its_undo() -> None:
    state = fold_all(StackState(), [intended(DEGRADE), done(DEGRADE)])
    state = fold(state, verified(DEGRADE, has_passed=False))
    owed = state.service("api").owed_undo
    assert owed is not None
    assert (owed.kind, owed.parameters[NEEDS], owed.undoes) == (ActionKind.RESUME, "db", "act-1")


def test_others_end_it_too() -> None:
    closed = e.BreakerTurned(
        20.0, "api", "db", BreakerState.CLOSED, 1, "the trial passed", TurnedBy.CALLS
    )
    assert not fold(in_force(DEGRADE), closed).mitigated
    given = e.GivenBack(20.0, "", ("all",), "everup")
    assert not fold(in_force(SHED), given).mitigated
    assert not fold(in_force(ISOLATE), given).mitigated
    assert fold(in_force(GROWN), given).mitigated, "copies that were made stay"
    assert fold(in_force(DEGRADE), given).mitigated, "a breaker ends by itself"
    counted = e.InstancesCounted(20.0, "web", 4, "somebody beside Everup")
    assert not fold(in_force(GROWN), counted).mitigated


def test_what_was_not_carried_out_is_not_in_force() -> None:
    failed = e.Finished(11.0, "act-1", "api", OutcomeState.FAILED, "no", has_happened=False)
    state = fold_all(StackState(), [intended(DEGRADE), failed])
    assert not state.mitigated
    assert state.service("api").owed_undo is None
