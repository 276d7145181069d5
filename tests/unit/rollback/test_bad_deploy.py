"""A change that never worked is undone, once; no crash without a change leads to a rollback."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.automated_recovery import propose
from everup.model.decision import Allowed, Check, Delayed, Escalate, Proposal, Refused, Want
from everup.model.kinds import UNKNOWN, ActionKind, Cause, InstanceState, Mode, Origin
from everup.model.observation import Exit, InstanceObservation, Observation
from everup.model.probation import Probation
from everup.model.safe_point import FROM, TO, SafePoint
from everup.model.stack import ServiceSpec
from everup.model.state import PastAction, ServiceState, StackState
from everup.rollback_manager import propose as fill
from everup.safety import judge
from tests.unit.builders import NOW_S, SETTINGS, context, dead, failing, seen, service, stack, up

OLD, NEW = "1:old.a", "1:new.a"
DEATHS = tuple(Exit(NOW_S - n, 1) for n in (3, 2, 1))
ROLLBACK = ActionKind.EMERGENCY_ROLLBACK


def made_of(one: InstanceObservation, version: str = NEW) -> InstanceObservation:
    return replace(one, instance=replace(one.instance, version=version))


def changed(
    ago_s: float = 30.0, *, version: str = NEW, undone: tuple[str, ...] = (), **more: object
) -> StackState:
    point = SafePoint("a", OLD, "app:1 (old)", NOW_S - 900)
    known = ServiceState(
        version=version, changed_at_s=NOW_S - ago_s, safe_points=(point,), undone=undone
    )
    return StackState(services={"a": replace(known, **more)})  # type: ignore[arg-type]


def ask(
    observation: Observation,
    state: StackState,
    spec: ServiceSpec | None = None,
    mode: Mode = Mode.AUTO,
) -> tuple[object, object]:
    """(what is decided, what the gate says to it)."""
    what = stack(spec or service("a"), mode=mode)
    around = context(what, observation, state)
    (answer,) = propose(what, observation, around.assessment, state, around.memory, SETTINGS)
    if isinstance(answer, Want):
        answer = fill(answer, what, around.assessment, state, SETTINGS)
    verdict = judge(answer, around) if isinstance(answer, Proposal) else None
    return answer, verdict


LOOPS = seen(made_of(dead("a")), exits=DEATHS)
SAYS_NO = seen(made_of(failing("a")))


class TestUndone:
    @pytest.mark.parametrize("observation", [LOOPS, SAYS_NO])
    def test_what_never_worked_since_it_was_changed(self, observation: Observation) -> None:
        found, verdict = ask(observation, changed())
        assert isinstance(found, Proposal)
        assert (found.kind, found.origin, found.cause) == (
            ROLLBACK,
            Origin.ROLLBACK,
            Cause.BAD_DEPLOY,
        )
        step = found.steps[0]
        assert (step.parameters[FROM], step.parameters[TO]) == (NEW, OLD)
        assert found.expectation.version == OLD
        assert "app:1 (old)" in found.reason
        assert isinstance(verdict, Allowed)

    def test_its_own_change_does_not_hold_it_back_nor_do_starts_before(self) -> None:
        starts = tuple(
            PastAction(
                *(f"act-{n}", "a", ActionKind.CONTAINER_RESTART, Origin.RECOVERY, Cause.CRASH),
                *(NOW_S - n, NOW_S - n, False, False),
            )
            for n in (3, 2)
        )
        observation = replace(LOOPS, changes={"a": NOW_S - 1}, changing_since={"a": NOW_S - 9})
        _, verdict = ask(observation, changed(past=starts))
        assert isinstance(verdict, Allowed)

    @pytest.mark.parametrize(("in_vain", "is_undone"), [(1, False), (2, True)])
    def test_starts_that_it_did_not_survive_are_deaths(self, in_vain: int, is_undone: bool) -> None:
        """It ends before the start is over, so that nobody sees it end."""
        starts = tuple(
            PastAction(
                *(f"act-{n}", "a", ActionKind.CONTAINER_RESTART, Origin.RECOVERY, Cause.CRASH),
                *(NOW_S - 20 + n, NOW_S - 19.5 + n, False, False),
            )
            for n in range(in_vain)
        )
        observation = seen(made_of(dead("a")), exits=(Exit(NOW_S - 25, 1),))
        found, _ = ask(observation, changed(past=starts))
        assert isinstance(found, Proposal)
        assert (found.kind is ROLLBACK) is is_undone

    def test_in_mode_observe_it_is_only_said(self) -> None:
        _, verdict = ask(LOOPS, changed(), mode=Mode.OBSERVE)
        assert isinstance(verdict, Refused)
        assert verdict.check is Check.MODE

    def test_the_same_change_once(self) -> None:
        found, _ = ask(LOOPS, changed(undone=(NEW,)))
        assert isinstance(found, Escalate)
        assert "the same change came back" in found.text

    def test_what_did_not_help_is_told_so(self) -> None:
        tried = PastAction(
            *("act-1", "a", ROLLBACK, Origin.ROLLBACK, Cause.BAD_DEPLOY),
            *(NOW_S - 90, NOW_S - 60, False, True),
        )
        found, _ = ask(LOOPS, changed(undone=(NEW,), past=(tried,)))
        assert isinstance(found, Escalate)
        assert "was tried once and did not help" in found.text

    def test_ten_minutes_lie_between_two(self) -> None:
        tried = PastAction(
            *("act-1", "a", ROLLBACK, Origin.ROLLBACK, Cause.BAD_DEPLOY),
            *(NOW_S - 500, NOW_S - 480, True, True),
        )
        _, verdict = ask(SAYS_NO, changed(undone=("1:other.a",), past=(tried,)))
        assert isinstance(verdict, Delayed)
        assert verdict.check is Check.COOLDOWN


class TestLeftAlone:
    @pytest.mark.parametrize(
        "state",
        [
            changed(SETTINGS.rollback_window_s + 1),
            changed(version=OLD),
            changed(safe_points=()),
            changed(version="1:another.a"),
        ],
    )
    def test_what_no_change_explains(self, state: StackState) -> None:
        found, _ = ask(LOOPS, state)
        assert isinstance(found, Proposal)
        assert (found.kind, found.cause) == (ActionKind.CONTAINER_RESTART, Cause.CRASH_LOOP)

    def test_deaths_from_before_the_change(self) -> None:
        found, _ = ask(LOOPS, changed(1.5))
        assert isinstance(found, Proposal)
        assert found.kind is not ROLLBACK

    def test_a_first_death_is_no_proof(self) -> None:
        found, _ = ask(seen(made_of(dead("a"))), changed())
        assert isinstance(found, Proposal)
        assert (found.kind, found.cause) == (ActionKind.CONTAINER_RESTART, Cause.CRASH)

    def test_one_that_nobody_changed_is_ill_as_well(self) -> None:
        both = seen(made_of(failing("a")), made_of(failing("a", number=1), OLD))
        found, _ = ask(both, changed(), service("a", instances=2))
        assert getattr(found, "cause", None) is not Cause.BAD_DEPLOY


class TestStateful:
    def test_never_unless_it_is_declared_safe(self) -> None:
        found, _ = ask(LOOPS, changed(), service("a", is_stateful=True))
        assert getattr(found, "kind", None) is not ROLLBACK

    @pytest.mark.parametrize("observation", [LOOPS, seen(made_of(failing("a", for_s=90.0)))])
    def test_then_it_asks_in_mode_auto_too(self, observation: Observation) -> None:
        spec = service("a", is_stateful=True, rollback_is_safe=True)
        found, verdict = ask(observation, changed(120.0), spec)
        assert isinstance(found, Proposal)
        assert found.kind is ROLLBACK
        assert isinstance(verdict, Delayed)
        assert (verdict.check, verdict.needs_approval) == (Check.APPROVAL, True)


INSTANCES = st.sampled_from(
    [
        dead("a"),
        dead("a", code=-9),
        failing("a"),
        failing("a", idle=True, letter="T"),
        up("a"),
        replace(up("a"), instance=replace(up("a").instance, state=InstanceState.RESTARTING)),
    ]
)
VERSIONS = st.sampled_from([OLD, NEW, "1:third.a", ""])


@given(
    one=INSTANCES,
    runs=VERSIONS,
    points=st.lists(VERSIONS.filter(bool), max_size=2, unique=True),
    undone=st.lists(VERSIONS.filter(bool), max_size=2),
    changed_ago_s=st.none() | st.floats(0, 8000),
    deaths=st.integers(0, 6),
    stateful=st.booleans(),
)
def test_no_crash_without_a_change_leads_to_a_rollback(
    one: InstanceObservation,
    runs: str,
    points: list[str],
    undone: list[str],
    changed_ago_s: float | None,
    deaths: int,
    stateful: bool,
) -> None:
    """Whatever is wrong with it: only what was changed lately, was never safe since, and was not
    undone before goes back; to something else, that was safe."""
    known = ServiceState(
        version=runs,
        changed_at_s=UNKNOWN if changed_ago_s is None else NOW_S - changed_ago_s,
        safe_points=tuple(SafePoint("a", p, p, NOW_S - 9000) for p in points),
        undone=tuple(undone),
    )
    exits = tuple(Exit(NOW_S - n, 1) for n in range(deaths))
    what = stack(service("a", is_stateful=stateful))
    observation, state = seen(made_of(one, runs), exits=exits), StackState(services={"a": known})
    around = context(what, observation, state)
    for answer in propose(what, observation, around.assessment, state, around.memory, SETTINGS):
        if not isinstance(answer, Want):
            continue
        filled = fill(answer, what, around.assessment, state, SETTINGS)
        if isinstance(filled, Escalate):
            continue
        assert changed_ago_s is not None
        assert changed_ago_s <= SETTINGS.rollback_window_s
        assert not stateful
        assert runs not in undone
        assert points[-1] != runs
        assert filled.steps[0].parameters[TO] == points[-1]


@pytest.mark.parametrize("made", [OLD, NEW])
@pytest.mark.parametrize("since_s", [60.0, SETTINGS.rollback_window_s + 60.0])
def test_files_that_never_rest_are_no_deploy(made: str, since_s: float) -> None:
    point = SafePoint("a", f"{OLD}+f1", "app:1", NOW_S - 90_000)
    state = changed(
        9.0, version=f"{made}+f9", safe_points=(point,), probation=Probation(NOW_S - since_s, OLD)
    )
    observation = seen(made_of(dead("a"), f"{made}+f9"), exits=DEATHS)
    found, _ = ask(observation, state, service("a", restores_files=True))
    kind = found.kind if isinstance(found, Proposal | Want) else None
    assert (kind is ROLLBACK) is (since_s <= SETTINGS.rollback_window_s), found
