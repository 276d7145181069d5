"""What is taken back of a scaling that was not proven, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.verify import judge_expectation
from everup.model.decision import Expectation, Step
from everup.model.evidence import Failed, Passed, Pending, Sighting, Verification
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import Exit, InstanceObservation
from everup.model.scaling import MEMORY, MEMORY_BEFORE, STARTS
from everup.model.state import InFlight, Phase
from tests.unit.builders import NOW_S, SETTINGS, assess, failing, seen, service, stack, up

MIB = 1024.0 * 1024
STACK = stack(service("a"))
DIED = Exit(NOW_S - 5.0, 137, is_out_of_memory=True)


def judged(
    kind: ActionKind,
    one: InstanceObservation,
    *exits: Exit,
    cause: Cause = Cause.DEMAND,
    limit: float = 200.0 * MIB,
    starts: bool = False,
) -> Verification:
    one = replace(one, instance=replace(one.instance, memory_limit_bytes=limit))
    parameters: dict[str, str | int | float | bool] = {MEMORY: 200.0 * MIB, MEMORY_BEFORE: 99.0}
    if starts:
        parameters[STARTS] = True
    flight = InFlight(
        *("act-1", None, "key", Origin.SCALING, cause, Step(kind, "a", parameters), NOW_S - 90.0),
        before=Sighting(NOW_S - 90.0),
        expectation=Expectation("a", 60.0, window_s=30.0, memory_limit_bytes=200.0 * MIB),
        phase=Phase.VERIFYING,
        done_at_s=NOW_S - 80.0,
    )
    observation = seen(one)
    services = {"a": replace(observation.services["a"], exits=exits)}
    observation = replace(observation, services=services)
    return judge_expectation(flight, observation, assess(STACK, observation), SETTINGS)


def test_more_room_stays_though_somebody_died_or_is_unwell_meanwhile() -> None:
    """It is raised since memory is short, and would be taken back in that very moment."""
    assert isinstance(judged(ActionKind.SCALE_UP, up("a"), DIED), Passed)
    assert isinstance(judged(ActionKind.SCALE_UP, failing("a")), Passed)


def test_more_room_that_the_engine_does_not_show_is_taken_back() -> None:
    verdict = judged(ActionKind.SCALE_UP, up("a"), limit=99.0 * MIB)
    assert isinstance(verdict, Failed)
    assert "not in time" in verdict.reason


@pytest.mark.parametrize(
    ("kind", "cause", "starts"),
    [
        (ActionKind.SCALE_DOWN, Cause.DEMAND, False),
        (ActionKind.SCALE_UP, Cause.CRASH_LOOP, False),
        (ActionKind.SCALE_UP, Cause.DEMAND, True),
    ],
)
def test_less_room_and_a_start_must_leave_it_well(
    kind: ActionKind, cause: Cause, *, starts: bool
) -> None:
    assert isinstance(judged(kind, up("a"), DIED, cause=cause, starts=starts), Failed)
    assert not isinstance(judged(kind, failing("a"), cause=cause, starts=starts), Passed | Pending)
