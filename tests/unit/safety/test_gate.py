"""Every check of the gate, in its order, by one case that it must stop and one it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.automated_recovery import propose
from everup.model.decision import (
    Allowed,
    Check,
    Delayed,
    Expectation,
    Hold,
    HoldReason,
    Proposal,
    Refused,
    Step,
)
from everup.model.evidence import Sighting
from everup.model.kinds import ActionKind, Cause, Mode, Origin
from everup.model.observation import Heard, InstanceObservation, MonitorObservation, Observation
from everup.model.stack import ProbeSpec, Stack
from everup.model.state import (
    Freeze,
    InFlight,
    Memory,
    PastAction,
    Phase,
    ServiceMemory,
    ServiceState,
    StackState,
)
from everup.model.window import Window
from everup.safety import CHECKS, judge
from everup.safety.pace import backoff_s, tokens
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    context,
    dead,
    failing,
    seen,
    service,
    settled_memory,
    stack,
    up,
)

ONE = stack(service("a"))
HUNG = seen(failing("a", letter="T", for_s=30))
DEAD = seen(dead("a"))


def proposal(what: Stack, observation: Observation, state: StackState | None = None) -> Proposal:
    known = state or StackState()
    answers = propose(
        what, observation, assess(what, observation, known), known, settled_memory(what), SETTINGS
    )
    found = [a for a in answers if isinstance(a, Proposal)]
    assert found, answers
    return found[0]


def past(kind: ActionKind, ended_ago_s: float, *, on_running: bool = True) -> PastAction:
    ended_s = NOW_S - ended_ago_s
    return PastAction(
        "act", "a", kind, Origin.RECOVERY, Cause.HANG, ended_s - 5, ended_s, True, on_running
    )


def test_the_order_of_the_checks_is_the_designs() -> None:
    assert [check for check, _ in CHECKS] == list(Check)


def test_a_plain_crash_is_allowed() -> None:
    assert isinstance(judge(proposal(ONE, DEAD), context(ONE, DEAD)), Allowed)


@pytest.mark.parametrize("scope", ["", "a"])
def test_freeze_stops_everything_of_its_scope_until_it_ends(scope: str) -> None:
    frozen = StackState(freezes={scope: Freeze(scope, "backup", "ann", NOW_S - 5)})
    verdict = judge(proposal(ONE, DEAD), context(ONE, DEAD, frozen))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.FREEZE
    over = StackState(freezes={scope: Freeze(scope, "backup", "ann", NOW_S - 5, NOW_S - 1)})
    assert isinstance(judge(proposal(ONE, DEAD), context(ONE, DEAD, over)), Allowed)


def test_observe_refuses_and_binds_no_person() -> None:
    what = replace(ONE, mode=Mode.OBSERVE)
    ours = proposal(what, DEAD)
    verdict = judge(ours, context(what, DEAD))
    assert isinstance(verdict, Refused)
    assert verdict.check is Check.MODE
    assert isinstance(judge(replace(ours, origin=Origin.PERSON), context(what, DEAD)), Allowed)


def test_approve_asks() -> None:
    what = replace(ONE, mode=Mode.APPROVE)
    verdict = judge(proposal(what, DEAD), context(what, DEAD))
    assert isinstance(verdict, Delayed)
    assert verdict.needs_approval


def test_who_cannot_write_the_journal_does_not_act() -> None:
    verdict = judge(proposal(ONE, DEAD), context(ONE, DEAD, cannot_act="disk full"))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.LEADERSHIP


@pytest.mark.parametrize(
    "monitor",
    [
        MonitorObservation(faults=("canary exec: Too many open files",)),
        MonitorObservation(engine_fault="no listing"),
        MonitorObservation(stale=("a", "b", "c")),
    ],
)
def test_blind_eyes_do_nothing(monitor: MonitorObservation) -> None:
    observation = replace(DEAD, monitor=monitor)
    what = stack(service("a"), service("b"), service("c"))
    observation = replace(seen(dead("a"), up("b"), up("c")), monitor=monitor)
    verdict = judge(proposal(what, observation), context(what, observation))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.MONITOR_SANE


def test_who_was_never_well_by_its_owners_check_did_not_fall_ill() -> None:
    owners = ProbeSpec(is_owners=True)
    what = stack(*[service(n, probe=owners) for n in "abc"])
    sick = [failing(n) for n in "abc"]
    fresh = [
        replace(one, probe=replace(one.probe, has_ever_passed=False)) if one.probe else one
        for one in sick
    ]
    assert context(what, seen(*sick)).fresh_roots == 3
    assert context(what, seen(*fresh)).fresh_roots == 0
    ours = stack(*[service(n) for n in "abc"])
    assert context(ours, seen(*fresh)).fresh_roots == 3, "we may be the ones who cannot ask"
    known = StackState({"a": ServiceState(lives={"a-0": "old"})})
    assert context(what, seen(*fresh), known).fresh_roots == 1


def test_a_mass_failure_is_our_fault_but_reported_deaths_are_seen() -> None:
    names = ["a", "b", "c", "d"]
    what = stack(*(service(n) for n in names))
    sick = seen(*(failing(n, letter="T", for_s=30) for n in names))
    verdict = judge(proposal(what, sick), context(what, sick))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.MONITOR_SANE
    gone = seen(*(dead(n) for n in names))
    assert isinstance(judge(proposal(what, gone), context(what, gone)), Allowed)


def test_checks_that_all_fall_silent_are_the_hosts_fault_for_as_long_as_it_lasts() -> None:
    """Longer than one moment's fault; but not where the kernel proves each hang."""
    names = ["a", "b", "c", "d"]
    what = stack(*(service(n, probe=ProbeSpec(is_owners=True)) for n in names))
    silent = seen(*(failing(n, for_s=900, times=50, heard=Heard.SILENCE) for n in names))
    verdict = judge(proposal(what, silent), context(what, silent))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.MONITOR_SANE
    assert "checks of 4 services have no answer in time" in verdict.reason
    hung = seen(*(failing(n, letter="T", for_s=900, heard=Heard.SILENCE) for n in names))
    assert isinstance(judge(proposal(what, hung), context(what, hung)), Allowed)


