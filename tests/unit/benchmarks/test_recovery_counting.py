"""What the events of an engine say that somebody did, and what of it was wrong."""

from __future__ import annotations

import pytest

from benchmarks.recovery.counting import (
    Acts,
    Row,
    acts_of,
    reaction,
    unexpected,
    wrong_in_fault,
)


def rows(*actions: str, service: str = "web", container: str = "c1") -> list[Row]:
    """One event a second, from the first second on."""
    return [Row(float(at), action, service, container) for at, action in enumerate(actions, 1)]


@pytest.mark.parametrize(
    ("actions", "acts"),
    [
        (("die", "start"), Acts(starts=1)),  # a restart policy at work
        (("kill", "die", "stop", "start", "restart"), Acts(starts=1, ends=1)),
        (("kill", "kill", "die", "stop"), Acts(ends=1)),  # SIGTERM, then SIGKILL
        (("kill",), Acts()),  # a signal that ended nobody
        (("die",), Acts()),
        (("create", "health_status: healthy", "oom"), Acts()),
        (("pause", "unpause", "update"), Acts(others=3)),
        (("kill", "die", "start", "die", "start"), Acts(starts=2, ends=1)),
    ],
)
def test_one_intervention_is_one_act(actions: tuple[str, ...], acts: Acts) -> None:
    assert acts_of(rows(*actions), 0.0).get("web", Acts()) == acts


def test_a_restart_counts_once_and_a_pause_beside_it_too() -> None:
    assert Acts(starts=1, ends=1).count == 1
    assert Acts(starts=2, ends=1, others=1).count == 3


def test_a_kill_counts_for_its_own_container_only() -> None:
    events = [*rows("kill", container="old"), *rows("die", container="new")]
    assert acts_of(events, 0.0) == {}


def test_what_came_before_is_left_out() -> None:
    assert acts_of(rows("start", "start", "start"), 2.5) == {"web": Acts(starts=1)}


def test_what_the_owner_did_is_taken_off() -> None:
    acts = {"web": Acts(2, 1), "db": Acts(ends=1), "cache": Acts(starts=1)}
    expected = {"web": Acts(1, 1), "db": Acts(ends=1)}
    assert unexpected(acts, expected) == {"web": 1, "cache": 1}


def test_an_end_that_was_expected_does_not_excuse_a_start() -> None:
    assert unexpected({"db": Acts(1, 1)}, {"db": Acts(ends=1)}) == {"db": 1}


def test_victims_and_acts_again_are_told_apart() -> None:
    acts = {"front": Acts(starts=3), "backend": Acts(starts=2, ends=2)}
    assert wrong_in_fault(acts, frozenset({"backend"})) == (3, 1)


def test_the_lag_is_from_the_first_sign_to_the_first_act() -> None:
    seen = reaction(rows("die", "create", "start"), 0.5, 0.5)
    assert (seen.signal, seen.signal_s, seen.action_s, seen.lag_s) == ("die", 0.5, 1.5, 1.0)


def test_who_acts_before_the_engine_says_a_word_has_no_lag() -> None:
    seen = reaction(rows("kill", "die", "start"), 0.0, 0.0)
    assert seen.action_s == 1.0
    assert seen.lag_s is None


def test_what_the_fault_did_itself_is_no_reaction() -> None:
    seen = reaction(rows("kill", "die", "start", "health_status: unhealthy"), 0.0, 3.5)
    assert (seen.signal, seen.signal_s, seen.action_s) == ("unhealthy", 4.0, None)
