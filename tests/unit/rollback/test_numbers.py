"""A changed number of instances is watched as a new version is, and undone once where it hurts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.automated_recovery import propose
from everup.loop.changes import with_service
from everup.loop.counts import SOMEBODY, Counts
from everup.loop.fold import fold_all
from everup.loop.perform import perform
from everup.loop.probation import _as_many_as_then
from everup.loop.settle import settle
from everup.model import entries as e
from everup.model.decision import (
    Allowed,
    Check,
    Escalate,
    Expectation,
    ParameterValue,
    Proposal,
    Refused,
    Step,
    Verdict,
    Want,
)
from everup.model.errors import GiveUp
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Mode, Origin
from everup.model.observation import HostObservation, Observation
from everup.model.probation import Probation, ProbationEnding
from everup.model.restore import (
    PlannedStep,
    Restore,
    RestorePlan,
    RestoreStep,
    RestoreTarget,
    RunsNow,
    Wanted,
)
from everup.model.runtime import Captured, Listing
from everup.model.safe_point import FROM, TO, SafePoint, of_number_alone
from everup.model.scaling import BEFORE, INSTANCES, Obstacle, Refusal
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import ServiceState, StackState
from everup.rollback_manager import Go, NoWayBack, plan_restore, proposal_of, way_back
from everup.rollback_manager import propose as fill
from everup.rollback_manager.probation import begins_with_number, end_of, is_over_for
from everup.rollback_manager.samples import samples
from everup.safety import judge
from tests.unit.builders import NOW_S, SETTINGS, assess, context, failing, seen, service, stack, up

V, BAD = "1:one.a", "1:bad.a"
POINT = SafePoint("a", V, "app:1", NOW_S - 9000, instances=3)
KEPT = e.SafePointKept(NOW_S - 9000, "a", V, "app:1", instances=3)
SEEN_V = e.VersionSeen(NOW_S - 9500, "a", V)
FEWER = e.InstancesCounted(NOW_S - 50, "a", 1, SOMEBODY, 3, NOW_S - 60)
ROLLBACK = ActionKind.EMERGENCY_ROLLBACK
NUMBER = {FROM: V, TO: V}
ROOM = HostObservation(memory_available_bytes=8e9, memory_total_bytes=16e9)


def known(*entries: e.Entry) -> ServiceState:
    return fold_all(StackState(), entries).service("a")


def fewer(**more: object) -> ServiceState:
    return replace(known(SEEN_V, KEPT, FEWER), **more)  # type: ignore[arg-type]


def action(
    kind: ActionKind,
    count: int,
    before: int,
    *,
    origin: Origin = Origin.PERSON,
    has_passed: bool = True,
    versions: Mapping[str, str] | None = None,
) -> list[e.Entry]:
    """One that was carried out and judged."""
    parameters: dict[str, ParameterValue] = {INSTANCES: count, BEFORE: before, **(versions or {})}
    intent = e.Intended(
        *(NOW_S, "act-1", None, "key", origin, Cause.REQUESTED, Step(kind, "a", parameters)),
        *("because", Sighting(NOW_S), Expectation("a", 60.0)),
        by="ann",
    )
    evidence = Evidence(Sighting(NOW_S), (), Sighting(NOW_S), "seen")
    return [
        intent,
        e.Finished(NOW_S + 1, "act-1", "a", OutcomeState.DONE),
        e.Verified(NOW_S + 20, "act-1", "a", has_passed, "seen", evidence),
    ]


def made_of(version: str, *observed: Any) -> Observation:
    named = [replace(o, instance=replace(o.instance, version=version)) for o in observed]
    return replace(seen(*named), host=ROOM)


def ask(
    observation: Observation, remembered: ServiceState, spec: ServiceSpec | None = None
) -> tuple[object, Verdict | None]:
    what, state = stack(spec or service("a", instances=3)), StackState({"a": remembered})
    around = context(what, observation, state)
    found = propose(what, observation, around.assessment, state, around.memory, SETTINGS)
    answer: object = found[0]
    if isinstance(answer, Want):
        answer = fill(answer, what, around.assessment, state, SETTINGS)
    return answer, judge(answer, around) if isinstance(answer, Proposal) else None


SICK = made_of(V, failing("a"))


class TestKnown:
    def test_a_safe_point_says_how_many_there_were(self) -> None:
        assert known(SEEN_V, KEPT).counted == 3
        old = known(SEEN_V, replace(KEPT, instances=0))
        assert (old.counted, old.safe_points[0].instances) == (0, 0), "old journals do not say it"
        assert not replace(old, counted=1, recounted_at_s=NOW_S).has_other_number

    def test_others_are_heard_once_their_number_stands(self) -> None:
        what, state = stack(service("a")), fold_all(StackState(), [SEEN_V, KEPT])
        counts, one = Counts(), seen(up("a"))
        assert counts.follow(what, state, one, 10.0) == []
        (entry,) = counts.follow(what, state, replace(one, at_s=NOW_S + 11), 10.0)
        assert (entry.before, entry.count, entry.by) == (3, 1, SOMEBODY)
        assert entry.changed_at_s == NOW_S
        assert counts.follow(what, state, replace(seen(), at_s=NOW_S + 30), 10.0) == []

    def test_who_is_cut_off_counts_once_seen_or_not(self) -> None:
        what, state = stack(service("a")), fold_all(StackState(), [SEEN_V, KEPT])
        state = with_service(state, "a", isolated=("a-0",))
        for there in (seen(up("a"), up("a", 1), up("a", 2)), seen(up("a", 1), up("a", 2))):
            counts = Counts()
            for at_s in (NOW_S, NOW_S + 60):
                assert counts.follow(what, state, replace(there, at_s=at_s), 10.0) == []

    @pytest.mark.parametrize("name", [Obstacle.AUTO_REMOVED, Obstacle.MANAGED])
    def test_what_goes_by_itself_is_nobodys_change(self, name: Obstacle) -> None:
        what = stack(service("a", no_copies=(Refusal(name, "it goes"),)))
        state, counts = fold_all(StackState(), [SEEN_V, KEPT]), Counts()
        for at_s in (NOW_S, NOW_S + 60):
            assert counts.follow(what, state, replace(seen(up("a")), at_s=at_s), 10.0) == []

    def test_a_person_through_everup_is_watched_and_everup_is_not(self) -> None:
        persons = known(SEEN_V, KEPT, *action(ActionKind.SCALE_IN, 1, 3))
        assert persons.has_other_number
        assert persons.recounted_by == "ann"
        assert begins_with_number(persons)
        own = known(SEEN_V, KEPT, *action(ActionKind.SCALE_OUT, 4, 3, origin=Origin.RECOVERY))
        assert (own.counted, own.has_other_number) == (4, False)
        vain = known(SEEN_V, KEPT, *action(ActionKind.SCALE_IN, 1, 3, has_passed=False))
        assert not vain.has_other_number, "it takes itself back"
        assert vain.owed_undo is not None

    def test_it_is_proven_by_being_kept(self) -> None:
        proven = known(SEEN_V, KEPT, FEWER, replace(KEPT, at_s=NOW_S, instances=1))
        assert not proven.has_other_number
        assert [p.instances for p in proven.safe_points] == [1]


class TestProbation:
    def test_it_begins_once(self) -> None:
        assert begins_with_number(fewer())
        past = Probation(NOW_S - 60, V, ended_at_s=NOW_S, ending=ProbationEnding.ESCALATED)
        assert not begins_with_number(fewer(past_probation=past))
        assert not begins_with_number(fewer(probation=Probation(NOW_S - 60, V)))
        assert not begins_with_number(known(SEEN_V, KEPT))

    def test_it_is_not_kept_before_it_was_watched(self) -> None:
        """The look that hears of it is not yet one in which it is on probation."""
        assert not is_over_for(fewer(), NOW_S, SETTINGS)
        assert is_over_for(fewer(), NOW_S - 60 + SETTINGS.probation_s, SETTINGS)

    def test_each_way_to_end(self) -> None:
        on = Probation(NOW_S - 60, V)

        def ending(remembered: ServiceState) -> ProbationEnding | None:
            found = end_of(
                replace(remembered, probation=on), NOW_S + 60, SETTINGS, has_incident=False
            )
            return None if found is None else found.ending

        assert ending(fewer()) is None
        kept = replace(KEPT, at_s=NOW_S, instances=1)
        assert ending(known(SEEN_V, KEPT, FEWER, kept)) is ProbationEnding.SAFE_POINT
        again = replace(FEWER, count=3, before=1, at_s=NOW_S, changed_at_s=NOW_S - 11)
        assert ending(known(SEEN_V, KEPT, FEWER, again)) is ProbationEnding.SAFE_POINT
        back = action(ROLLBACK, 3, 1, origin=Origin.ROLLBACK, versions=NUMBER)
        assert ending(known(SEEN_V, KEPT, FEWER, *back)) is ProbationEnding.ROLLED_BACK
        assert ending(fewer(with_a_person="inc-1")) is ProbationEnding.ESCALATED

    def test_fewer_that_carry_more_each_are_no_load_from_outside(self) -> None:
        answers = samples([NOW_S - 100, NOW_S], [0.1, 0.3], cpu_ratio=[0.2, 0.6])
        told = _as_many_as_then(fewer(), answers).cpu_ratio
        assert np.allclose(told, [0.2, 0.2])
        assert np.allclose(_as_many_as_then(known(SEEN_V, KEPT), answers).cpu_ratio, [0.2, 0.6])


class TestUndone:
    def test_who_is_sick_with_fewer_gets_back_as_many(self) -> None:
        found, verdict = ask(SICK, fewer())
        assert isinstance(found, Proposal)
        assert (found.kind, found.origin, found.cause) == (
            ROLLBACK,
            Origin.ROLLBACK,
            Cause.BAD_DEPLOY,
        )
        step = found.steps[0]
        assert (step.parameters[INSTANCES], step.parameters[BEFORE]) == (3, 1)
        assert of_number_alone(step.parameters)
        assert found.expectation.instances == 3
        assert "1 instances in place of 3" in found.reason
        assert isinstance(verdict, Allowed), verdict

    def test_both_go_back_at_once(self) -> None:
        found, verdict = ask(made_of(BAD, failing("a")), fewer(version=BAD, changed_at_s=NOW_S - 9))
        assert isinstance(found, Proposal)
        parameters = found.steps[0].parameters
        assert (parameters[FROM], parameters[TO], parameters[INSTANCES]) == (BAD, V, 3)
        assert not of_number_alone(parameters)
        assert (found.expectation.version, found.expectation.instances) == (V, 3)
        assert isinstance(verdict, Allowed), verdict

    def test_the_same_change_once(self) -> None:
        found, _ = ask(SICK, fewer(undone=("*1",)))
        assert isinstance(found, Escalate)
        assert "3 instances once, and the same change came back" in found.text
        other, _ = ask(SICK, fewer(undone=("*2",)))
        assert isinstance(other, Proposal)

    @pytest.mark.parametrize(
        "changes",
        [
            {"is_stateful": True},
            {"no_copies": (Refusal(Obstacle.DEVICE, "it holds a device"),)},
            {"has_bounds": True, "max_instances": 2},
        ],
    )
    def test_what_cannot_have_as_many_is_healed_as_ever(self, changes: dict[str, Any]) -> None:
        spec = service("a", **changes)
        found, _ = ask(SICK, fewer(), spec)
        assert getattr(found, "cause", None) is not Cause.BAD_DEPLOY
        assert isinstance(way_back(spec, fewer(), SETTINGS), NoWayBack)

    def test_no_more_than_the_machine_has_room_for(self) -> None:
        full = replace(SICK, host=replace(ROOM, memory_available_bytes=1e8))
        full = replace(full, services={"a": replace(full.services["a"])})
        spec = service("a", limits=replace(service("a").limits, memory_bytes=1e9))
        _, verdict = ask(full, fewer(), spec)
        assert isinstance(verdict, Refused)
        assert verdict.check is Check.HEADROOM

    def test_without_a_change_there_is_nothing_to_undo(self) -> None:
        found, _ = ask(SICK, known(SEEN_V, KEPT))
        assert getattr(found, "kind", None) is not ROLLBACK
        what = stack(service("a", instances=3), mode=Mode.AUTO)
        state = StackState({"a": known(SEEN_V, KEPT)})
        stale, _ = ask(SICK, fewer())
        assert isinstance(stale, Proposal)
        verdict = judge(stale, context(what, SICK, state))
        assert isinstance(verdict, Refused)
        assert verdict.check is Check.SOMEONE_ELSES_CHANGE


class TestWayBack:
    def test_what_did_not_help_is_taken_back_and_not_tried_again(self) -> None:
        vain = action(ROLLBACK, 3, 1, origin=Origin.ROLLBACK, has_passed=False, versions=NUMBER)
        state = known(SEEN_V, KEPT, FEWER, *vain)
        undo = state.owed_undo
        assert undo is not None
        assert (undo.kind, undo.parameters[INSTANCES]) == (ActionKind.SCALE_IN, 1)
        assert state.undone == ("*1",)
        gone = known(SEEN_V, KEPT, FEWER, *vain, e.InstancesCounted(NOW_S + 30, "a", 1, "everup"))
        found, _ = ask(SICK, gone)
        assert isinstance(found, Escalate)
        assert "tried once and did not help" in found.text

    def test_a_version_that_went_back_stays(self) -> None:
        both = {FROM: BAD, TO: V}
        vain = action(ROLLBACK, 3, 1, origin=Origin.ROLLBACK, has_passed=False, versions=both)
        state = known(SEEN_V, KEPT, FEWER, *vain)
        assert state.owed_undo is None
        assert set(state.undone) == {BAD, "*1"}

    @pytest.mark.parametrize(
        ("there", "parameters", "outcome", "has_happened"),
        [
            (3, {FROM: V, TO: V}, OutcomeState.DONE, True),
            (1, {FROM: V, TO: V}, OutcomeState.FAILED, False),
            (2, {FROM: V, TO: V}, OutcomeState.FAILED, True),
            (3, {FROM: BAD, TO: V}, OutcomeState.DONE, True),
            (1, {FROM: BAD, TO: V}, OutcomeState.FAILED, False),
        ],
    )
    def test_settled_by_what_is_there(
        self, there: int, parameters: dict[str, str], outcome: OutcomeState, has_happened: bool
    ) -> None:
        entries = action(ROLLBACK, 3, 1, versions=parameters)[:1]
        flight = fold_all(StackState(), entries).in_flight["a"]
        look = made_of(V, *(up("a", n) for n in range(there)))
        found = settle(flight, look.services["a"], NOW_S + 999, 10.0)
        assert found is not None
        assert (found.outcome, found.has_happened) == (outcome, has_happened)


class _Hands:
    """A runtime that notes what it is told."""

    def __init__(self, refuses: bool) -> None:
        self.did: list[str] = []
        self.refuses = refuses

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        self.did.append(f"restore {captured.version}")
        return ["it runs from app:1 again"]

    async def list(self) -> Listing:
        return Listing(NOW_S, ())

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        if self.refuses:
            raise GiveUp("no room")
        self.did.append(f"have {count}")

    def __getattr__(self, name: str) -> Any:
        async def nothing(*_: Any, **__: Any) -> Sequence[str]:
            return ()

        return nothing


class _Clock:
    def now(self) -> float:
        return NOW_S


@pytest.mark.parametrize(
    ("frm", "count", "before", "did"),
    [
        (V, 3, 1, ["have 3"]),
        (BAD, 3, 1, [f"restore {V}", "have 3"]),
        (BAD, 1, 3, ["have 1", f"restore {V}"]),
        (BAD, 0, 0, [f"restore {V}"]),
    ],
)
@pytest.mark.parametrize("refuses", [False, True])
def test_how_it_is_done(frm: str, count: int, before: int, did: list[str], refuses: bool) -> None:
    """No more copies than needed are exchanged, and none is made of what it goes back from."""
    hands = _Hands(refuses)
    number = {INSTANCES: count, BEFORE: before} if count else {}
    (intent,) = action(ROLLBACK, count, before, versions={FROM: frm, TO: V})[:1]
    assert isinstance(intent, e.Intended)
    step = replace(intent.step, parameters={FROM: frm, TO: V, "grace_s": 1.0, **number})
    intent = replace(intent, step=step)

    async def kept(service: str, version: str) -> Captured:
        return Captured(service, {}, version)

    ended = asyncio.run(
        perform(cast(Any, hands), cast(Any, _Clock()), SETTINGS, service("a"), intent, kept=kept)
    )
    if not refuses or not count:
        assert (hands.did, ended.outcome) == (did, OutcomeState.DONE)
        return
    assert ended.outcome is OutcomeState.FAILED
    is_rest = did[0].startswith("restore")
    assert ended.has_happened is not is_rest, "what is left is a step of its own"


class TestRestores:
    WHAT: Stack = stack(service("a"))

    def plan(
        self, runs: RunsNow, wanted: Wanted, spec: ServiceSpec | None = None
    ) -> tuple[tuple[PlannedStep, ...], str]:
        target = RestoreTarget({"a": wanted}, "snap-1")
        what = stack(spec) if spec is not None else self.WHAT
        found = plan_restore(target, what, StackState(), {"a": runs}, {}, SETTINGS)
        left = "; ".join(one.reason for one in found.left)
        if not isinstance(found, RestorePlan):
            return (), left
        assert not found.refusals
        return found.steps, "; ".join([left, *found.notes])

    def test_another_number_alone_is_a_step(self) -> None:
        (step,), _ = self.plan(RunsNow("a", V, "app:1", 1), Wanted("a", V, "app:1", instances=3))
        assert (step.instances_now, step.instances_then) == (1, 3)
        assert (step.from_title, step.to_title) == ("app:1, 1 instance", "app:1, 3 instances")
        steps, left = self.plan(RunsNow("a", V, "app:1", 3), Wanted("a", V, "app:1", instances=3))
        assert not steps
        assert "already" in left
        assert self.plan(RunsNow("a", V), Wanted("a", V))[0] == ()

    def test_where_it_cannot_be_the_rest_goes_back_all_the_same(self) -> None:
        spec = service("a", has_bounds=True, max_instances=2)
        runs, wanted = RunsNow("a", BAD, "app:2", 1), Wanted("a", V, "app:1", instances=3)
        (step,), told = self.plan(runs, wanted, spec)
        assert step.instances_then == 0
        assert "which stays: 3 instances of a are outside of its bounds" in told
        one_way = service("a", is_one_way=True)
        (step,), _ = self.plan(RunsNow("a", V, "app:1", 1), wanted, one_way)
        assert step.instances_then == 3, "a number is no schema"

    @pytest.mark.parametrize("is_back", [False, True])
    def test_forward_and_back(self, is_back: bool) -> None:
        step = RestoreStep("a", BAD, V, "app:2", "app:1", from_instances=1, to_instances=3)
        restore = Restore("res-1", "ann", Origin.PERSON, "", NOW_S, (step,), back_because="no")
        found = proposal_of(
            Go(step, is_back),
            restore,
            self.WHAT,
            assess(self.WHAT, SICK),
            StackState(),
            SETTINGS,
            is_running=True,
        )
        parameters = found.steps[0].parameters
        wanted = (BAD, 1, 3) if is_back else (V, 3, 1)
        assert (parameters[TO], parameters[INSTANCES], parameters[BEFORE]) == wanted
        assert found.expectation.instances == wanted[1]


NUMBERS = st.integers(1, 4)
WORDS = st.one_of(
    st.builds(lambda n: [replace(FEWER, count=n, before=0)], NUMBERS),
    st.builds(lambda n: [replace(KEPT, instances=n)], NUMBERS),
    st.builds(lambda n, b: action(ActionKind.SCALE_IN, n, b), NUMBERS, NUMBERS),
    st.builds(
        lambda n, b, ok: action(ROLLBACK, n, b, has_passed=ok, versions=NUMBER),
        NUMBERS,
        NUMBERS,
        st.booleans(),
    ),
)


@given(st.lists(WORDS, max_size=12))
def test_what_was_just_kept_or_proven_is_never_on_trial(words: list[list[e.Entry]]) -> None:
    entries = [SEEN_V, KEPT, *(entry for word in words for entry in word)]
    remembered = known(*entries)
    assert remembered.counted >= 1
    last = entries[-1]
    if isinstance(last, e.SafePointKept) and remembered.counted == last.instances:
        assert not remembered.has_other_number
        assert f"*{last.instances}" not in remembered.undone
    if remembered.has_other_number:
        assert remembered.recounted_at_s is not UNKNOWN
        assert remembered.counted != remembered.safe_points[-1].instances