def test_maintenance_window() -> None:
    what = replace(ONE, maintenance=(Window(590, 630),))
    verdict = judge(proposal(what, DEAD), context(what, DEAD))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.MAINTENANCE


def test_someone_elses_change_is_waited_for() -> None:
    observation = replace(DEAD, changes={"a": NOW_S - 3})
    verdict = judge(proposal(ONE, observation), context(ONE, observation))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.SOMEONE_ELSES_CHANGE


def test_what_somebody_is_stopping_is_theirs_whatever_is_to_be_done() -> None:
    hung = failing("a", letter="T", for_s=30)
    stopping = replace(hung, instance=replace(hung.instance, ending="docker stop"))
    observation, given = seen(stopping), proposal(ONE, HUNG)
    for kind in (given.kind, ActionKind.EMERGENCY_ROLLBACK, ActionKind.SCALE_UP):
        asked = replace(given, steps=(Step(kind, "a"),))
        verdict = judge(asked, context(ONE, observation))
        assert isinstance(verdict, Delayed)
        assert verdict.check is Check.SOMEONE_ELSES_CHANGE
        assert "a-0 (docker stop)" in verdict.reason
    other = replace(given, steps=(Step(given.kind, "a", {"instance": "a-1"}),))
    assert isinstance(judge(other, context(ONE, observation)), Allowed)
    start = replace(given, steps=(Step(ActionKind.START, "a"),), origin=Origin.PERSON)
    assert isinstance(judge(start, context(ONE, observation)), Allowed)
    (held,) = propose(
        ONE, observation, assess(ONE, observation), StackState(), settled_memory(ONE), SETTINGS
    )
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.STOPPED_ON_PURPOSE


def test_cooldown_is_per_kind_and_for_running_instances_only() -> None:
    state = StackState({"a": ServiceState(past=(past(ActionKind.GRACEFUL_RESTART, 200),))})
    gentle = proposal(ONE, HUNG)
    assert gentle.kind is ActionKind.GRACEFUL_RESTART
    verdict = judge(gentle, context(ONE, HUNG, state))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.COOLDOWN
    assert verdict.until_s == NOW_S + 100
    assert isinstance(judge(proposal(ONE, DEAD, state), context(ONE, DEAD, state)), Allowed)


def test_backoff_and_budget() -> None:
    start = ActionKind.CONTAINER_RESTART
    recent = StackState({"a": ServiceState(past=(past(start, 2, on_running=False),))})
    verdict = judge(proposal(ONE, DEAD, recent), context(ONE, DEAD, recent))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.BUDGET


def test_dependencies_come_first_and_must_have_held_for_two_windows() -> None:
    what = stack(service("db"), service("a", "db"))
    ours = proposal(what, seen(up("db"), dead("a")))
    sick = seen(failing("db"), dead("a"))
    verdict = judge(ours, context(what, sick))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.DEPENDENCY_ORDER
    memory = settled_memory(what)
    fresh = replace(
        memory, services={**memory.services, "db": ServiceMemory(last_bad_s=NOW_S - 15)}
    )
    well = seen(up("db"), dead("a"))
    assert isinstance(judge(ours, context(what, well, memory=fresh)), Delayed)
    old = replace(memory, services={**memory.services, "db": ServiceMemory(last_bad_s=NOW_S - 21)})
    assert isinstance(judge(ours, context(what, well, memory=old)), Allowed)


