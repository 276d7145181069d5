"""A restore from its begin to its end, whatever becomes of its steps: a small world without time.

The world here knows what each service runs from and may spoil any action: fail it, do half of it,
cut it short as a crash of Everup would. The journal is the real fold.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.loop.fold import fold
from everup.loop.meant import AGAIN, REMOVED, by_asking
from everup.model import entries as e
from everup.model.decision import Expectation, Step
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, InstanceState, Origin, Purpose
from everup.model.observation import Observation
from everup.model.restore import (
    BACK_TRIES_MOST,
    IDLE_TRIES_MOST,
    RESTORE,
    Restore,
    RestoreEnding,
    RestoreStep,
)
from everup.model.state import StackState
from everup.rollback_manager import Go, Next, Over, Turn, Wait, next_step, progress
from tests.unit.builders import NOW_S, SETTINGS, dead, seen, up

OLD, NEW, OTHER = "1:old", "1:new", "1:other"
NAMES = ("db", "api", "web")
MOVES_MOST = 500


class World:
    """What runs, and what becomes of each action: `spoils` are used up one by one."""

    def __init__(self, spoils: list[str], names: tuple[str, ...] = NAMES) -> None:
        self.runs = dict.fromkeys(names, NEW)
        self.down: set[str] = set()
        self.spoils = spoils
        self.now_s = NOW_S
        self.number = 0
        self.did: list[tuple[str, bool]] = []
        steps = tuple(RestoreStep(n, NEW, OLD, f"{n}:2", f"{n}:1") for n in names)
        self.state = StackState()
        self.write(e.RestoreBegan(self.now_s, "res-1", "Ann", "", steps))

    @property
    def restore(self) -> Restore:
        return self.state.restores["res-1"]

    def write(self, entry: e.Entry) -> None:
        self.state = fold(self.state, entry)

    def observation(self) -> Observation:
        found = []
        for name, version in self.runs.items():
            one = dead(name) if name in self.down else up(name)
            found.append(replace(one, instance=replace(one.instance, version=version)))
        return replace(seen(*found), at_s=self.now_s)

    def ask(self) -> Next:
        return next_step(self.restore, self.state, self.observation(), SETTINGS)

    def play(self) -> RestoreEnding:
        for _ in range(MOVES_MOST):
            answer = self.ask()
            assert self.ask() == answer, "asked again it says the same"
            if isinstance(answer, Turn):
                self.write(e.RestoreTurned(self.now_s, "res-1", answer.reason))
            elif isinstance(answer, Over):
                self.write(e.RestoreEnded(self.now_s, "res-1", answer.ending, answer.reason))
                return answer.ending
            elif isinstance(answer, Wait):
                assert answer.until_s > self.now_s
                self.now_s = answer.until_s
            else:
                self.act(answer)
        raise AssertionError("it never ends")

    def act(self, go: Go) -> None:
        self.number += 1
        self.now_s += 30.0
        name = go.step.service
        self.did.append((name, go.is_back))
        step = Step(
            ActionKind.EMERGENCY_ROLLBACK,
            name,
            {RESTORE: "res-1"},
            undoes=go.undoes if go.is_back else None,
        )
        action = f"act-{self.number}"
        self.write(
            e.Intended(
                *(self.now_s, action, None, "k", Origin.PERSON, Cause.REQUESTED, step, "why"),
                *(Sighting(self.now_s), Expectation(name, 60.0)),
            )
        )
        how = self.spoils.pop(0) if self.spoils else "works"
        is_done = how in ("works", "not_proven")
        if how in ("works", "not_proven", "cut_done"):
            self.runs[name] = go.step.from_version if go.is_back else go.step.to_version
            self.down.discard(name)
        if how == "cut_down":
            self.down.add(name)
        outcome = OutcomeState.DONE if is_done or how == "cut_done" else OutcomeState.FAILED
        self.write(
            e.Finished(
                self.now_s,
                action,
                name,
                outcome,
                "" if is_done else how,
                settled=how.startswith("cut"),
                has_happened=how not in ("not_now", "cut_idle"),
            )
        )
        if outcome is OutcomeState.DONE:
            passed = how != "not_proven"
            evidence = Evidence(Sighting(self.now_s), (), Sighting(self.now_s), "")
            self.write(e.Verified(self.now_s, action, name, passed, how, evidence))

    def versions(self) -> set[str]:
        return set(self.runs.values())


def test_all_goes_well_in_order() -> None:
    world = World([])
    assert world.play() is RestoreEnding.RESTORED
    assert world.did == [(n, False) for n in NAMES]
    assert world.versions() == {OLD}
    assert world.state.open_restore is None


def test_a_failed_proof_puts_back_what_was_changed_in_reverse() -> None:
    world = World(["works", "not_proven"])
    assert world.play() is RestoreEnding.PUT_BACK
    assert world.did == [("db", False), ("api", False), ("api", True), ("db", True)]
    assert world.versions() == {NEW}
    assert "not_proven" in world.restore.ended_because


def test_a_step_that_cannot_be_done_is_not_tried_again() -> None:
    world = World(["works", "failed"])
    assert world.play() is RestoreEnding.PUT_BACK
    assert world.did == [("db", False), ("api", False), ("db", True)], "api was never changed"


@pytest.mark.parametrize("how", ["cut_idle", "cut_down", "not_now"])
def test_what_a_crash_cut_short_is_done_again(how: str) -> None:
    world = World(["works", how])
    assert world.play() is RestoreEnding.RESTORED
    assert world.did == [("db", False), ("api", False), ("api", False), ("web", False)]


def test_who_never_hears_is_given_up_and_all_is_as_before() -> None:
    world = World(["works", *["not_now"] * IDLE_TRIES_MOST])
    assert world.play() is RestoreEnding.PUT_BACK
    assert world.versions() == {NEW}


def test_what_cannot_be_put_back_is_told_and_keeps_nobody_else() -> None:
    world = World(["works", "not_proven", *["failed"] * BACK_TRIES_MOST])
    assert world.play() is RestoreEnding.STUCK
    assert world.runs == {"db": NEW, "api": OLD, "web": NEW}
    assert "api could not be put back to api:2" in world.restore.ended_because


def test_a_persons_stop_turns_it_back_and_is_left() -> None:
    world = World([])
    first = world.ask()
    assert isinstance(first, Go)
    world.act(first)
    world.write(e.PurposeSet(world.now_s, "api", Purpose.STOPPED, "Ann"))
    assert world.play() is RestoreEnding.PUT_BACK
    assert "api was stopped by Ann" in world.restore.ended_because
    assert world.versions() == {NEW}


@pytest.mark.parametrize("by", [REMOVED, by_asking("docker stop")])
def test_a_stop_that_was_only_seen_may_be_an_engine_that_restarts(by: str) -> None:
    world = World([])
    world.write(e.PurposeSet(world.now_s, "db", Purpose.STOPPED, by))
    waits = world.ask()
    assert isinstance(waits, Wait)
    assert waits.until_s == world.now_s + SETTINGS.change_most_s
    world.write(e.PurposeSet(world.now_s + 5, "db", Purpose.RUN, AGAIN))
    assert isinstance(world.ask(), Go)
    world.write(e.PurposeSet(world.now_s, "db", Purpose.STOPPED, by))
    assert world.play() is RestoreEnding.PUT_BACK


def test_a_stop_in_the_midst_of_its_step_is_told_to_a_person() -> None:
    world = World(["not_proven"])
    first = world.ask()
    assert isinstance(first, Go)
    world.act(first)
    world.write(e.PurposeSet(world.now_s, "db", Purpose.STOPPED, "Ann"))
    assert world.play() is RestoreEnding.STUCK
    assert "left stopped" in world.restore.ended_because


def test_somebody_elses_change_is_left_as_it_is() -> None:
    world = World([])
    for _ in range(2):
        go = world.ask()
        assert isinstance(go, Go)
        world.act(go)
    world.runs["db"] = OTHER
    assert world.play() is RestoreEnding.STUCK
    assert world.runs == {"db": OTHER, "api": NEW, "web": NEW}
    assert "db was changed by somebody else" in world.restore.ended_because


def test_what_is_counted_otherwise_meanwhile_is_left_and_nobody_is_blamed() -> None:
    world = World([])
    for _ in range(2):
        go = world.ask()
        assert isinstance(go, Go)
        world.act(go)
    world.runs["db"] = "3-aaaaaa:counted"
    assert world.play() is RestoreEnding.STUCK
    assert world.runs["db"] == "3-aaaaaa:counted"
    assert "db runs from what cannot be compared" in world.restore.ended_because
    assert "somebody else" not in world.restore.ended_because


def test_who_is_no_part_of_the_stack_any_more_is_not_waited_for() -> None:
    world = World([])
    go = world.ask()
    assert isinstance(go, Go)
    world.act(go)
    del world.runs["api"]
    assert world.play() is RestoreEnding.PUT_BACK, "api was not touched yet"
    assert world.runs == {"db": NEW, "web": NEW}
    assert "api is not part of the stack any more" in world.restore.ended_because


def test_who_left_the_stack_after_it_was_changed_is_told() -> None:
    world = World(["works", "not_proven"])
    for _ in range(2):
        go = world.ask()
        assert isinstance(go, Go)
        world.act(go)
    del world.runs["api"]
    assert world.play() is RestoreEnding.STUCK
    assert world.runs == {"db": NEW, "web": NEW}, "and everybody else is back"
    assert "api is not part of the stack any more" in world.restore.ended_because


def test_what_is_down_after_it_was_put_back_is_started() -> None:
    world = World(["works", "cut_down", "cut_down", "cut_down"])
    assert world.play() is RestoreEnding.PUT_BACK
    assert world.versions() == {NEW}
    assert world.down == set()


def test_it_waits_for_whatever_else_is_done_to_it_and_for_its_own() -> None:
    world = World([])
    step = Step(ActionKind.START, "web")
    intent = e.Intended(
        *(NOW_S, "act-9", None, "k", Origin.RECOVERY, Cause.CRASH, step, "why"),
        *(Sighting(NOW_S), Expectation("web", 60.0)),
    )
    world.write(intent)
    waits = world.ask()
    assert isinstance(waits, Wait)
    assert "start act-9" in waits.reason


def test_its_progress_says_which_step_of_how_many() -> None:
    world = World(["works", "not_proven"])
    go = world.ask()
    assert isinstance(go, Go)
    world.act(go)
    far = progress(world.restore, world.state)
    assert (far.number, far.of, far.done, far.service, far.next_service) == (2, 3, 1, "api", "web")
    world.play()
    far = progress(world.restore, world.state)
    assert (far.number, far.of, far.done) == (0, 2, 2)


SPOILS = ("works", "not_proven", "failed", "not_now", "cut_idle", "cut_down", "cut_done")


@settings(max_examples=300)
@given(spoils=st.lists(st.sampled_from(SPOILS), max_size=30), many=st.integers(1, 5))
def test_it_ends_in_the_new_or_the_old_state_or_says_who_is_between(
    spoils: list[str], many: int
) -> None:
    names = tuple(f"s{n}" for n in range(many))
    world = World(list(spoils), names)
    ending = world.play()
    forward = [n for n, is_back in world.did if not is_back]
    back = [n for n, is_back in world.did if is_back]
    assert list(dict.fromkeys(forward)) == list(names[: len(set(forward))]), "in order"
    reverse = [n for n in reversed(names) if n in back]
    assert list(dict.fromkeys(back)) == reverse, "back in reverse"
    assert set(back) <= set(forward), "only what was begun is put back"
    if ending is RestoreEnding.RESTORED:
        assert world.versions() == {OLD}
        assert back == []
    elif ending is RestoreEnding.PUT_BACK:
        assert world.versions() == {NEW}
    else:
        between = [n for n, version in world.runs.items() if version != NEW or n in world.down]
        assert between
        assert all(n in world.restore.ended_because for n in between)
    if ending is not RestoreEnding.STUCK:
        assert world.down == set()


def test_instances_that_are_dead_are_known_by_their_state() -> None:
    assert dead("db").instance.state is InstanceState.EXITED
