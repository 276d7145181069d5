"""Clocks that are set: between two lives of Everup, and while it runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from everup.app.live import BootClock
from everup.loop.clock_set_back import clock_note, not_after
from everup.loop.context import gate_context
from everup.loop.desk import Desk
from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.accuracy import Failure
from everup.model.decision import Delayed, Expectation, Proposal, Step
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import (
    ActionKind,
    Cause,
    InstanceState,
    Origin,
    ProbeVerdict,
    is_known,
)
from everup.model.learned import Craft
from everup.model.observation import Heard, Instance, ProbeResult
from everup.model.restore import RESTORE, RestoreStep
from everup.model.runtime import Listing
from everup.model.state import StackState
from everup.model.tuning import Knob
from everup.rollback_manager import Wait, next_step
from everup.safety import judge
from tests.unit.builders import NOW_S, SETTINGS, context, dead, seen, service, stack, up
from tests.unit.loop.small_world import World, until

DAY_S = 86_400.0
ONE = stack(service("a"))
STEP = Step(ActionKind.START, "a")
INTENT = e.Intended(
    NOW_S + DAY_S - 2,
    "act-1",
    "inc-1",
    "k",
    Origin.RECOVERY,
    Cause.CRASH,
    STEP,
    "why",
    Sighting(0.0),
    Expectation("a", 60.0),
)
A_DAY_LATER: list[e.Entry] = [
    e.IncidentOpened(NOW_S + DAY_S - 3, "inc-1", "a", Cause.CRASH, "died"),
    INTENT,
    e.Finished(NOW_S + DAY_S, "act-1", "a", OutcomeState.FAILED, error="no"),
    e.FreezeSet(NOW_S + DAY_S, "b", "backup", "ann", NOW_S + DAY_S + 600),
]
PROPOSAL = Proposal("k", Origin.RECOVERY, "a", Cause.CRASH, (STEP,), "died", INTENT.expectation)


def test_waits_last_their_own_length_from_now_on() -> None:
    later = fold_all(StackState(), A_DAY_LATER)
    before = judge(PROPOSAL, context(ONE, seen(dead("a")), later))
    assert isinstance(before, Delayed)
    assert before.until_s > NOW_S + DAY_S / 2, "what this mends"
    state = not_after(later, NOW_S)
    verdict = judge(PROPOSAL, context(ONE, seen(dead("a")), state))
    assert isinstance(verdict, Delayed)
    assert NOW_S < verdict.until_s < NOW_S + 2 * SETTINGS.backoff_first_s
    assert state.freezes["b"].until_s == NOW_S + 600
    assert state.incidents["inc-1"].opened_at_s == NOW_S


def test_what_was_foretold_met_trained_and_tuned_later_is_of_now() -> None:
    later_s = NOW_S + 365 * DAY_S
    card = e.ModelTrained(
        *(later_s, Craft.FAILURE, "failure-1", "0" * 64, 9, later_s - 9, later_s - 5, later_s),
        *(300, ("x",), True, "nobody served", "ann"),
    )
    state = fold_all(
        StackState(),
        [
            e.PredictionMade(
                *(later_s, "pre-1", "a", Cause.LEAK, 0.8, later_s + 60, later_s + 300, ("x",), "v"),
                latest_s=later_s + 600,
            ),
            e.FailureMet(later_s, "b", Failure(later_s, "b", Cause.CRASH)),
            card,
            e.ModelNotTrained(later_s, Craft.ANOMALY, "too little", "ann"),
            e.ThresholdTuned(later_s, Knob.ACTS_ABOVE, 0.8, 0.7, "no", "ann", later_s + 30),
        ],
    )
    mended = not_after(state, NOW_S)
    made = mended.predictions["a"]
    ends = (made.made_at_s, made.earliest_s, made.likely_s, made.latest_s)
    assert ends == (NOW_S, NOW_S + 60, NOW_S + 300, NOW_S + 600)
    assert mended.accounts.latest[0].at_s == NOW_S
    assert mended.models[Craft.FAILURE][0].trained_at_s == NOW_S, "a week from now, not in a year"
    assert mended.not_trained[Craft.ANOMALY].at_s == NOW_S
    assert mended.tuned.held_until_s == {"acts_above": NOW_S + 30}
    assert mended.tuned.at_s == {"acts_above": NOW_S}
    assert not_after(mended, NOW_S + 5) == mended


def test_a_change_and_a_restore_of_a_later_time_are_of_now() -> None:
    later_s = NOW_S + DAY_S
    back = Step(ActionKind.EMERGENCY_ROLLBACK, "a", {RESTORE: "res-1"})
    state = fold_all(
        StackState(),
        [
            e.SafePointKept(later_s - 900, "a", "1:old", "a:1", instances=2),
            e.ProbationBegan(later_s - 20, "a", "1:old", "1:new", later_s - 20, "ann"),
            e.VersionSeen(later_s - 20, "a", "1:new", "1:old"),
            e.RegressionSeen(later_s - 9, "a", "1:new", "slower"),
            e.RestoreBegan(later_s - 8, "res-1", "ann", "", (RestoreStep("a", "1:new", "1:old"),)),
            replace(INTENT, at_s=later_s - 5, step=back, incident_id=None),
            e.Finished(later_s, "act-1", "a", OutcomeState.FAILED, error="no", has_happened=False),
        ],
    )
    known, restore = state.service("a"), state.restores["res-1"]
    assert restore.tries
    mended = not_after(state, NOW_S)
    known, restore = mended.service("a"), mended.restores["res-1"]
    assert known.probation is not None
    assert known.worse is not None
    assert known.unproven_since_s == known.probation.began_at_s == known.worse.at_s == NOW_S
    assert known.safe_points[0].kept_at_s == restore.began_at_s == restore.tries[0].at_s == NOW_S
    one = up("a")
    looks = seen(replace(one, instance=replace(one.instance, version="1:new")))
    answer = next_step(restore, mended, looks, SETTINGS)
    assert isinstance(answer, Wait), answer
    assert answer.until_s <= NOW_S + SETTINGS.backoff_first_s, "not for a day between"


def test_the_past_stays_as_it_was() -> None:
    state = fold_all(StackState(), A_DAY_LATER)
    assert repr(not_after(state, NOW_S + 2 * DAY_S)) == repr(state)


def test_a_controller_begins_with_nothing_in_the_future() -> None:
    async def story() -> None:
        world = World(ONE)
        world.runtime.run("a")
        world.journal.kept += [replace(A_DAY_LATER[-1], at_s=world.clock.now() + DAY_S)]
        async with world.life() as control:
            assert control.state.freezes["b"].since_s <= world.clock.now()

    asyncio.run(story())


def test_a_clock_that_goes_back_while_it_runs_makes_no_wait_longer() -> None:
    async def story() -> None:
        world = World(ONE)
        world.runtime.run("a")
        world.journal.kept += [e.FreezeSet(world.clock.now(), "b", "backup", "ann")]
        async with world.life() as control:
            await until(lambda: is_known(control.memory.complete_since_s))
            world.clock.ahead_s = -DAY_S
            control.wake("test")
            await until(lambda: is_known(control.memory.hold_until_s))
            now_s = world.clock.now()
            assert control.memory.hold_until_s <= now_s + world.settings.verify_window_s
            assert control.state.freezes["b"].since_s <= now_s
            await until(lambda: is_known(control.memory.complete_since_s))

    asyncio.run(story())


@pytest.mark.parametrize("jump_s", [3600.0, -3600.0])
def test_what_lasted_until_a_jump_begins_anew(jump_s: float) -> None:
    desk = Desk(ONE, SETTINGS)
    life = Instance("a", "a-0", "a!1", InstanceState.RUNNING, NOW_S - 100, cpu_seconds=1.0)
    fail = ProbeResult(ProbeVerdict.FAIL, NOW_S, heard=Heard.SILENCE)
    for number in range(3):
        desk.take_listing(Listing(NOW_S + number, (replace(life, io_bytes=1.0),)))
        desk.take_probe("a", "a-0", "a!1", replace(fail, at_s=NOW_S + number))
    before = desk.observation(NOW_S + 3).services["a"].instances[0]
    assert before.probe is not None
    assert (before.probe.failures_in_a_row, before.idle_since_s) == (3, NOW_S)
    at_s = NOW_S + 4 + jump_s
    desk.observation(at_s)
    desk.take_listing(Listing(at_s, (replace(life, io_bytes=1.0),)))
    desk.take_probe("a", "a-0", "a!1", replace(fail, at_s=at_s))
    after = desk.observation(at_s + 1).services["a"].instances[0]
    assert after.probe is not None
    assert (after.probe.failures_in_a_row, after.probe.since_s) == (1, at_s)
    assert not after.idle_since_s < at_s - 1


def test_maintenance_windows_follow_the_wall_clock() -> None:
    async def story() -> tuple[int, int]:
        world = World(ONE)
        world.runtime.run("a")
        async with world.life() as control:
            await until(lambda: control.look is not None)
            assert control.look is not None
            control.wall_ahead_s = lambda: 3600.0
            found = gate_context(control, control.look).local_minute
            local = datetime.fromtimestamp(control.look.at_s + 3600, UTC).astimezone()
            return found, local.hour * 60 + local.minute

    found, expected = asyncio.run(story())
    assert found == expected


def test_a_clock_that_was_set_is_said() -> None:
    assert clock_note(0.4) == []
    assert "set by -3600 s" in clock_note(-3600.0)[0]


def test_the_boot_clock_knows_how_far_the_wall_went(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = BootClock()
    before_s = clock.now()
    monkeypatch.setattr("everup.app.live.time.time", lambda: before_s + 7200)
    assert clock.now() - before_s < 5
    assert 7190 < clock.wall_ahead_s() <= 7200