def test_what_was_sick_before_our_start_must_be_well_for_as_long_as_anybody() -> None:
    """No look of this life saw it sick; the journal says that a person has it."""
    what = stack(service("db"), service("a", "db"))
    well = seen(up("db"), dead("a"))
    ours = proposal(what, well)
    state = StackState({"db": ServiceState(with_a_person="inc-1", escalated_cause=Cause.HANG)})
    memory = settled_memory(what)
    for healthy_s, expected in ((5, Delayed), (SETTINGS.two_windows_s + 1, Allowed)):
        known = ServiceMemory(NOW_S - 500, healthy_since_s=NOW_S - healthy_s)
        seen_so = replace(memory, services={**memory.services, "db": known})
        assert isinstance(judge(ours, context(what, well, state, memory=seen_so)), expected)


def test_what_fell_ill_before_anybody_looked_may_be_the_victim_of_what_is_well_again() -> None:
    """The journal knows of no outage: it happened while no Everup was there."""
    what = stack(service("db"), service("a", "db"))
    well = seen(up("db"), dead("a"))
    ours = proposal(what, well)
    began_s = assess(what, well).relations.findings["a"].since_s
    for since_start_s, healthy_s, expected in (
        (-1, 5, Allowed),
        (1, 5, Delayed),
        (1, SETTINGS.two_windows_s + 1, Allowed),
    ):
        known = ServiceMemory(NOW_S - 500, healthy_since_s=NOW_S - healthy_s)
        memory = settled_memory(what)
        memory = replace(
            memory,
            first_look_s=began_s + since_start_s,
            services={**memory.services, "db": known},
        )
        assert isinstance(judge(ours, context(what, well, memory=memory)), expected)


def _last_asked(one: InstanceObservation, ago_s: float) -> InstanceObservation:
    assert one.probe is not None
    return replace(one, probe=replace(one.probe, at_s=NOW_S - ago_s))


def test_a_dependency_must_have_answered_well_at_last() -> None:
    """By its score alone one failure is no trouble yet; it may be the beginning of one."""
    what = stack(service("db"), service("a", "db"))
    ours = proposal(what, seen(up("db"), dead("a")))
    silent = seen(failing("db", for_s=1, times=1), dead("a"))
    verdict = judge(ours, context(what, silent))
    assert isinstance(verdict, Delayed)
    assert "no good one" in verdict.reason
    one_of_two = seen(failing("db", for_s=1, times=1), up("db", number=1), dead("a"))
    assert isinstance(judge(ours, context(what, one_of_two)), Allowed)


def test_a_dependency_must_have_been_asked_since_the_trouble_began() -> None:
    what = stack(service("db"), service("a", "db"))
    sick = failing("a", for_s=9)
    early = seen(_last_asked(up("db"), 10.0), sick)
    ours = proposal(what, early)
    verdict = judge(ours, context(what, early))
    assert isinstance(verdict, Delayed)
    assert "since the trouble began" in verdict.reason
    assert isinstance(judge(ours, context(what, seen(_last_asked(up("db"), 3.0), sick))), Allowed)
    gone = seen(_last_asked(up("db"), 10.0), dead("a"))
    assert isinstance(judge(proposal(what, gone), context(what, gone)), Allowed), "starts at once"


def test_stateful_waits_and_asks() -> None:
    what = stack(service("a", is_stateful=True))
    late = seen(failing("a", letter="T", for_s=70))
    ours = proposal(what, late)
    assert ours.kind is ActionKind.GRACEFUL_RESTART
    assert float(ours.steps[0].parameters["grace_s"]) >= 60
    assert isinstance(judge(ours, context(what, late)), Allowed)
    early = seen(failing("a", letter="T", for_s=30))
    assert isinstance(judge(ours, context(what, early)), Delayed)


def test_the_last_healthy_instance_stays() -> None:
    what = stack(service("a"))
    ours = proposal(what, HUNG)
    verdict = judge(ours, context(what, seen(up("a"))))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.MINIMUM_HEALTHY


def test_history_that_broke_is_watched_first() -> None:
    memory = Memory(complete_since_s=NOW_S - 1, hold_until_s=NOW_S + 5)
    verdict = judge(proposal(ONE, DEAD), context(ONE, DEAD, memory=memory))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.MONITOR_SANE


def test_an_override_passes_its_own_check_only() -> None:
    frozen = StackState(freezes={"": Freeze("", "x", "ann", NOW_S)})
    ours = replace(proposal(ONE, DEAD), overrides={"freeze": "it burns"})
    assert isinstance(judge(ours, context(ONE, DEAD, frozen)), Allowed)
    never = replace(proposal(ONE, DEAD), overrides={"leadership": "I know better"})
    assert isinstance(judge(never, context(ONE, DEAD, cannot_act="no journal")), Delayed)


