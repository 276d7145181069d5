"""What was started and ended again: known at once, and for a one-shot the very success."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from everup.automated_recovery import proposal_for
from everup.loop.verify import judge_expectation
from everup.loop.wrong import SUPERSEDED
from everup.model.decision import Expectation, Step
from everup.model.entries import ExitSeen
from everup.model.evidence import Failed, Passed, Pending, Sighting, Verification
from everup.model.kinds import ActionKind, Cause, InstanceState, Origin
from everup.model.observation import Exit, InstanceObservation
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.state import InFlight, Phase, ServiceState
from tests.unit.builders import NOW_S, SETTINGS, assess, dead, seen, service, stack, up
from tests.unit.loop.small_world import QUICK, World

PLAIN = Expectation("a", 60.0)
ONCE = Expectation("a", 60.0, runs_once=True)


def ended(code: int | None, *, ran_s: float, ago_s: float = 2.0) -> InstanceObservation:
    one = dead("a", code)
    end = Exit(NOW_S - ago_s, code, ran_s=ran_s)
    return replace(one, instance=replace(one.instance, exit=end))


def judged(
    one: InstanceObservation,
    expected: Expectation,
    *,
    intended_ago_s: float = 5.0,
    done_ago_s: float = 1.0,
    exits: tuple[Exit, ...] = (),
    kind: ActionKind = ActionKind.START,
    changed_ago_s: float | None = None,
) -> Verification:
    flight = InFlight(
        *("act-1", "inc-1", "key", Origin.RECOVERY, Cause.CRASH, Step(kind, "a")),
        NOW_S - intended_ago_s,
        before=Sighting(NOW_S - intended_ago_s),
        expectation=expected,
        phase=Phase.VERIFYING,
        done_at_s=NOW_S - done_ago_s,
    )
    what = stack(service("a"))
    observation = seen(one, exits=exits)
    if changed_ago_s is not None:
        observation = replace(observation, changes={"a": NOW_S - changed_ago_s})
    return judge_expectation(flight, observation, assess(what, observation), SETTINGS)


def test_a_life_that_ended_before_the_start_returned_fails_the_proof_at_once() -> None:
    verdict = judged(ended(3, ran_s=0.4), PLAIN)
    assert verdict == Failed("it exited with 3 again after 0.4 s")


@pytest.mark.parametrize("ran_s", [500.0, float("nan")])
def test_the_life_that_the_action_ended_proves_nothing(ran_s: float) -> None:
    kind = ActionKind.GRACEFUL_RESTART
    assert isinstance(judged(ended(143, ran_s=ran_s), PLAIN, kind=kind), Pending)


def test_who_is_started_again_by_its_engine_is_not_dead_for_good() -> None:
    one = ended(3, ran_s=0.4)
    one = replace(one, instance=replace(one.instance, state=InstanceState.RESTARTING))
    assert isinstance(judged(one, PLAIN), Pending)


@pytest.mark.parametrize("done_ago_s", [1.0, 4.9])
def test_a_one_shot_that_ends_with_0_has_succeeded(done_ago_s: float) -> None:
    exits = (Exit(NOW_S - 2, 0, ran_s=2.5, instance="a-0"),)
    verdict = judged(ended(0, ran_s=2.5), ONCE, done_ago_s=done_ago_s, exits=exits)
    assert verdict == Passed("it ran once and ended with 0 after 2.5 s")


def test_what_somebody_asked_to_end_or_changed_before_its_proof_has_not_failed() -> None:
    one = ended(-9, ran_s=40.0, ago_s=2.0)
    end = replace(one.instance.exit or Exit(0.0), asked="docker stop")
    one = replace(one, instance=replace(one.instance, exit=end))
    verdict = judged(one, PLAIN, intended_ago_s=60.0, done_ago_s=50.0)
    assert verdict == Failed("superseded by somebody's docker stop before its proof")
    exits = (Exit(NOW_S - 2, 1, ran_s=9.0, instance="a-0"),)
    died = ended(1, ran_s=9.0)
    for changed_ago_s, is_cut_off in ((20.0, True), (90.0, False)):
        verdict = judged(
            *(died, PLAIN),
            intended_ago_s=60.0,
            done_ago_s=50.0,
            exits=exits,
            changed_ago_s=changed_ago_s,
        )
        assert isinstance(verdict, Failed)
        assert verdict.reason.startswith(SUPERSEDED) is is_cut_off


def test_deaths_that_somebody_asked_for_are_no_crashes() -> None:
    world = World(stack(service("a", probe=None)), QUICK)
    now_s = world.clock.now()
    asked = [Exit(now_s - 1.0 - n / 10, -9, asked="docker stop") for n in range(3)]
    crash = Exit(now_s - 0.5, 1)
    world.journal.kept = [ExitSeen(now_s, "a", "a-0", end) for end in (*asked, crash)]
    world.runtime.run("a")

    async def seen_exits() -> tuple[Exit, ...]:
        async with world.life() as control:
            assert control.look is not None
            return control.look.observation.services["a"].exits

    assert [end.code for end in asyncio.run(seen_exits())] == [1]


def test_what_is_not_cut_off_cannot_be_connected_again() -> None:
    world = World(stack(service("a", probe=None)), QUICK)
    world.runtime.run("a")

    async def asked() -> Answer:
        async with world.life() as control:
            return await control.request(Request(Verb.HEAL, "ann", "a", kind=ActionKind.REJOIN))

    answer = asyncio.run(asked())
    assert answer.state is AnswerState.REFUSED
    assert answer.text.startswith("nothing to rejoin")


def test_a_one_shot_that_fails_or_is_at_work_has_not() -> None:
    assert judged(ended(3, ran_s=2.5), ONCE) == Failed("it exited with 3")
    assert isinstance(judged(up("a"), ONCE), Pending)
    late = judged(up("a"), ONCE, intended_ago_s=65.0, done_ago_s=61.0)
    assert late == Failed("not in time: it still runs")
    assert isinstance(judged(ended(0, ran_s=500.0), ONCE), Pending), "an earlier run"


def test_heal_runs_a_one_shot_once_with_nothing_to_follow() -> None:
    what = stack(service("a", is_one_shot=True))
    observation = seen(dead("a", 0))
    request = Request(Verb.HEAL, "ann", "a")
    found = assess(what, observation)
    made = proposal_for(request, what, found, SETTINGS, is_running=False, incident_id=None)
    assert made.kind is ActionKind.START
    assert made.next_kind is None
    assert "then" not in made.steps[0].parameters
    assert made.expectation.runs_once
    assert made.expectation.deadline_s >= SETTINGS.recovery_most_s


def test_what_ran_for_long_before_is_healed_like_a_service() -> None:
    what = stack(service("a", is_one_shot=True, is_one_shot_by_look=True))
    observation = seen(dead("a", 0))
    known = ServiceState(ran_longest_s=87.0)
    made = proposal_for(
        Request(Verb.HEAL, "ann", "a"),
        what,
        assess(what, observation),
        SETTINGS,
        is_running=False,
        incident_id=None,
        remembered=known,
    )
    assert made.kind is ActionKind.GRACEFUL_RESTART
    assert not made.expectation.runs_once


def test_a_one_shot_at_work_is_not_broken_off() -> None:
    world = World(stack(service("a", is_one_shot=True, probe=None)), QUICK)
    world.runtime.run("a")

    async def asked() -> Answer:
        async with world.life() as control:
            return await control.request(Request(Verb.HEAL, "ann", "a"))

    answer = asyncio.run(asked())
    assert answer.state is AnswerState.REFUSED
    assert answer.text.startswith("a runs once and is at work now")
    assert not world.runtime.did
