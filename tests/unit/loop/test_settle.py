"""Settling what an Everup began and did not live to finish, from what the world shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.automated_recovery import propose
from everup.loop.fold import fold_all
from everup.loop.settle import patience_s, settle
from everup.model import entries as e
from everup.model.decision import Escalate, Expectation, Proposal, Step
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.state import InFlight, StackState
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    dead,
    failing,
    seen,
    service,
    settled_memory,
    stack,
    up,
)

PATIENCE_S = 12.0
OPENED = e.IncidentOpened(NOW_S - 30, "inc-1", "a", Cause.HANG, "hangs")


def intent(kind: ActionKind, *, ago_s: float = 20.0, running: int = 1) -> e.Intended:
    before = Sighting(NOW_S, instances={f"a-{n}": f"old{n}|running" for n in range(running)})
    step = Step(kind, "a", {"grace_s": 10.0})
    expected = Expectation("a", 60.0)
    return e.Intended(
        NOW_S - ago_s,
        "act-1",
        "inc-1",
        "k",
        Origin.RECOVERY,
        Cause.HANG,
        step,
        "why",
        before,
        expected,
        on_running=True,
    )


def flight(kind: ActionKind, *, ago_s: float = 20.0, running: int = 1) -> InFlight:
    state = fold_all(StackState(), [OPENED, intent(kind, ago_s=ago_s, running=running)])
    return state.in_flight["a"]


def old(number: int = 0) -> InstanceObservation:
    """The life from before the action."""
    one = up("a", number)
    return replace(one, instance=replace(one.instance, identity=f"old{number}"))


def settled(what: InFlight, *found: InstanceObservation) -> e.Finished | None:
    return settle(what, ServiceObservation("a", found), NOW_S, PATIENCE_S)


RESTARTS = [ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART]


@pytest.mark.parametrize("kind", [*RESTARTS, ActionKind.START])
def test_another_life_means_done_at_once(kind: ActionKind) -> None:
    found = settled(flight(kind, ago_s=1.0), up("a"))
    assert found is not None
    assert (found.outcome, found.settled) == (OutcomeState.DONE, True)


@pytest.mark.parametrize("kind", RESTARTS)
def test_the_same_life_means_nothing_while_its_grace_may_last(kind: ActionKind) -> None:
    assert settled(flight(kind, ago_s=PATIENCE_S - 1), old()) is None
    found = settled(flight(kind, ago_s=PATIENCE_S), old())
    assert found is not None
    assert (found.outcome, found.has_happened) == (OutcomeState.FAILED, False)
    assert "did not happen" in found.error


@pytest.mark.parametrize("kind", [*RESTARTS, ActionKind.START])
def test_no_life_means_half_way(kind: ActionKind) -> None:
    found = settled(flight(kind, ago_s=1.0), dead("a"))
    assert found is not None
    assert (found.outcome, found.has_happened) == (OutcomeState.FAILED, True)
    assert "half-way" in found.error


def test_one_of_two_replaced_has_happened() -> None:
    found = settled(flight(ActionKind.GRACEFUL_RESTART, running=2), up("a", 0), old(1))
    assert found is not None
    assert (found.outcome, found.has_happened) == (OutcomeState.FAILED, True)


def test_a_reconnected_service_is_the_same_and_may_have_been_reconnected() -> None:
    found = settled(flight(ActionKind.DEPENDENCY_RECOVERY), old())
    assert found is not None
    assert found.has_happened


def test_a_stop_is_waited_for_too() -> None:
    assert settled(flight(ActionKind.STOP, ago_s=1.0), old()) is None
    gone = settled(flight(ActionKind.STOP, ago_s=1.0), dead("a"))
    assert gone is not None
    assert gone.outcome is OutcomeState.DONE
    still = settled(flight(ActionKind.STOP), old())
    assert still is not None
    assert still.outcome is OutcomeState.FAILED


def test_patience_is_the_grace_of_each_instance_after_the_evidence() -> None:
    two = flight(ActionKind.GRACEFUL_RESTART, running=2)
    assert patience_s(two, service("a"), SETTINGS) == SETTINGS.evidence_deadline_s + 2 * 10.0


def _after(*, has_happened: bool) -> StackState:
    finished = e.Finished(NOW_S - 15, "act-1", "a", OutcomeState.FAILED, has_happened=has_happened)
    began = intent(ActionKind.GRACEFUL_RESTART)
    return fold_all(StackState(), [OPENED, began, finished])


def test_what_did_not_happen_was_no_attempt_and_costs_no_rung() -> None:
    what = stack(service("a", is_stateful=True))
    hung = seen(failing("a", letter="T", for_s=200))

    def decided(state: StackState) -> object:
        memory = settled_memory(what)
        return propose(what, hung, assess(what, hung, state), state, memory, SETTINGS)[0]

    again = decided(_after(has_happened=False))
    assert isinstance(again, Proposal)
    assert again.kind is ActionKind.GRACEFUL_RESTART
    assert isinstance(decided(_after(has_happened=True)), Escalate)


def test_a_rollback_of_the_dead_that_changed_nothing_was_no_attempt() -> None:
    """Nothing runs before it and nothing after: only their lives tell whether it was begun."""
    lost = dead("a")
    before = Sighting(NOW_S, instances={"a-0": f"{lost.instance.identity}|exited"})
    step = Step(ActionKind.EMERGENCY_ROLLBACK, "a", {"from": "bad", "to": "good"})
    going = replace(flight(ActionKind.EMERGENCY_ROLLBACK), before=before, step=step)
    found = settled(going, lost)
    assert found is not None
    assert (found.outcome, found.has_happened) == (OutcomeState.FAILED, False)
    begun = replace(lost, instance=replace(lost.instance, identity="another"))
    found = settled(going, begun)
    assert found is not None
    assert (found.outcome, found.has_happened) == (OutcomeState.FAILED, True)


def test_whether_a_rollback_happened_is_not_told_by_versions_that_are_counted_otherwise() -> None:
    step = Step(ActionKind.EMERGENCY_ROLLBACK, "a", {"from": "2:bad", "to": "2:good"})
    going = replace(flight(ActionKind.EMERGENCY_ROLLBACK), step=step)
    fresh = up("a")
    for version, has_happened in (("3-aaaaaa:x", True), ("2:else", False), ("", False)):
        found = settled(going, replace(fresh, instance=replace(fresh.instance, version=version)))
        assert found is not None
        assert (found.outcome, found.has_happened) == (OutcomeState.FAILED, has_happened)
