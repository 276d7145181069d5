"""The gate and scaling of its own accord: its failures, its turns, nobody's budget."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.model.decision import Allowed, Check, Delayed, Expectation, Proposal, Step, Verdict
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import HostObservation
from everup.model.scaling import BEFORE, INSTANCES, LEAVING
from everup.model.state import PastAction, ServiceState, StackState
from everup.safety import Context, judge
from everup.safety.pace import UNCOUNTED, backoff_s, blast_radius, budget, cooldown, flaps
from tests.unit.builders import NOW_S, SETTINGS, context, seen, service, stack, up

OUT, IN, UP = ActionKind.SCALE_OUT, ActionKind.SCALE_IN, ActionKind.SCALE_UP
WEB = service("a", instances=8, min_instances=1, max_instances=20, has_bounds=True)
EIGHT = replace(
    seen(*(up("a", number) for number in range(8))),
    host=HostObservation(memory_total_bytes=64e9, memory_available_bytes=48e9, processors=8),
)


def proposal(kind: ActionKind, origin: Origin = Origin.SCALING, count: int = 0) -> Proposal:
    count = count or (9 if kind is OUT else 5)
    leaving = ",".join(f"a-{number}" for number in range(count, 8))
    parameters: dict[str, str | int | float | bool] = {INSTANCES: count, BEFORE: 8}
    step = Step(kind, "a", {**parameters, LEAVING: leaving} if leaving else parameters)
    return Proposal(
        f"k{count}", origin, "a", Cause.DEMAND, (step,), "", Expectation("a", 60.0), on_running=True
    )


def past(kind: ActionKind, ago_s: float, **changes: object) -> PastAction:
    made = PastAction(
        f"act-{ago_s}",
        "a",
        kind,
        Origin.SCALING,
        Cause.DEMAND,
        NOW_S - ago_s,
        NOW_S - ago_s + 10.0,
        has_passed=True,
        on_running=True,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def world(*actions: PastAction) -> Context:
    ordered = tuple(sorted(actions, key=lambda one: one.started_at_s))
    state = StackState(services={"a": ServiceState(past=ordered)})
    return context(stack(WEB), EIGHT, state)


def due_s(verdict: Verdict | None) -> float:
    assert isinstance(verdict, Delayed)
    assert verdict.check is Check.BUDGET
    return verdict.until_s - NOW_S


def test_one_change_of_a_number_does_not_hold_back_the_next() -> None:
    where = world(past(OUT, 12.0), past(OUT, 40.0), past(IN, 60.0))
    for kind in (OUT, IN):
        assert cooldown(proposal(kind), where) is None
        assert judge(proposal(kind), where) == Allowed()
    assert cooldown(proposal(UP), world(past(UP, 60.0))) is not None, "of limits it does"


def test_many_may_go_at_once_where_each_was_weighed() -> None:
    assert blast_radius(proposal(IN, count=1), world()) is None
    by_recovery = proposal(IN, Origin.RECOVERY, count=1)
    assert isinstance(blast_radius(by_recovery, world()), Delayed)


@pytest.mark.parametrize("failures", [1, 2, 3])
def test_what_did_not_help_is_tried_again_with_growing_waits(failures: int) -> None:
    ends = [past(OUT, 100.0 + 400 * n, has_passed=False) for n in range(failures)]
    verdict = budget(proposal(OUT), world(*ends))
    wait_s = backoff_s(failures, "a", SETTINGS) + SETTINGS.cooldown_s
    assert due_s(verdict) == pytest.approx(wait_s - 90.0)
    assert budget(proposal(IN), world(*ends)) is None, "the other way is another question"
    assert budget(proposal(OUT), world(*ends, past(OUT, 50.0))) is None, "it has helped since"


def test_what_recovery_and_people_did_is_no_failure_of_scaling() -> None:
    others = [
        past(OUT, 100.0, has_passed=False, origin=origin)
        for origin in (Origin.PERSON, Origin.RECOVERY)
    ]
    assert budget(proposal(OUT), world(*others)) is None


TURNS = [past(kind, 120.0 * place + 60.0) for place, kind in enumerate((OUT, IN) * 4)]


def test_after_many_changes_of_direction_fewer_waits_and_more_does_not() -> None:
    most = SETTINGS.scale_flaps_most
    calm, restless = world(*TURNS[:most]), world(*TURNS[: most + 1])
    assert budget(proposal(IN), calm) is None
    verdict = budget(proposal(IN), restless)
    assert "changed its direction 6 times" in getattr(verdict, "reason", "")
    assert due_s(verdict) == pytest.approx(3600.0 - (120.0 * most + 60.0))
    assert budget(proposal(OUT), restless) is None


def test_undoing_and_the_hands_of_people_are_no_change_of_direction() -> None:
    kinds: tuple[dict[str, Any], ...] = ({"is_undo": True}, {"origin": Origin.PERSON})
    for changes in kinds:
        others = [replace(one, **changes) for one in TURNS]
        assert flaps(proposal(IN), tuple(others), world(*others)) is None


@given(st.lists(st.tuples(st.sampled_from([OUT, IN]), st.floats(11.0, 7200.0)), max_size=20))
def test_fewer_waits_no_longer_than_an_hour_and_only_for_turns(
    changes: list[tuple[ActionKind, float]],
) -> None:
    actions = sorted((past(*one) for one in changes), key=lambda one: one.started_at_s)
    verdict = flaps(proposal(IN), tuple(actions), world(*actions))
    kinds = [one.kind for one in actions if NOW_S - one.started_at_s < 3600.0]
    turns = sum(a is not b for a, b in pairwise(kinds))
    assert (verdict is not None) is (turns >= SETTINGS.scale_flaps_most)
    if verdict is not None:
        assert 0.0 < due_s(verdict) <= 3600.0
    assert flaps(proposal(OUT), tuple(actions), world(*actions)) is None


def test_the_hour_of_turns_follows_the_scale_of_time() -> None:
    quick = replace(world(*TURNS), settings=SETTINGS.scaled(0.2))
    assert flaps(proposal(IN), tuple(TURNS), quick) is None, "only some fall in 720 s"
    near = tuple(past(kind, 24.0 * place + 12.0) for place, kind in enumerate((OUT, IN) * 4))
    assert flaps(proposal(IN), near, quick) is not None


def test_scaling_uses_up_nothing_that_recovery_needs() -> None:
    assert Origin.SCALING in UNCOUNTED
    many = [past(OUT if n % 2 else IN, 20.0 + 30.0 * n, has_passed=n % 3 > 0) for n in range(20)]
    restart = replace(
        proposal(OUT, Origin.RECOVERY),
        steps=(Step(ActionKind.GRACEFUL_RESTART, "a"),),
        cause=Cause.HANG,
    )
    assert budget(restart, world(*many)) is None
