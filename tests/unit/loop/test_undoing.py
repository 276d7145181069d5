"""What was not proven is owed to be taken back, until it was or somebody wants something else."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from everup.loop.counts import Counts
from everup.loop.fold import fold_all
from everup.loop.settle import settle
from everup.loop.undoing import owed
from everup.model import entries as e
from everup.model.assessment import OwnHealth, ServiceHealth
from everup.model.decision import Expectation, Step
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, Condition, Origin, Purpose
from everup.model.observation import InstanceObservation, Observation
from everup.model.probation import ProbationEnding
from everup.model.safe_point import FROM, TO
from everup.model.scaling import BEFORE, INSTANCES, NO_FASTER
from everup.model.state import StackState
from tests.unit.builders import NOW_S, SETTINGS, assess, failing, seen, service, stack, up

Parameters = dict[str, str | int | float | bool]
SEEN = Sighting(NOW_S)
STACK = stack(service("a"))


def intended(
    action_id: str, kind: ActionKind, parameters: Parameters, undoes: str | None = None
) -> e.Intended:
    step = Step(kind, "a", parameters, undoes)
    expectation = Expectation("a", 60.0)
    return e.Intended(
        NOW_S, action_id, None, "k", Origin.PERSON, Cause.REQUESTED, step, "", SEEN, expectation
    )


def done(action_id: str) -> e.Finished:
    return e.Finished(NOW_S, action_id, "a", OutcomeState.DONE)


def verified(action_id: str, *, has_passed: bool) -> e.Verified:
    return e.Verified(NOW_S, action_id, "a", has_passed, "", Evidence(SEEN))


OUT: Parameters = {INSTANCES: 3, BEFORE: 1}
BACK: Parameters = {INSTANCES: 1, BEFORE: 3}
NOT_PROVEN: tuple[e.Entry, ...] = (
    intended("act-1", ActionKind.SCALE_OUT, OUT),
    done("act-1"),
    verified("act-1", has_passed=False),
)


def after(*entries: e.Entry) -> StackState:
    return fold_all(StackState(), entries)


def test_copies_that_were_not_proven_are_owed_to_go() -> None:
    known = after(*NOT_PROVEN).service("a")
    assert known.instances_wanted == 3
    assert known.owed_undo is not None
    assert (known.owed_undo.kind, known.owed_undo.undoes) == (ActionKind.SCALE_IN, "act-1")
    assert known.owed_undo.parameters[INSTANCES] == 1


@pytest.mark.parametrize("kind", [ActionKind.SCALE_OUT, ActionKind.EMERGENCY_ROLLBACK])
def test_who_went_back_and_is_well_is_not_made_ill_again(kind: ActionKind) -> None:
    versions: Parameters = {} if kind is ActionKind.SCALE_OUT else {FROM: "1:a", TO: "1:a"}
    entries = (intended("act-1", kind, {**OUT, **versions}), *NOT_PROVEN[1:])
    state = after(*entries)
    assert state.service("a").owed_undo is not None
    for condition in (Condition.HEALTHY, Condition.UNHEALTHY):
        three = seen(*(up("a", n) for n in range(3)))
        own = OwnHealth({"a": ServiceHealth("a", 1.0, condition)})
        look = SimpleNamespace(at_s=NOW_S, observation=three, assessment=SimpleNamespace(own=own))
        control = SimpleNamespace(state=state, stack=STACK, settings=SETTINGS)
        found = owed(control, look)  # type: ignore[arg-type]
        stays = kind is ActionKind.EMERGENCY_ROLLBACK and condition is Condition.HEALTHY
        assert bool(found) is not stays


def own_copies(reason: str) -> StackState:
    """Three in place of one, by demand, and not proven."""
    asked = intended("act-1", ActionKind.SCALE_OUT, OUT)
    begun = replace(asked, origin=Origin.SCALING)
    ended = replace(verified("act-1", has_passed=False), reason=reason)
    return after(begun, NOT_PROVEN[1], ended)


def asked_back(state: StackState, *instances: InstanceObservation) -> list[int]:
    look = SimpleNamespace(
        at_s=NOW_S, observation=seen(*instances), assessment=SimpleNamespace(own=OwnHealth({}))
    )
    control = SimpleNamespace(state=state, stack=STACK, settings=SETTINGS)
    return [one.amount.instances for one in owed(control, look)]  # type: ignore[arg-type]


def test_of_copies_that_demand_called_for_those_that_are_well_stay() -> None:
    """One of them did not come, or another one died: the others carry what is asked."""
    state = own_copies("it died for lack of memory again after 5.0 s")
    assert asked_back(state, up("a"), up("a", 1), failing("a", number=2)) == [2]
    assert asked_back(state, up("a"), failing("a", number=1), failing("a", number=2)) == [1]
    all_well = (up("a"), up("a", 1), up("a", 2))
    assert asked_back(state, *all_well) == []
    (entry,) = Counts().follow(STACK, state, seen(*all_well), 10.0)
    assert (entry.count, entry.by) == (3, "everup"), "then nothing is owed any more"


def test_copies_that_made_nothing_faster_go_however_well_they_are() -> None:
    state = own_copies(f"answers of a {NO_FASTER}: 2 s before, 2 s after")
    assert asked_back(state, up("a"), up("a", 1), up("a", 2)) == [1]
    person = after(*NOT_PROVEN)
    assert asked_back(person, up("a"), up("a", 1), up("a", 2)) == [1]


def test_what_went_back_stays_once_its_probation_has_ended_so() -> None:
    entries = (intended("act-1", ActionKind.EMERGENCY_ROLLBACK, {**OUT, FROM: "1", TO: "1"}),)
    began = e.ProbationBegan(NOW_S, "a", "1", "1", NOW_S, "ann", 3, 1)
    ended = e.ProbationEnded(NOW_S, "a", ProbationEnding.ROLLED_BACK, "well since")
    state = after(began, *entries, *NOT_PROVEN[1:])
    assert state.service("a").owed_undo is not None
    assert fold_all(state, (ended,)).service("a").owed_undo is None


def test_an_undo_is_owed_until_it_has_helped() -> None:
    back = intended("act-2", ActionKind.SCALE_IN, BACK, undoes="act-1")
    failed = e.Finished(NOW_S, "act-2", "a", OutcomeState.FAILED, error="the engine refuses")
    assert after(*NOT_PROVEN, back, failed).service("a").owed_undo is not None
    passed = after(*NOT_PROVEN, back, done("act-2"), verified("act-2", has_passed=True))
    assert passed.service("a").owed_undo is None
    assert passed.service("a").instances_wanted == 1


def test_what_never_happened_is_not_taken_back() -> None:
    never = e.Finished(NOW_S, "act-1", "a", OutcomeState.FAILED, has_happened=False)
    state = after(NOT_PROVEN[0], never)
    assert state.service("a").owed_undo is None


def test_what_somebody_wants_anew_makes_it_moot() -> None:
    two = intended("act-3", ActionKind.SCALE_OUT, {INSTANCES: 2, BEFORE: 3})
    state = after(*NOT_PROVEN, two, done("act-3"), verified("act-3", has_passed=True))
    assert state.service("a").owed_undo is None


def test_an_undo_clears_no_escalation() -> None:
    handed = (
        e.IncidentOpened(NOW_S, "inc-1", "a", Cause.CRASH, ""),
        e.IncidentEscalated(NOW_S, "inc-1", "a", "look at it"),
    )
    back = intended("act-2", ActionKind.SCALE_IN, BACK, undoes="act-1")
    assert after(*NOT_PROVEN, *handed, back).service("a").with_a_person == "inc-1"


def test_somebody_elses_number_is_the_one_that_is_wanted() -> None:
    state = after(*NOT_PROVEN[:2], verified("act-1", has_passed=True))
    counts, one = Counts(), seen(up("a"))
    assert counts.follow(STACK, state, one, 10.0) == []
    later = Observation(NOW_S + 11.0, one.services)
    (entry,) = counts.follow(STACK, state, later, 10.0)
    assert (entry.service, entry.count) == ("a", 1)
    assert after(*NOT_PROVEN, entry).service("a").owed_undo is None


def test_who_is_gone_already_is_not_taken_back_later() -> None:
    (entry,) = Counts().follow(STACK, after(*NOT_PROVEN), seen(up("a")), 10.0)
    assert (entry.count, entry.by) == (1, "everup")


def test_a_scaled_service_is_well_with_as_many_as_are_wanted() -> None:
    what = stack(service("a", instances=3))
    fewer = after(intended("act-1", ActionKind.SCALE_IN, {INSTANCES: 2, BEFORE: 3}), done("act-1"))
    two = seen(up("a"), up("a", 1))
    assert assess(what, two).own.score("a") < 0.7
    assert assess(what, two, fewer).own.score("a") == 1.0


def test_interrupted_half_way_is_told_by_the_number() -> None:
    flight = after(NOT_PROVEN[0]).in_flight["a"]
    two = seen(up("a"), up("a", 1)).services["a"]
    assert settle(flight, two, NOW_S + 1, 10.0) is None, "it may go on still"
    ended = settle(flight, two, NOW_S + 11, 10.0)
    assert ended is not None
    assert (ended.outcome, ended.has_happened) == (OutcomeState.FAILED, True)
    three = seen(up("a"), up("a", 1), up("a", 2)).services["a"]
    settled = settle(flight, three, NOW_S + 1, 10.0)
    assert settled is not None
    assert settled.outcome is OutcomeState.DONE


def test_a_failover_stays_and_is_given_back_by_rejoin() -> None:
    over = (intended("act-1", ActionKind.FAILOVER, {"standby": "b"}), done("act-1"))
    known = after(*over).service("a")
    assert (known.stands_in, known.purpose) == ("b", Purpose.STOPPED)
    given = e.GivenBack(NOW_S, "", ("a: b stays in its place",), "everup")
    assert after(*over, given).service("a").stands_in == "b"
    back = intended("act-2", ActionKind.REJOIN, {"standby": "b"})
    known = after(*over, verified("act-1", has_passed=True), back, done("act-2")).service("a")
    assert (known.stands_in, known.purpose) == ("", Purpose.RUN)


def test_nobody_is_cut_off_after_it_was_given_back() -> None:
    cut = (intended("act-1", ActionKind.ISOLATE, {"instance": "a-1"}), done("act-1"))
    assert after(*cut).service("a").isolated == ("a-1",)
    given = e.GivenBack(NOW_S, "", ("a: it is connected to its networks again",), "everup")
    assert after(*cut, given).service("a").isolated == ()
