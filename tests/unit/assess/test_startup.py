"""Starting and recovering: who is left alone, for how long, and who is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from everup.automated_recovery import propose
from everup.loop.fold import STARTUPS_MOST, fold_all
from everup.loop.readings import fold_probe
from everup.loop.verify import judge_expectation
from everup.model.decision import Escalate, Expectation, Hold, HoldReason, Step
from everup.model.entries import CameUp
from everup.model.evidence import Failed, Pending, Sighting
from everup.model.kinds import ActionKind, Cause, Condition, Origin, ProbeVerdict, is_known
from everup.model.observation import (
    Heard,
    InstanceObservation,
    Observation,
    ProbeReading,
    ProbeResult,
)
from everup.model.state import InFlight, Phase, ServiceState, StackState
from everup.predictive_monitor.startup import settling, start_period_s
from everup.safety.sanity import monitor_fault
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    context,
    failing,
    seen,
    service,
    settled_memory,
    stack,
    up,
)

DB = service("db", is_stateful=True)
NOTHING = ServiceState()


def unwell(age_s: float, *, heard: Heard = Heard.CHECK, idle: bool = False) -> InstanceObservation:
    """It has failed since it started, that long ago."""
    one = failing("db", for_s=age_s, times=50, idle=idle)
    assert one.probe is not None
    return replace(
        one,
        instance=replace(one.instance, started_at_s=NOW_S - age_s),
        probe=replace(one.probe, has_ever_passed=False, heard=heard),
        cpu_ratio=0.0 if idle else 0.9,
    )


def of(one: InstanceObservation, remembered: ServiceState = NOTHING) -> Condition | None:
    return settling(one, DB, remembered, NOW_S, SETTINGS)


def test_a_failing_check_alone_never_ends_a_start_that_works() -> None:
    for age_s in (1.0, 30.0, 59.0):
        assert of(unwell(age_s)) is Condition.STARTING
    for age_s in (61.0, 90.0, 600.0, 99_999.0):
        assert of(unwell(age_s)) is Condition.RECOVERING
    hold = decided(seen(unwell(599.0), up("api")))
    assert isinstance(hold, Hold)
    assert hold.until_s == NOW_S + 1.0
    case = decided(seen(unwell(601.0), up("api")))
    assert isinstance(case, Escalate), "never restarted, and sooner told than one that speaks"


@pytest.mark.parametrize("how", [{"heard": Heard.ANSWER}, {"idle": True}])
def test_a_start_is_over_early_with_two_proofs(how: dict[str, Any]) -> None:
    assert of(unwell(20.0, **how)) is None
    young = unwell(20.0, **how)
    assert young.probe is not None
    hasty = replace(young, probe=replace(young.probe, failures_in_a_row=2))
    assert of(hasty) is Condition.STARTING


def test_on_a_pressed_host_a_rest_proves_nothing_until_it_lasted_a_minute() -> None:
    def on_pressed(one: InstanceObservation) -> Condition | None:
        web = service("db")
        return settling(one, web, NOTHING, NOW_S, SETTINGS, is_host_pressed=True)

    short = unwell(20.0, idle=True)
    assert on_pressed(short) is Condition.STARTING
    assert on_pressed(replace(short, idle_since_s=NOW_S - 61)) is None


def test_what_keeps_data_may_wait_for_longer_on_a_pressed_host() -> None:
    one = replace(unwell(20.0, idle=True), idle_since_s=NOW_S - 61)
    assert settling(one, DB, NOTHING, NOW_S, SETTINGS, is_host_pressed=True) is Condition.STARTING


def test_one_that_was_well_in_this_life_has_started_also_for_the_next_controller() -> None:
    one = unwell(100.0)
    lives = {one.instance.name: one.instance.identity}
    assert of(one, ServiceState(lives=lives)) is None
    assert of(one, ServiceState(lives={one.instance.name: "another life"})) is Condition.RECOVERING


def test_the_period_is_declared_or_learned_and_never_short() -> None:
    declared = replace(DB, start_period_s=5.0)
    took = ServiceState(startups_s=(1.0, 40.0, 2.0))
    assert start_period_s(declared, took, SETTINGS) == 5.0
    assert start_period_s(DB, NOTHING, SETTINGS) == 60.0
    assert start_period_s(DB, ServiceState(startups_s=(1.0, 2.0)), SETTINGS) == 60.0
    assert start_period_s(DB, took, SETTINGS) == 80.0
    assert start_period_s(DB, ServiceState(startups_s=(9e9,)), SETTINGS) == SETTINGS.recovery_most_s


def test_start_ups_are_a_bounded_fold_of_the_journal() -> None:
    entries = [CameUp(float(n), "db", "db-0", f"life {n}", float(n)) for n in range(50)]
    entries.append(CameUp(60.0, "db", "db-0", "adopted"))
    state = fold_all(StackState(), entries).service("db")
    assert state.startups_s == tuple(map(float, range(50 - STARTUPS_MOST, 50)))
    assert state.lives == {"db-0": "adopted"}


def reading(*verdicts: ProbeVerdict) -> ProbeReading:
    found: ProbeReading | None = None
    for at_s, verdict in enumerate(verdicts):
        found = fold_probe(found, ProbeResult(verdict, float(at_s)))
    assert found is not None
    return found


def test_a_recovery_counts_from_its_first_word_until_the_first_good_answer() -> None:
    coming, fail, ok = ProbeVerdict.RECOVERING, ProbeVerdict.FAIL, ProbeVerdict.PASS
    unknown = ProbeVerdict.UNKNOWN
    assert reading(fail, coming, coming, fail, unknown, coming).recovering_since_s == 1.0
    assert not is_known(reading(coming, fail, ok).recovering_since_s)


def recovering(for_s: float, *, verdict: ProbeVerdict = ProbeVerdict.RECOVERING) -> Observation:
    one = up("db")
    assert one.probe is not None
    probe = replace(
        one.probe,
        verdict=verdict,
        detail="says that it is coming: 57P03 the database system is starting up",
        failures_in_a_row=5,
        recovering_since_s=NOW_S - for_s,
        heard=Heard.CHECK,
    )
    return seen(replace(one, probe=probe, cpu_ratio=0.5), up("api"))


STACK = stack(DB, service("api", "db"))


def decided(observation: Observation) -> object:
    assessment = assess(STACK, observation)
    answers = propose(STACK, observation, assessment, StackState(), settled_memory(STACK), SETTINGS)
    return answers[0]


@pytest.mark.parametrize("verdict", [ProbeVerdict.RECOVERING, ProbeVerdict.FAIL])
def test_what_is_coming_is_held_and_past_its_bound_a_person_is_told(verdict: ProbeVerdict) -> None:
    hold = decided(recovering(600.0, verdict=verdict))
    assert isinstance(hold, Hold)
    assert hold.reason is HoldReason.RECOVERING
    assert hold.until_s == NOW_S + 1200.0
    case = decided(recovering(1801.0))
    assert isinstance(case, Escalate)
    assert case.cause is Cause.RECOVERING
    assert "57P03" in case.text


def test_many_that_recover_at_once_are_no_fault_of_ours() -> None:
    names = ("a", "b", "c", "d")
    many = stack(*(service(n) for n in names))
    one = recovering(5.0).services["db"].instances[0]
    observed = [
        replace(one, instance=replace(one.instance, service=n, name=f"{n}-0")) for n in names
    ]
    assert monitor_fault(context(many, seen(*observed))) == ""


def test_a_start_that_recovers_is_not_a_failed_start() -> None:
    step = Step(ActionKind.START, "db")
    expected = Expectation("db", deadline_s=160.0, settling_most_s=1800.0)
    flight = InFlight(
        *("act-1", None, "key", Origin.PERSON, Cause.REQUESTED, step, NOW_S - 310.0),
        before=Sighting(NOW_S - 310.0),
        expectation=expected,
        phase=Phase.VERIFYING,
        done_at_s=NOW_S - 300.0,
    )
    coming = recovering(290.0)
    verdict = judge_expectation(flight, coming, assess(STACK, coming), SETTINGS)
    assert isinstance(verdict, Pending)
    silent = seen(unwell(300.0), up("api"))
    assert assess(STACK, silent).own.services["db"].condition is Condition.RECOVERING
    verdict = judge_expectation(flight, silent, assess(STACK, silent), SETTINGS)
    assert isinstance(verdict, Failed), "others of the service may wait for it to end"
    sick = seen(failing("db", for_s=290.0), up("api"))
    verdict = judge_expectation(flight, sick, assess(STACK, sick), SETTINGS)
    assert isinstance(verdict, Failed)
