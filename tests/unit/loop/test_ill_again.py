"""A restart that was no cure is known to be none when its start is over, not at the last moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.verify import judge_expectation
from everup.model.decision import Expectation, Step
from everup.model.disk import MIB, Disk
from everup.model.evidence import Failed, Passed, Pending, Sighting, Verification
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import Heard, InstanceObservation
from everup.model.state import InFlight, Phase
from tests.unit.builders import NOW_S, SETTINGS, assess, failing, seen, service, stack, up

STACK = stack(service("a", is_stateful=True))
START_OVER_S = 85.0
DEADLINE_S = START_OVER_S + SETTINGS.verify_deadline_s
FULL = Disk("/data", "v", "0:52", 8.0 * MIB, 0.0, 9.0, NOW_S)


def judged(
    one: InstanceObservation,
    done_ago_s: float,
    kind: ActionKind = ActionKind.GRACEFUL_RESTART,
    *,
    has_room: bool = False,
) -> Verification:
    flight = InFlight(
        *("act-1", "inc-1", "key", Origin.RECOVERY, Cause.UNHEALTHY, Step(kind, "a")),
        NOW_S - done_ago_s - 1.0,
        before=Sighting(NOW_S - done_ago_s),
        expectation=Expectation("a", DEADLINE_S, has_room=has_room),
        phase=Phase.VERIFYING,
        done_at_s=NOW_S - done_ago_s,
    )
    observation = seen(one)
    return judge_expectation(flight, observation, assess(STACK, observation), SETTINGS)


@pytest.mark.parametrize(("done_ago_s", "is_over"), [(84.0, False), (86.0, True)])
def test_unhealthy_in_its_new_life_fails_when_the_start_is_over(
    done_ago_s: float, is_over: bool
) -> None:
    verdict = judged(failing("a", for_s=50.0), done_ago_s)
    assert isinstance(verdict, Failed if is_over else Pending)
    if isinstance(verdict, Failed):
        assert verdict.reason.startswith("it is unhealthy again, for 50 s: a-0: answered 503")


def test_what_is_silent_has_all_of_its_time() -> None:
    assert isinstance(judged(failing("a", for_s=50.0, heard=Heard.SILENCE), 100.0), Pending)


def test_a_trouble_that_was_there_before_is_no_news() -> None:
    assert isinstance(judged(failing("a", for_s=120.0), 100.0), Pending)


def test_a_failure_that_is_not_confirmed_proves_nothing() -> None:
    assert isinstance(judged(failing("a", times=1, for_s=1.0), 100.0), Pending)


def test_what_happens_in_place_is_judged_as_before() -> None:
    assert isinstance(judged(failing("a", for_s=50.0), 100.0, ActionKind.CACHE_CLEAR), Pending)


@pytest.mark.parametrize(
    ("disk", "says"),
    [
        (FULL, "room on the disk of a-0"),
        (None, "a sight of the disk of a-0"),
        (replace(FULL, free_bytes=4.0 * MIB), ""),
    ],
)
def test_room_must_be_seen(disk: Disk | None, says: str) -> None:
    one = up("a")
    one = replace(one, instance=replace(one.instance, disk=disk))
    verdict = judged(one, 30.0, ActionKind.CACHE_CLEAR, has_room=True)
    if says:
        assert isinstance(verdict, Pending)
        assert says in verdict.missing
    else:
        assert isinstance(verdict, Passed)
        assert "volume v at /data has room: 4 MiB of 8 MiB free" in verdict.reason
