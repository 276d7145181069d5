"""Who is cut off is left alone, and needs lead to whoever stands in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.automated_recovery import proposal_for, propose
from everup.loop.standing_in import as_it_leads, standing_in
from everup.model.decision import Hold, HoldReason, Want
from everup.model.kinds import ActionKind, Cause
from everup.model.observation import Exit
from everup.model.request import Request, Verb
from everup.model.stack import Limits
from everup.model.state import ServiceState, StackState
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    dead,
    failing,
    seen,
    service,
    settled_memory,
    stack,
    up,
)


def test_who_is_cut_off_is_left_alone() -> None:
    what, state = stack(service("a")), StackState(services={"a": ServiceState(isolated=("",))})
    sick = seen(failing("a"))
    found = assess(what, sick, state)
    (answer,) = propose(what, sick, found, state, settled_memory(what), SETTINGS)
    assert isinstance(answer, Hold)
    assert answer.reason is HoldReason.ISOLATED


def test_needs_lead_to_the_standby() -> None:
    what = stack(service("db"), service("spare", "db"), service("web", "db", "spare"))
    state = StackState(services={"db": ServiceState(stands_in="spare")})
    led = as_it_leads(what, standing_in(state))
    assert [edge.target for edge in led.services["web"].depends_on] == ["spare"]
    assert led.services["spare"].depends_on == ()
    assert as_it_leads(what, {}) is what


@pytest.mark.parametrize(("sick", "instance"), [((0,), "a-0"), ((1,), "a-1"), ((), "")])
def test_of_several_the_sick_one_is_cut_off(sick: tuple[int, ...], instance: str) -> None:
    what = stack(service("a", instances=2, min_instances=0, max_instances=2))
    shown = [failing("a", number=n) if n in sick else up("a", n) for n in range(2)]
    observation = seen(*shown)
    proposal = proposal_for(
        Request(Verb.HEAL, "ann", "a", kind=ActionKind.ISOLATE),
        what,
        assess(what, observation),
        SETTINGS,
        is_running=True,
        incident_id=None,
        seen=observation.services["a"],
    )
    assert proposal.steps[0].instance == instance
    assert proposal.expectation.is_cut


def deaths(*for_memory: bool) -> tuple[Exit, ...]:
    return tuple(
        Exit(NOW_S - 60 + 10 * n, -9, is_out_of_memory=is_so) for n, is_so in enumerate(for_memory)
    )


@pytest.mark.parametrize(
    ("exits", "limit", "is_wanted"),
    [
        (deaths(True, True, True), 64.0, True),
        (deaths(False, True, True, True), 64.0, True),
        (deaths(True, True, False), 64.0, False),
        (deaths(True, False, True), 64.0, False),
        (deaths(True, True, True), float("nan"), False),
        (deaths(True, True), 64.0, False),
    ],
)
def test_only_a_loop_for_lack_of_memory_alone_wants_more_of_it(
    exits: tuple[Exit, ...], limit: float, *, is_wanted: bool
) -> None:
    what = stack(service("a", limits=Limits(limit)))
    last = replace(dead("a").instance, exit=exits[-1])
    observation = seen(replace(dead("a"), instance=last), exits=exits)
    found = assess(what, observation)
    (answer,) = propose(what, observation, found, StackState(), settled_memory(what), SETTINGS)
    assert isinstance(answer, Want) is is_wanted
    if isinstance(answer, Want):
        assert (answer.kind, answer.cause) == (ActionKind.SCALE_UP, Cause.CRASH_LOOP)
        assert answer.otherwise is not None
        assert answer.otherwise.kind is ActionKind.CONTAINER_RESTART