@given(st.integers(1, 40), st.text("0123456789abcdef", min_size=8, max_size=16))
def test_backoff_doubles_within_its_jitter_and_cap(attempts: int, key: str) -> None:
    plain_s = min(300.0, 10.0 * 2 ** (attempts - 1))
    assert 0.75 * plain_s - 1e-9 <= backoff_s(attempts, key, SETTINGS) <= 1.25 * plain_s + 1e-9


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_the_bucket_never_gives_more_than_its_rate(times: list[float]) -> None:
    starts: list[float] = []
    for now_s in sorted(times):
        if tokens(tuple(starts), now_s, SETTINGS) >= 1.0:
            starts.append(now_s)
    for first in starts:
        inside = [s for s in starts if first <= s < first + 100]
        assert len(inside) <= SETTINGS.rate_burst + 10


def flying(kind: ActionKind, phase: Phase) -> StackState:
    flight = InFlight(
        "act-1",
        None,
        "k",
        Origin.PERSON,
        Cause.REQUESTED,
        Step(kind, "a"),
        NOW_S - 2,
        Sighting(NOW_S),
        Expectation("a", 60.0),
        phase=phase,
    )
    return StackState(in_flight={"a": flight})


def wish(kind: ActionKind) -> Proposal:
    step = (Step(kind, "a"),)
    expected = Expectation("a", 60.0)
    return Proposal("abcdef01", Origin.PERSON, "a", Cause.REQUESTED, step, "wished", expected)


START, STOP, RESTART = ActionKind.START, ActionKind.STOP, ActionKind.GRACEFUL_RESTART


@pytest.mark.parametrize(
    ("kind", "running", "is_allowed"),
    [
        (STOP, START, True),
        (STOP, RESTART, True),
        (STOP, STOP, False),
        (RESTART, START, True),
        (RESTART, RESTART, False),
        (START, START, False),
    ],
)
def test_a_person_need_not_wait_for_a_proof_that_the_wish_makes_moot(
    kind: ActionKind, running: ActionKind, is_allowed: bool
) -> None:
    healthy = seen(up("a"))
    verifying = judge(wish(kind), context(ONE, healthy, flying(running, Phase.VERIFYING)))
    assert isinstance(verifying, Allowed) is is_allowed
    acting = judge(wish(kind), context(ONE, healthy, flying(running, Phase.ACTING)))
    assert isinstance(acting, Delayed)
    assert acting.check is Check.ONE_PER_SERVICE


def test_everup_itself_waits_for_every_proof() -> None:
    own = replace(wish(STOP), origin=Origin.RECOVERY)
    verdict = judge(own, context(ONE, seen(up("a")), flying(START, Phase.VERIFYING)))
    assert isinstance(verdict, Delayed)


def test_what_did_not_happen_starts_no_cooldown() -> None:
    undone = replace(past(RESTART, 60.0), has_happened=False)
    for found, is_allowed in ((undone, True), (past(RESTART, 60.0), False)):
        state = StackState(services={"a": ServiceState(past=(found,))})
        hung = replace(wish(RESTART), origin=Origin.RECOVERY, on_running=True)
        assert isinstance(judge(hung, context(ONE, HUNG, state)), Allowed) is is_allowed


def test_a_change_that_never_ends_holds_no_longer_than_its_bound() -> None:
    recent = {"a": NOW_S - 3}
    bound_s = SETTINGS.change_most_s
    short = replace(DEAD, changes=recent, changing_since={"a": NOW_S - bound_s + 5})
    verdict = judge(proposal(ONE, short), context(ONE, short))
    assert isinstance(verdict, Delayed)
    assert verdict.until_s == NOW_S + 5
    long = replace(DEAD, changes=recent, changing_since={"a": NOW_S - bound_s})
    assert isinstance(judge(proposal(ONE, long), context(ONE, long)), Allowed)


def test_the_rate_holds_for_people_who_take_instances_away_and_yields_to_a_reason() -> None:
    state = StackState(plan_starts_s=(NOW_S - 2, NOW_S - 1, NOW_S))
    asked = replace(proposal(ONE, HUNG), origin=Origin.PERSON)
    verdict = judge(asked, context(ONE, HUNG, state))
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.BLAST_RADIUS
    sure = replace(asked, overrides={Check.BLAST_RADIUS: "maintenance"})
    assert isinstance(judge(sure, context(ONE, HUNG, state)), Allowed)
    dead = replace(proposal(ONE, DEAD), origin=Origin.PERSON)
    assert isinstance(judge(dead, context(ONE, DEAD, state)), Allowed)
